"""What nobody watches is stopped at its source, and comes back with one key frame; on both packet loops."""

from collections.abc import Iterator

import pytest

from signaling.media.demand import STOP_AFTER_S
from signaling.media.reports import LayerChanged, SourceDemand
from signaling.media.speaker import LAST_N
from tests.signaling.net.planes import PLANES, FakePeer
from tests.signaling.net.virtual_room import DELTA, KEY, VirtualRoom


@pytest.fixture(params=PLANES, ids=["python", "native"])
def room(request: pytest.FixtureRequest) -> Iterator[VirtualRoom]:
    made = VirtualRoom(request.param)
    yield made
    made.close()


def demands(room: VirtualRoom) -> list[tuple[str, tuple[str, ...]]]:
    return [(told.source, told.rids) for told in room.told(SourceDemand)]


def starts(peer: FakePeer) -> list[bytes]:
    """The first payload bytes of what arrived."""
    found = []
    for got in peer.received():
        at = 12 + (4 + 4 * int.from_bytes(got[14:16], "big") if got[0] & 0x10 else 0)
        found.append(got[at : at + 2])
    return found


class TestDynacast:
    def test_picture_that_nobody_watches_is_stopped_at_its_source(self, room: VirtualRoom) -> None:
        room.publish("s_a")
        room.subscribe("s_b")
        room.pass_time(3)
        room.wish("s_b", paused=True)
        room.pass_time(STOP_AFTER_S)
        assert demands(room) == []
        room.pass_time(0.5)
        assert demands(room) == [("camera", ())]

    def test_looking_away_for_a_moment_stops_nothing(self, room: VirtualRoom) -> None:
        room.publish("s_a", "l", "h")
        room.subscribe("s_b")
        room.line("s_b")
        for _ in range(4):
            room.pass_time(5)
            room.wish("s_b", paused=True)
            room.pass_time(5)
            room.wish("s_b")
        assert demands(room) == []

    def test_wanted_again_it_is_asked_for_at_once_and_again_until_it_comes(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a")
        room.subscribe("s_b")
        room.pass_time(3)
        room.wish("s_b", paused=True)
        room.pass_time(STOP_AFTER_S + 1)
        publisher.sending.clear()
        room.pass_time(30)
        assert demands(room) == [("camera", ())]
        room.wish("s_b")
        room.pass_time(0.25)
        assert demands(room) == [("camera", ("",))]
        room.pass_time(5)
        assert demands(room) == [("camera", ("",))] * 2  # its page's socket may have been away
        publisher.sending.add("")
        room.pass_time(20)
        assert demands(room) == []

    def test_upper_layer_that_no_tile_needs_is_stopped_and_woken_for_a_larger_tile(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a", "l", "h")
        subscriber = room.subscribe("s_b")
        room.line("s_b")
        room.wish("s_b", max_height=180)
        room.pass_time(STOP_AFTER_S + 2)
        assert demands(room) == [("camera", ("l",))]
        publisher.sending.discard("h")
        room.pass_time(20)
        room.wish("s_b", max_height=720)
        room.pass_time(0.25)
        assert demands(room) == [("camera", ("l", "h"))]
        publisher.sending.add("h")
        publisher.keys.add("h")
        starts(subscriber)
        room.pass_time(2)
        assert starts(subscriber)[-1] == DELTA
        subscription = room.room.downs["down_s_b"].subscriptions["s_a", "camera"]
        assert subscription.output is not None
        [layer] = [p.layers["h"] for p in room.room.publications() if "h" in p.layers]
        assert subscription.output.stream is layer.stream

    def test_layer_is_wanted_while_one_of_two_subscribers_watches_it(self, room: VirtualRoom) -> None:
        room.publish("s_a", "l", "h")
        for seat in ("s_b", "s_c"):
            room.subscribe(seat)
            room.line(seat)
        room.pass_time(15)
        room.wish("s_b", max_height=90)
        room.pass_time(20)
        assert demands(room) == []

    def test_recorder_watches_every_layer(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a", "l", "h")
        room.subscribe("s_b")
        room.wish("s_b", paused=True)
        room.pass_time(STOP_AFTER_S + 1)
        assert demands(room) == [("camera", ())]
        publisher.sending.clear()
        room.registry.taps._taps["room"] = None  # type: ignore[assignment]  # only that there is one counts here
        room.pass_time(0.25)
        assert demands(room) == [("camera", ("l", "h"))]
        room.registry.taps._taps.clear()

    def test_muted_camera_is_left_to_its_page(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a")
        room.subscribe("s_b")
        room.pass_time(2)
        room.relay.set_muted("room", "s_a", "camera", True)
        publisher.sending.clear()
        room.wish("s_b", paused=True)
        room.pass_time(30)
        assert demands(room) == []


class TestKeyFrames:
    def asked(self, room: VirtualRoom) -> int:
        return room.registry.reporter.counters.get("keyframe_requests", 0)

    def test_resumed_picture_begins_with_a_key_frame_and_asks_for_one(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a")
        subscriber = room.subscribe("s_b")
        room.pass_time(5)
        room.wish("s_b", paused=True)
        room.pass_time(5)
        starts(subscriber)
        publisher.answers = False
        before = self.asked(room)
        room.wish("s_b")
        room.pass_time(0.25)
        assert (starts(subscriber), self.asked(room) - before) == ([], 1)
        publisher.keys.add("")
        room.pass_time(1)
        got = starts(subscriber)
        assert got[0] == KEY
        assert set(got[1:]) == {DELTA}

    def test_another_size_of_a_tile_asks_for_none(self, room: VirtualRoom) -> None:
        room.publish("s_a")
        room.subscribe("s_b")
        room.pass_time(5)
        before = self.asked(room)
        for height in (90, 180, 360, 720):
            room.wish("s_b", max_height=height)
            room.pass_time(3)
        assert self.asked(room) == before

    def test_newcomers_picture_costs_the_others_none(self, room: VirtualRoom) -> None:
        first = room.publish("s_a")
        room.join("s_b")
        room.pass_time(5)
        first.keys.add("")
        room.pass_time(5)
        [layer] = [layer for p in room.room.publications() for layer in p.layers.values()]
        room.publish("s_c")
        room.join("s_b")
        room.pass_time(1)
        assert layer.throttle.open_since is None

    def test_without_any_key_frame_it_goes_on_after_three_seconds(self, room: VirtualRoom) -> None:
        publisher = room.publish("s_a")
        subscriber = room.subscribe("s_b")
        room.pass_time(2)
        publisher.answers = False
        room.wish("s_b", paused=True)
        room.pass_time(2)
        room.wish("s_b")
        starts(subscriber)
        room.pass_time(4)
        assert DELTA in starts(subscriber)


class TestLastN:
    def test_faces_of_those_who_spoke_last_are_sent_and_the_rest_are_told(self, room: VirtualRoom) -> None:
        seats = [f"s_{n:02}" for n in range(LAST_N + 3)]
        for seat in seats:
            room.publish(seat)
        room.join("s_x")
        room.pass_time(1)
        beyond = [told.of for told in room.told(LayerChanged) if told.cause == "last_n"]
        assert beyond == seats[LAST_N:]
        room.room.speakers = [seats[-1]]
        room.pass_time(1)
        told = room.told(LayerChanged)
        assert [(t.of, t.rung) for t in told if t.cause == "last_n"] == [(seats[LAST_N - 1], "audio_only")]
        got = room.room.downs["down_s_x"].subscriptions.items()
        on = {key[0] for key, subscription in got if subscription.is_wanted and key[1] == "camera"}
        assert on == {*seats[: LAST_N - 1], seats[-1]}

    def test_hidden_tiles_leave_their_place_to_others(self, room: VirtualRoom) -> None:
        seats = [f"s_{n:02}" for n in range(LAST_N + 1)]
        for seat in seats:
            room.publish(seat)
        room.join("s_x")
        room.pass_time(1)
        room.told(LayerChanged)
        downs = room.room.downs["down_s_x"].subscriptions
        room.wish("s_x", mid=downs[seats[0], "camera"].sent.mid, paused=True)
        room.pass_time(1)
        assert downs[seats[-1], "camera"].is_wanted
