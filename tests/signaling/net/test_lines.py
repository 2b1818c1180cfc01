"""Subscribers' lines in a room in virtual time: warned before sound alone, REMB for old peers, memory per network."""

from collections.abc import Iterator

import pytest

from signaling.media import rtcp
from signaling.media.reports import LayerChanged, LayerSoon, SourceDemand
from signaling.net.reporter import REMB_BPS
from tests.signaling.net.planes import PLANES, FakePeer
from tests.signaling.net.virtual_room import VirtualRoom


@pytest.fixture(params=PLANES, ids=["python", "native"])
def room(request: pytest.FixtureRequest) -> Iterator[VirtualRoom]:
    made = VirtualRoom(request.param)
    yield made
    made.close()


def until(room: VirtualRoom, kind: type, seconds: float = 60) -> tuple[float, list[object]]:
    """Pass time until an event of this kind; when it came, and all of its kind then."""
    for _ in range(round(seconds * 4)):
        room.pass_time(0.25)
        told = room.told(kind)
        if told:
            return room.now, told
    raise AssertionError(f"no {kind.__name__} within {seconds} s")


def two_layers(room: VirtualRoom, *, wide: bool = True) -> FakePeer:
    """A doctor who watches a patient's picture in its upper layer."""
    room.publish("s_a", "l", "h")
    subscriber = room.subscribe("s_b", wide=wide)
    return subscriber


def rung_of(room: VirtualRoom) -> str:
    """The rid that the subscriber gets now."""
    subscription = room.room.downs["down_s_b"].subscriptions["s_a", "camera"]
    if not subscription.is_wanted or subscription.output is None:
        return "none"
    [publication] = [p for p in room.room.publications() if p.received.kind == "video"]
    stream = (subscription.waiting or subscription.output).stream
    return next(rid for rid, layer in publication.layers.items() if layer.stream is stream)


