"""signaling/net: whatever people do, in whatever order, nothing is sent to who has gone and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling.net.native_plane import NativePlane
from tests.signaling.net.planes import PLANES
from tests.signaling.net.virtual_room import VirtualRoom

SEATS = ("s_a", "s_b", "s_c")
LAYERS = ((), ("l", "h"))
HEIGHTS = (0, 120, 180, 720)
LINES_BPS = (40_000, 300_000, 5_000_000)


class People:
    """Seats of one room that publish, watch, wish and go; a step that makes no sense at the moment is none."""

    def __init__(self, kind: type) -> None:
        self.room = VirtualRoom(kind)
        self.up: set[str] = set()
        self.down: set[str] = set()

    def publish(self, seat: str, which: int) -> None:
        """Again is what a page does that rebuilds its link."""
        self._leave(f"up_{seat}")
        self.room.publish(seat, *LAYERS[which % len(LAYERS)])
        self.up.add(seat)

    def watch(self, seat: str, which: int) -> None:
        if not self.up:
            return
        self._leave(f"down_{seat}")
        (self.room.subscribe if which % 2 else self.room.join)(seat)
        self.down.add(seat)

    def wish(self, seat: str, which: int) -> None:
        if seat in self.down:
            self.room.wish(seat, "1", max_height=HEIGHTS[which % len(HEIGHTS)])

    def line(self, seat: str, which: int) -> None:
        self.room.line(seat, bps=LINES_BPS[which % len(LINES_BPS)])

    def mute(self, seat: str, which: int) -> None:
        if seat in self.up:
            self.room.room.set_muted(seat, "camera", bool(which % 2))

    def starve(self, seat: str, which: int) -> None:
        """Key frames that are asked for come, or do not."""
        if seat in self.room.publishers:
            self.room.publishers[seat].answers = bool(which % 2)

    def wait(self, seat: str, which: int) -> None:
        if self.up:
            self.room.pass_time(0.25 * (1 + which % 4))

    def stop_publishing(self, seat: str, which: int) -> None:
        self._leave(f"up_{seat}")

    def stop_watching(self, seat: str, which: int) -> None:
        self._leave(f"down_{seat}")

    def _leave(self, link: str) -> None:
        direction, seat = link.split("_", 1)
        there = self.up if direction == "up" else self.down
        if seat not in there:
            return
        self.room.relay.close_link("room", link)
        there.discard(seat)
        if direction == "up":
            del self.room.publishers[seat]

    def check(self) -> None:
        """Every output that exists is its stream's and an open peer's."""
        rooms = self.room.registry.rooms.values()
        links = [link for room in rooms for state in (room.ups, room.downs) for link in state.values()]
        peers = [state.link.peer for state in links]
        of_streams = {output for peer in peers for stream in peer.streams.values() for output in stream.outputs}
        of_peers = {output for peer in peers for same in peer.outputs.values() for output in same}
        assert of_streams == of_peers
        if isinstance(self.room.bench.plane, NativePlane):
            self._check_kernel(peers)

    def _check_kernel(self, peers: list[Any]) -> None:
        table = self.room.bench.plane.table
        assert {peer.c for peer in peers} == set(table.peers)
        for stream in table.streams.values():
            assert stream.peer.c in table.peers
            kernel_s = [stream.c.outputs[index] for index in range(stream.c.output_count)]
            assert {output.c for output in stream.outputs} == set(kernel_s)
            assert all(output.peer in table.peers for output in kernel_s)


STEPS: tuple[Callable[[People, str, int], None], ...] = (
    People.publish,
    People.watch,
    People.wish,
    People.line,
    People.mute,
    People.starve,
    People.wait,
    People.wait,
    People.stop_publishing,
    People.stop_watching,
)
step = st.tuples(st.sampled_from(STEPS), st.sampled_from(SEATS), st.integers(0, 3))


class TestLifetimes:
    @pytest.mark.parametrize("kind", PLANES, ids=["python", "native"])
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=st.lists(step, min_size=8, max_size=40))
    def test_no_order_of_coming_watching_and_going_leaves_an_output_behind(
        self, kind: type, steps: list[tuple[Callable[[People, str, int], None], str, int]]
    ) -> None:
        people = People(kind)
        try:
            people.publish("s_a", 1)
            people.watch("s_b", 0)
            for take, seat, which in steps:
                take(people, seat, which)
                people.check()
            for seat in SEATS:
                people.stop_publishing(seat, 0)
                people.stop_watching(seat, 0)
            people.check()
        finally:
            people.room.close()
