"""server/bridge.py: which relay carries a room, and what happens when relays come and go. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from server.bridge import LAST_RETRY_S, RelayPool
from signaling.inputs import RelayBack, RelayGone, RelayMoved
from signaling.media.reports import ActiveSpeaker, LinkSnapshot, RelayDraining, RoomClosed, RoomSnapshot
from signaling.net.control import RelayLost
from tests.fakes.relay import FakeConnection, FakeRelay
from tests.fakes.virtual_time import virtual

Told = list[tuple[str, object]]


class Listener:
    """Remembers what the rooms would hear."""

    def __init__(self) -> None:
        self.told: Told = []

    def relay_event(self, room: str, event: object) -> None:
        self.told.append((room, event))


class Node:
    """Two relays and a pool."""

    def __init__(self) -> None:
        self.relays = {"relay-0": FakeRelay(), "relay-1": FakeRelay()}
        self.listener = Listener()
        self.pool = RelayPool(list(self.relays), self.connect)

    async def connect(self, path: str) -> FakeConnection:
        return await self.relays[path].connect(path)

    def relay_of(self, room: str) -> FakeRelay:
        return self.pool.client_of(room).relay  # type: ignore[attr-defined]  # the fake's connection

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.pool.run(self.listener))  # type: ignore[arg-type]  # any event will do
        await asyncio.sleep(0.5)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def node(scenario: Callable[[Node], Awaitable[None]], *dead: str) -> None:
    async def run() -> None:
        made = Node()
        for path in dead:
            made.relays[path].is_alive = False
        async with made.running():
            await scenario(made)

    virtual(run())


class TestChoice:
    """One relay is filled before the next is used, then the least loaded; never one that drains."""

    def test_one_relay_is_filled_before_the_next(self) -> None:
        async def scenario(node: Node) -> None:
            chosen = [node.relay_of(f"room-{number}") for number in range(25)]
            assert [chosen.count(relay) for relay in node.relays.values()] == [24, 1]

        node(scenario)

    def test_full_relays_share_what_comes(self) -> None:
        async def scenario(node: Node) -> None:
            chosen = [node.relay_of(f"room-{number}") for number in range(52)]
            assert [chosen.count(relay) for relay in node.relays.values()] == [26, 26]

        node(scenario)

    def test_room_stays_where_it_is(self) -> None:
        async def scenario(node: Node) -> None:
            first = node.relay_of("room")
            for number in range(3):
                node.relay_of(f"other-{number}")
            assert node.relay_of("room") is first

        node(scenario)

    def test_draining_relay_takes_no_new_room(self) -> None:
        async def scenario(node: Node) -> None:
            draining = node.relay_of("room")
            node.pool.refuse("room")
            assert node.relay_of("room") is not draining

        node(scenario)

    def test_relay_that_is_away_is_not_chosen(self) -> None:
        async def scenario(node: Node) -> None:
            assert node.relay_of("room") is node.relays["relay-1"]

        node(scenario, "relay-0")

    def test_without_any_relay_it_says_so(self) -> None:
        async def scenario(node: Node) -> None:
            with pytest.raises(RelayLost):
                node.pool.client_of("room")
            assert node.pool.connected == 0

        node(scenario, "relay-0", "relay-1")

    def test_forgotten_room_frees_its_place(self) -> None:
        async def scenario(node: Node) -> None:
            first = node.relay_of("room")
            node.pool.forget("room")
            assert node.relay_of("other") is first

        node(scenario)


class TestEvents:
    """A room hears its own relay."""

    def test_event_reaches_its_room(self) -> None:
        async def scenario(node: Node) -> None:
            event = ActiveSpeaker("room", None)
            node.relay_of("room").tell(event)
            await asyncio.sleep(0.1)
            assert ("room", event) in node.listener.told

        node(scenario)

    def test_room_that_the_relay_closed_may_go_elsewhere(self) -> None:
        async def scenario(node: Node) -> None:
            first = node.relay_of("room")
            first.tell(RoomClosed("room"))
            await asyncio.sleep(0.1)
            for number in range(24):
                node.pool.client_of(f"other-{number}")
            assert node.relay_of("room") is not first

        node(scenario)


class TestLoss:
    """A relay that dies hands its rooms to another one at once; without another they wait for it a while."""

    def test_another_relay_takes_the_rooms_at_once(self) -> None:
        async def scenario(node: Node) -> None:
            relay = node.relay_of("room")
            relay.die()
            await asyncio.sleep(0.01)
            assert node.listener.told == [("room", RelayGone("room"))]
            assert node.relay_of("room") is not relay

        node(scenario)

    def test_another_relay_that_drains_does_not(self) -> None:
        async def scenario(node: Node) -> None:
            relay = node.relay_of("room")
            node.relays["relay-1"].tell(RelayDraining())
            await asyncio.sleep(0.01)
            relay.die()
            await asyncio.sleep(0.01)
            assert node.listener.told == []

        node(scenario)

    def test_back_within_a_second_is_told_with_what_is_left(self) -> None:
        async def scenario(node: Node) -> None:
            relay = node.relay_of("room")
            relay.die()
            relay.is_alive = True
            await asyncio.sleep(1)
            assert node.listener.told == [("room", RelayBack("room", RoomSnapshot("room", ())))]
            assert node.relay_of("room") is relay

        node(scenario)

    def test_without_another_the_rooms_wait_for_whichever_comes_first(self) -> None:
        async def scenario(node: Node) -> None:
            relay = node.relay_of("room")
            relay.die()
            await asyncio.sleep(60)
            assert node.listener.told == []
            node.relays["relay-1"].is_alive = True
            await asyncio.sleep(2 * LAST_RETRY_S)
            assert node.listener.told == [("room", RelayGone("room"))]
            assert node.relay_of("room") is node.relays["relay-1"]

        node(scenario, "relay-1")

    def test_meanwhile_the_room_has_no_relay(self) -> None:
        async def scenario(node: Node) -> None:
            node.relay_of("room").die()
            await asyncio.sleep(0.1)
            with pytest.raises(RelayLost):
                node.pool.client_of("room")

        node(scenario, "relay-1")

    def test_rooms_of_an_earlier_web_process_are_found(self) -> None:
        async def run() -> None:
            made = Node()
            link = LinkSnapshot("l_1", "s_1", "up", "connected", 1, (), 0, 0)
            made.relays["relay-1"].links["room"] = {"l_1": link}
            async with made.running():
                assert made.relay_of("room") is made.relays["relay-1"]
                assert await made.pool.links_of("room") == RoomSnapshot("room", (link,))

        virtual(run())

    def test_room_that_nobody_knows_has_no_links(self) -> None:
        async def scenario(node: Node) -> None:
            assert await node.pool.links_of("room") is None

        node(scenario)


class TestDrain:
    """server/README.md "Draining a relay": rooms get another relay, and what the old one tells of them is not told."""

    def test_live_rooms_move_and_their_media_follows(self) -> None:
        async def scenario(node: Node) -> None:
            old = node.relay_of("room")
            old.tell(RelayDraining())
            await asyncio.sleep(0.1)
            assert node.listener.told == [("room", RelayMoved("room"))]
            assert node.relay_of("room") is not old
            assert node.relay_of("new") is not old

        node(scenario)

    def test_the_old_links_end_by_our_word_only(self) -> None:
        async def scenario(node: Node) -> None:
            old = node.relay_of("room")
            old.tell(RelayDraining())
            await asyncio.sleep(0.1)
            await node.pool.leave("room")
            assert old.asked == [("close_room", "room")]

        node(scenario)

    def test_what_the_old_relay_tells_of_a_moved_room_is_not_told(self) -> None:
        async def scenario(node: Node) -> None:
            old = node.relay_of("room")
            old.tell(RelayDraining())
            await asyncio.sleep(0.1)
            node.listener.told.clear()
            old.tell(ActiveSpeaker("room", "s_1"))
            old.tell(RoomClosed("room"))
            await asyncio.sleep(0.1)
            assert node.listener.told == []
            assert node.relay_of("room") is not old

        node(scenario)

    def test_without_another_relay_the_rooms_stay_until_one_comes(self) -> None:
        async def scenario(node: Node) -> None:
            old = node.relay_of("room")
            old.tell(RelayDraining())
            await asyncio.sleep(0.1)
            assert node.listener.told == []
            node.relays["relay-1"].is_alive = True
            await asyncio.sleep(2.0)
            assert ("room", RelayMoved("room")) in node.listener.told

        node(scenario, "relay-1")