class TestLadder:
    def test_sound_alone_is_warned_of_seconds_before(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.line("s_b")
        room.pass_time(25)
        room.told()
        room.line("s_b", received=40, lost=20, bps=60_000)
        warned_at = changed_at = 0.0
        for _ in range(240):
            room.pass_time(0.25)
            for event in room.told(LayerSoon, LayerChanged):
                if event.rung == "audio_only" and isinstance(event, LayerSoon):
                    warned_at = warned_at or room.now
                elif event.rung == "audio_only":
                    changed_at = changed_at or room.now
        assert changed_at - warned_at >= 2.5
        assert rung_of(room) == "none"

    def test_warning_is_taken_back_when_the_line_recovers(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.line("s_b")
        room.pass_time(25)
        room.told()
        room.line("s_b", received=40, lost=25, bps=60_000)
        _, [warned] = until(room, LayerSoon)
        assert isinstance(warned, LayerSoon) and warned.rung
        room.line("s_b")
        _, [over] = until(room, LayerSoon)
        assert over == LayerSoon("room", "s_b", None, "s_a", "camera")

    def test_sound_alone_lasts_ten_seconds_and_the_picture_comes_back(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.pass_time(1)
        room.line("s_b", received=40, lost=20, bps=60_000)
        while rung_of(room) != "none":
            until(room, LayerChanged)
        began = room.now
        room.line("s_b", bps=400_000)
        back, _ = until(room, LayerChanged, 120)
        assert back - began >= 10
        assert rung_of(room) == "l"

    def test_voices_keep_to_what_a_thin_line_takes_and_grow_rich_again(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.line("s_b", received=40, lost=20, bps=50_000)
        room.pass_time(15)
        told = [event for event in room.told(SourceDemand) if event.source == "microphone"]
        assert told[-1].max_bps == 10_000
        room.line("s_b", bps=5e6)
        room.pass_time(60)
        told = [event for event in room.told(SourceDemand) if event.source == "microphone"]
        assert told[-1].max_bps == 0


class TestNetworks:
    def test_what_a_network_carried_is_where_the_next_path_on_it_begins(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.relay.set_layers("room", "down_s_b", (), "wifi")
        room.line("s_b", bps=6e6)
        room.pass_time(20)
        room.relay.set_layers("room", "down_s_b", (), "cellular")
        room.line("s_b", received=40, lost=20, bps=60_000)
        room.pass_time(20)
        assert rung_of(room) == "none"
        room.line("s_b", bps=6e6)
        room.relay.set_layers("room", "down_s_b", (), "wifi")
        room.pass_time(1)
        assert rung_of(room) == "l"
        room.relay.set_layers("room", "down_s_b", (), "cellular")
        room.line("s_b", bps=60_000)
        room.pass_time(0.25)
        estimate = room.allocator._lines["down_s_b"].estimator.estimate_bps
        assert estimate < 200_000

    def test_a_new_link_of_the_seat_begins_with_it_too(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.relay.set_layers("room", "down_s_b", (), "cellular")
        room.line("s_b", received=40, lost=20, bps=60_000)
        room.pass_time(20)
        room.relay.close_link("room", "down_s_b")
        room.subscribe("s_b")
        room.relay.set_layers("room", "down_s_b", (), "cellular")
        room.paths.clear()
        room.pass_time(0.25)
        assert room.allocator._lines["down_s_b"].estimator.estimate_bps < 200_000


def report(room: VirtualRoom, loss: float, remb_bps: int = 0) -> None:
    """What a peer without transport-wide feedback sends once a second, for ten seconds."""
    down = room.room.downs["down_s_b"]
    subscription = down.subscriptions["s_a", "camera"]
    block = rtcp.ReportBlock(subscription.sent.outgoing.ssrc, int(loss * 256), 0, 0, 0, 0, 0)
    for _ in range(10):
        compound = rtcp.receiver_report(1, [block]) + (rtcp.remb(1, remb_bps, [block.ssrc]) if remb_bps else b"")
        room.registry.reporter.receive(room.room, down.link, compound, room.now)
        room.pass_time(1)


class TestPeersWithoutTransportWideFeedback:
    def test_remb_chooses_the_layer(self, room: VirtualRoom) -> None:
        two_layers(room, wide=False)
        report(room, 0.0, 3_000_000)
        assert rung_of(room) == "h"
        report(room, 0.0, 260_000)
        assert rung_of(room) == "l"
        report(room, 0.0, 60_000)
        assert rung_of(room) == "none"

    def test_loss_in_receiver_reports_does_it_without_remb(self, room: VirtualRoom) -> None:
        two_layers(room, wide=False)
        report(room, 0.0)
        assert rung_of(room) == "h"
        report(room, 0.3)
        report(room, 0.3)
        assert rung_of(room) != "h"

    def test_remb_that_is_not_repeated_is_forgotten(self, room: VirtualRoom) -> None:
        two_layers(room, wide=False)
        report(room, 0.0, 260_000)
        assert rung_of(room) == "l"
        room.pass_time(10)
        for _ in range(6):
            report(room, 0.0)
        assert room.allocator._lines["down_s_b"].estimator.cap_bps > 1e6

    def test_publisher_is_told_a_ceiling_and_no_transport_wide_feedback(self, room: VirtualRoom) -> None:
        room.publish("s_a", wide=False)
        room.pass_time(1)
        up = room.room.ups["up_s_a"]
        room.registry.reporter.report_up(up, room.now)
        room.bench.plane.send_feedback()
        [peer] = [peer for peer in room.bench.peers if peer.record is up.link.peer]
        told = [packet for data in peer.received_rtcp() for packet in rtcp.parse(data)]
        [ssrc] = [ssrc for ssrc in up.link.peer.streams if ssrc]
        [remb] = [packet for packet in told if isinstance(packet, rtcp.Remb)]
        assert remb.ssrcs == (ssrc,)
        assert 0.99 * REMB_BPS < remb.bitrate_bps <= REMB_BPS
        assert not [packet for packet in told if isinstance(packet, rtcp.TransportFeedback)]

    def test_a_key_frame_wished_for_just_after_another_is_asked_for(self, room: VirtualRoom) -> None:
        two_layers(room)
        room.pass_time(5)
        [layer] = [p.layers["h"] for p in room.room.publications() if p.received.kind == "video"]
        reporter = room.registry.reporter
        before = reporter.counters.get("keyframe_requests", 0)
        for after_s in (0.0, 0.1):
            reporter.want_keyframe(layer, room.now + after_s)
            if after_s == 0.0:
                layer.stream.awaits_keyframe = False  # the first one came at once
            reporter.repair(room.now + after_s + 0.025)
        assert reporter.counters["keyframe_requests"] == before + 1
        reporter.repair(room.now + 0.6)
        assert reporter.counters["keyframe_requests"] == before + 2

    def test_lost_packets_are_not_sent_again_without_retransmission_format(self, room: VirtualRoom) -> None:
        """The same SRTP index would be encrypted twice with another header extension; AES-GCM does not forgive it."""
        two_layers(room, wide=False)
        room.pass_time(2)
        down = room.room.downs["down_s_b"]
        subscription = down.subscriptions["s_a", "camera"]
        assert subscription.output is not None
        nack = rtcp.nack(1, subscription.sent.outgoing.ssrc, [subscription.output.last_sequence])
        room.registry.reporter.receive(room.room, down.link, nack, room.now)
        assert "nack_answered" not in room.registry.reporter.counters
