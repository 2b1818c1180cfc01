"""When rooms are looked at: all of them in every round, few enough at once that nobody's media waits."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from signaling.net import dtls
from signaling.net.clockwork import REPAIR_INTERVAL_S, ROOMS_A_TURN, SLOW_INTERVAL_S, UNUSED_INTERVAL_S, Clockwork
from signaling.net.link import Surroundings
from signaling.net.plane import Plane
from signaling.net.port import open_port
from signaling.net.registry import Registry
from signaling.net.room import Room


class Watched(Clockwork):
    """Notes which rooms are looked at."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.seen: list[str] = []

    def _watch(self, room: Room, now: float) -> None:
        self.seen.append(room.name)


@pytest.fixture
def registry() -> Iterator[Registry]:
    sock = open_port("127.0.0.1", 0)
    yield Registry(Surroundings(Plane(sock), dtls.make_certificate(), (), asyncio.TaskGroup()))
    sock.close()


def turns(clockwork: Watched, seconds: float) -> list[list[str]]:
    """The rooms of each turn, in virtual time."""
    now, found = 1000.0, []
    while now < 1000.0 + seconds:
        clockwork.seen = []
        clockwork.handle_timer(now)
        found.append(clockwork.seen)
        now += clockwork.rest_s
    return found


class TestRounds:
    @pytest.mark.parametrize("count", [1, 4, 33, 200])
    async def test_every_room_has_its_turn_in_every_round(self, registry: Registry, count: int) -> None:
        for number in range(count):
            registry.room(f"room{number}")
        seen = Counter(name for turn in turns(Watched(registry), 4 * SLOW_INTERVAL_S) for name in turn)
        assert len(seen) == count
        assert set(seen.values()) <= {3, 4}

    async def test_a_turn_takes_few_rooms(self, registry: Registry) -> None:
        for number in range(200):
            registry.room(f"room{number}")
        assert max(len(turn) for turn in turns(Watched(registry), 1.0)) == ROOMS_A_TURN

    async def test_a_room_that_ended_is_passed_over(self, registry: Registry) -> None:
        rooms = [registry.room(f"room{number}") for number in range(2 * ROOMS_A_TURN)]
        clockwork = Watched(registry)
        clockwork.handle_timer(1000.0)
        registry.drop_room(rooms[-1])
        clockwork.handle_timer(1000.0 + REPAIR_INTERVAL_S)
        assert clockwork.seen == [f"room{number}" for number in range(2 * ROOMS_A_TURN - 1)]

    async def test_a_relay_without_rooms_rests(self, registry: Registry) -> None:
        assert Clockwork(registry).rest_s == UNUSED_INTERVAL_S
        registry.room("room")
        assert Clockwork(registry).rest_s == REPAIR_INTERVAL_S
