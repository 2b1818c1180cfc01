"""One specification for both packet loops, Python and C: every test here runs on both."""

import resource
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media import feedback, rtcp, rtp
from signaling.media.guard import Datagram
from signaling.net.records import StreamTerms
from tests.signaling.net.planes import (
    LEVEL,
    MID,
    NOW,
    PLANES,
    PROFILES,
    WIDE,
    Bench,
    FakePeer,
    output,
    packet,
    video,
)


@pytest.fixture(params=PLANES, ids=["python", "native"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


def call(bench: Bench, profile: str = "gcm", **terms: object) -> tuple[FakePeer, FakePeer]:
    """A publisher of SSRC 7 and one subscriber who gets it as SSRC 1000."""
    publisher, subscriber = bench.peer(profile), bench.peer(profile)
    stream = bench.plane.table.add_stream(publisher.record, video())
    bench.plane.table.add_output(stream, subscriber.record, output(**terms))
    return publisher, subscriber


class TestForwarding:
    @pytest.mark.parametrize("profile", PROFILES)
    def test_payload_arrives_untouched_under_the_subscribers_numbers(self, bench: Bench, profile: str) -> None:
        publisher, subscriber = call(bench, profile)
        publisher.send(packet(65535, b"\x10abc", marker=1))
        assert bench.poll() == []
        [got] = subscriber.received()
        header = rtp.parse_header(got)
        assert (header.ssrc, header.payload_type, header.sequence, header.marker) == (1000, 100, 65535, True)
        assert got[header.payload_at :] == b"\x10abc"

    def test_extensions_are_the_subscribers_own(self, bench: Bench) -> None:
        publisher, subscriber = bench.peer(), bench.peer()
        stream = bench.plane.table.add_stream(publisher.record, video(extensions={LEVEL: 9, MID: 1}))
        terms = output(mid="3", extensions={MID: 2, WIDE: 5, LEVEL: 11})
        bench.plane.table.add_output(stream, subscriber.record, terms)
        for sequence in (1, 2):
            publisher.send(packet(sequence, elements=[(1, b"theirs"), (9, b"\x85"), (12, b"unknown")]))
        bench.poll()
        second = subscriber.received()[1]
        header = rtp.parse_header(second)
        assert {n: second[a : a + s] for n, a, s in rtp.extensions(second, header)} == {
            2: b"3",
            5: b"\0\1",
            11: b"\x85",
        }

    @pytest.mark.parametrize("kind", PLANES, ids=["python", "native"])
    @pytest.mark.parametrize("segmentation", [True, False])
    @pytest.mark.parametrize("profile", PROFILES)
    def test_bursts_of_any_sizes_arrive_whole(self, kind: type, segmentation: bool, profile: str) -> None:
        bench = Bench(kind, segmentation=segmentation)
        publisher, subscriber = call(bench, profile)
        sizes = [1080] * 70 + [600, 1080, 1081, 1080, 40, 41, 1200, 1200, 1, 1]
        for sequence, size in enumerate(sizes):
            publisher.send(packet(sequence, b"\x10" * size))
        bench.poll()
        got = subscriber.received()
        assert [len(p) - 12 for p in got] == sizes
        assert [rtp.parse_header(p).sequence for p in got] == list(range(len(sizes)))
        bench.close()

    def test_muted_stream_and_paused_output_send_nothing(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        [[out]] = subscriber.record.outputs.values()
        for muted, on in ((True, True), (False, False), (False, True)):
            stream.is_muted, out.is_on = muted, on
            publisher.send(packet(1 + muted + 2 * on))
            bench.poll()
        assert len(subscriber.received()) == 1

    def test_unknown_ssrc_comes_back_decrypted_and_can_be_injected(self, bench: Bench) -> None:
        publisher, subscriber = bench.peer(), bench.peer()
        publisher.send(packet(1))
        [left] = bench.poll()
        assert (left.kind, left.peer, left.data) == (Datagram.RTP, publisher.record, packet(1))
        stream = bench.plane.table.add_stream(publisher.record, video())
        bench.plane.table.add_output(stream, subscriber.record, output())
        bench.plane.inject(stream, left.data, NOW)
        assert len(subscriber.received()) == 1

    def test_next_output_of_the_same_ssrc_goes_on_with_its_numbers(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        publisher.send(packet(500, timestamp=1000))
        bench.poll()
        other = bench.plane.table.add_stream(publisher.record, video(8))
        [[old]] = subscriber.record.outputs.values()
        new = bench.plane.table.add_output(other, subscriber.record, output())
        new.follow(old)
        bench.plane.table.remove(old)
        publisher.send(packet(9, ssrc=8, timestamp=777_000))
        bench.poll(NOW + 0.5)
        first, second = (rtp.parse_header(p) for p in subscriber.received())
        assert second.sequence == 501
        assert second.timestamp - first.timestamp == pytest.approx(45000, abs=2000)  # arrival, not polling, counts

    @pytest.mark.parametrize("jump", [3500, 20_000, 32_000])
    def test_jump_of_the_publishers_numbers_is_closed_up(self, bench: Bench, jump: int) -> None:
        publisher, subscriber = call(bench)
        for sequence in (65530, (65530 + jump) & 0xFFFF, (65531 + jump) & 0xFFFF):
            publisher.send(packet(sequence))
        bench.poll()
        assert [rtp.parse_header(p).sequence for p in subscriber.received()] == [65530, 65531, 65532]

    def test_waiting_output_takes_over_at_a_key_frame(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        other = bench.plane.table.add_stream(publisher.record, video(8))
        [[old]] = subscriber.record.outputs.values()
        new = bench.plane.table.add_output(other, subscriber.record, output())
        bench.plane.start_at_keyframe(new, old)
        publisher.send(packet(1))
        publisher.send(packet(50, b"\x10\x01delta", ssrc=8))
        publisher.send(packet(2))
        publisher.send(packet(51, b"\x10\x00key", ssrc=8))
        publisher.send(packet(3))
        publisher.send(packet(52, b"\x10\x01delta", ssrc=8))
        bench.poll()
        got = subscriber.received()
        assert [rtp.parse_header(p).sequence for p in got] == [1, 2, 3, 4]
        assert [p[14:] for p in got] == [b"payload", b"payload", b"key", b"delta"]

    def test_picture_numbers_go_on_unbroken_from_one_layer_to_the_other(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        other = bench.plane.table.add_stream(publisher.record, video(8))
        [[old]] = subscriber.record.outputs.values()
        publisher.send(packet(1, bytes.fromhex("90e0" "fffe" "ff" "20" "01")))
        bench.poll()
        new = bench.plane.table.add_output(other, subscriber.record, output())
        bench.plane.start_at_keyframe(new, old)
        for number, payload in enumerate(("90e0" "8005" "40" "20" "00", "90e0" "8006" "41" "20" "01")):
            publisher.send(packet(50 + number, bytes.fromhex(payload), ssrc=8))
        bench.poll()
        got = [p[12:].hex() for p in subscriber.received()]
        assert got == ["90e0fffeff2001", "90e0ffff002000", "90e08000012001"]



class TestPictureNumbers:
    @given(first=st.binary(min_size=1, max_size=12), second=st.binary(min_size=1, max_size=12), vp9=st.booleans())
    @settings(max_examples=60, deadline=None)
    def test_both_loops_number_any_payload_alike(self, first: bytes, second: bytes, vp9: bool) -> None:
        made = []
        for kind in PLANES:
            bench = Bench(kind)
            publisher, subscriber = bench.peer(), bench.peer()
            terms = replace(video(7), codec="VP9" if vp9 else "VP8")
            streams = [bench.plane.table.add_stream(publisher.record, replace(terms, ssrc=n)) for n in (7, 8)]
            old = bench.plane.table.add_output(streams[0], subscriber.record, output())
            bench.plane.inject(streams[0], packet(1, first), NOW)
            new = bench.plane.table.add_output(streams[1], subscriber.record, output())
            bench.plane.start_at_keyframe(new, old)
            for number, payload in enumerate((second, b"\x90\xc0\x05\x01\x00", second)):
                bench.plane.inject(streams[1], packet(5 + number, payload, ssrc=8), NOW)
            bench.poll()
            made.append([p[12:].hex() for p in subscriber.received()])
            bench.close()
        assert made[0] == made[1]


class TestLossRepair:
    def test_retransmission_without_rtx_repeats_the_packet(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        for sequence in (65535, 0):
            publisher.send(packet(sequence, b"\x10%d" % sequence))
        bench.poll()
        first = subscriber.received()
        [[out]] = subscriber.record.outputs.values()
        assert bench.plane.retransmit(out, (65535, 7), NOW) == 1
        assert len(subscriber.datagrams()) == 1
        assert len(first) == 2

    def test_retransmission_as_rtx_carries_the_original_number(self, bench: Bench) -> None:
        publisher, subscriber = call(bench, rtx_ssrc=2000, rtx_payload_type=101)
        publisher.send(packet(65535, b"\x10abc"))
        bench.poll()
        subscriber.received()
        [[out]] = subscriber.record.outputs.values()
        bench.plane.retransmit(out, (65535,), NOW)
        [got] = subscriber.received()
        header = rtp.parse_header(got)
        assert (header.ssrc, header.payload_type) == (2000, 101)
        assert got[header.payload_at :] == b"\xff\xff\x10abc"

    def test_publishers_rtx_is_restored_and_forwarded_once(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        bench.plane.table.add_stream(publisher.record, video(9, repaired=stream))
        publisher.send(packet(1))
        publisher.send(packet(3))
        for sequence, payload in ((1, b"\x00\x02\x10late"), (2, b"\x00\x02\x10late"), (3, b"")):
            publisher.send(packet(sequence, payload, ssrc=9, payload_type=97))
        gaps = [left for left in bench.poll() if left.kind is Datagram.GAP]
        assert gaps[0].stream is stream
        got = {rtp.parse_header(p).sequence: p[12:] for p in subscriber.received()}
        assert sorted(got) == [1, 2, 3]
        assert got[2] == b"\x10late"
        assert stream.received == 3

    def test_skipped_numbers_are_told_until_they_come(self, bench: Bench) -> None:
        publisher, _ = call(bench)
        [stream] = publisher.record.streams.values()
        for sequence in (65534, 1, 4):
            publisher.send(packet(sequence))
        bench.poll()
        assert [n & 0xFFFF for n in stream.take_skipped()] == [65535, 0, 2, 3]
        assert stream.take_skipped() == []
        publisher.send(packet(0))
        bench.poll()
        assert stream.has(0) and not stream.has(65535)


class TestStatistics:
    def test_wraps_are_counted_and_repeats_are_not(self, bench: Bench) -> None:
        publisher, _ = call(bench)
        [stream] = publisher.record.streams.values()
        for sequence in (65534, 65535, 0, 1):
            publisher.send(packet(sequence))
        bench.poll()
        assert (stream.highest - stream.base, stream.received) == (3, 4)

    def test_key_frame_ends_the_waiting_for_it(self, bench: Bench) -> None:
        publisher, _ = call(bench)
        [stream] = publisher.record.streams.values()
        stream.awaits_keyframe = True
        publisher.send(packet(1, b"\x10\x01delta"))
        bench.poll()
        assert stream.awaits_keyframe
        publisher.send(packet(2, b"\x10\x00key"))
        bench.poll()
        assert not stream.awaits_keyframe

    def test_audio_levels_are_summed(self, bench: Bench) -> None:
        publisher = bench.peer()
        stream = bench.plane.table.add_stream(publisher.record, video(extensions={LEVEL: 3}))
        for sequence, level in ((1, 0x80 | 27), (2, 127)):
            publisher.send(packet(sequence, elements=[(3, bytes((level,)))]))
        bench.poll()
        assert stream.take_level() == (100, 2)
        assert stream.take_level() == (0, 0)


class TestTransportFeedback:
    def test_publisher_is_told_arrivals_and_losses(self, bench: Bench) -> None:
        publisher = bench.peer()
        publisher.record.wide_id, publisher.record.ssrc = 3, 77
        bench.plane.table.add_stream(publisher.record, video())
        for sequence, number in ((1, 65534), (2, 65535), (3, 1), (4, 2)):
            publisher.send(packet(sequence, elements=[(3, number.to_bytes(2, "big"))]))
        bench.poll()
        bench.plane.send_feedback()
        bench.poll()
        [got] = publisher.received_rtcp()
        [told] = rtcp.parse(got)
        assert isinstance(told, rtcp.TransportFeedback)
        statuses = feedback.parse(told.body)
        assert [n for n, at in statuses if at is not None] == [65534, 65535, 1, 2]
        assert [n for n, at in statuses if at is None] == [0]

    def test_loss_between_two_feedbacks_is_told_too(self, bench: Bench) -> None:
        publisher = bench.peer()
        publisher.record.wide_id = 3
        bench.plane.table.add_stream(publisher.record, video())
        for sequence, number in ((1, 10), (2, 14)):
            publisher.send(packet(sequence, elements=[(3, number.to_bytes(2, "big"))]))
            bench.poll()
            bench.plane.send_feedback()
            bench.poll()
        [told] = rtcp.parse(publisher.received_rtcp()[1])
        assert isinstance(told, rtcp.TransportFeedback)
        assert [n for n, at in feedback.parse(told.body) if at is None] == [11, 12, 13]

    def test_it_is_about_the_publishers_picture(self, bench: Bench) -> None:
        publisher = bench.peer()
        publisher.record.wide_id = 3
        bench.plane.table.add_stream(publisher.record, StreamTerms(6, "audio", "opus", 48000, 111))
        bench.plane.table.add_stream(publisher.record, video())
        publisher.send(packet(1, ssrc=6, elements=[(3, b"\0\1")]))
        bench.poll()
        bench.plane.send_feedback()
        bench.poll()
        [got] = publisher.received_rtcp()
        assert int.from_bytes(got[8:12], "big") == 7  # RFC 4585 §6.1: SSRC of media source

    def test_a_publisher_that_ends_with_feedback_waiting_harms_nobody(self, bench: Bench) -> None:
        publisher, other = bench.peer(), bench.peer()
        for peer in (publisher, other):
            peer.record.wide_id = 3
            bench.plane.table.add_stream(peer.record, video())
            peer.send(packet(1, elements=[(3, b"\0\1")]))
        bench.poll()
        bench.plane.table.close_peer(publisher.record)
        bench.plane.send_feedback()
        bench.plane.table.close_peer(other.record)
        assert bench.poll() == []

    def test_subscribers_feedback_becomes_a_path_report(self, bench: Bench) -> None:
        publisher, subscriber = call(bench, extensions={WIDE: 3})
        for sequence in range(5):
            publisher.send(packet(sequence))
            bench.poll(NOW + sequence / 100)
        body = feedback.write([(0, 5.0), (1, 5.01), (3, 5.04), (4, 5.04)], 0, 0)
        subscriber.send_rtcp(rtcp.transport_feedback(1, 1000, body))
        assert bench.poll(NOW + 0.1) == []
        report = subscriber.record.take_path()
        assert (report.received, report.lost) == (4, 1)
        assert report.delay_last - report.delay_min == pytest.approx(0.01, abs=0.02)
        assert subscriber.record.take_path().received == 0

    @pytest.mark.parametrize(
        "body",
        [b"", b"\0\0\xff\xff" + bytes(8), b"\0\0\0\x09" + bytes(8), b"\0\0\0\x07" + bytes(4) + b"\x40\x07"],
    )
    def test_feedback_that_does_not_fit_changes_nothing(self, bench: Bench, body: bytes) -> None:
        _, subscriber = call(bench, extensions={WIDE: 3})
        subscriber.send_rtcp(rtcp.transport_feedback(1, 1000, body))
        bench.plane.note_feedback(subscriber.record, body, NOW)
        bench.poll()
        assert subscriber.record.take_path().received == 0


class TestGuard:
    RECORD = b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x00"

    @pytest.mark.parametrize(
        ("data", "cause"),
        [(b"", "junk"), (bytes(2049), "junk"), (b"\xff" * 50, "junk"), (RECORD, "stranger"), (b"\x80" * 40, "stranger"),
         (b"\x80\xc9" + bytes(30), "stranger")],
    )  # fmt: skip
    def test_strangers_get_nothing_and_are_counted(self, bench: Bench, data: bytes, cause: str) -> None:
        stranger = bench.peer()
        bench.plane.table.bind(stranger.address, None)
        stranger.sock.sendto(data, bench.address)
        assert bench.poll() == []
        assert stranger.datagrams() == []
        assert bench.plane.counters.dropped == {cause: 1}

    @pytest.mark.parametrize(
        ("data", "cause"),
        [(b"\x15" + RECORD[1:], "dtls"), (RECORD[:-1], "dtls"), (b"\x80\x60" + bytes(60), "srtp"),
         (b"\x80\xc9" + bytes(60), "srtcp")],
    )  # fmt: skip
    def test_forged_packets_of_a_known_source_are_dropped_and_the_call_goes_on(
        self, bench: Bench, data: bytes, cause: str
    ) -> None:
        publisher, subscriber = call(bench)
        publisher.sock.sendto(data, bench.address)
        publisher.send(packet(1))
        assert bench.poll() == []
        assert bench.plane.counters.dropped == {cause: 1}
        assert len(subscriber.received()) == 1

    @pytest.mark.parametrize(
        "payload",
        [b"\xaf" + packet(1)[1:], b"\xb0" + packet(1)[1:12] + b"\xbe\xde\xff\xff", packet(1) + b"\x00"],
    )
    def test_inconsistent_lengths_inside_srtp_are_refused(self, bench: Bench, payload: bytes) -> None:
        publisher, subscriber = call(bench)
        data = bytes((payload[0] | 0x20,)) + payload[1:]
        try:
            publisher.send(data)
        except Exception:  # noqa: BLE001  # libsrtp itself refuses to encrypt some of them
            return
        bench.poll()
        assert subscriber.received() == []

    def test_replayed_packet_is_forwarded_once(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        data = publisher.tx.protect(packet(1))
        for _ in range(2):
            publisher.sock.sendto(data, bench.address)
        bench.poll()
        assert len(subscriber.received()) == 1

    def test_stun_passes_from_anybody(self, bench: Bench) -> None:
        stranger = bench.peer()
        bench.plane.table.bind(stranger.address, None)
        stranger.sock.sendto(b"\x00\x01" + bytes(18), bench.address)
        [left] = bench.poll()
        assert (left.kind, left.peer, left.address) == (Datagram.STUN, None, stranger.address)


class TestClosing:
    def test_closed_subscriber_gets_nothing_and_the_others_go_on(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        other = bench.peer()
        [stream] = publisher.record.streams.values()
        bench.plane.table.add_output(stream, other.record, output(3000))
        bench.plane.table.close_peer(subscriber.record)
        publisher.send(packet(1))
        bench.poll()
        assert (len(other.received()), subscriber.datagrams()) == (1, [])

    def test_closed_publisher_is_a_stranger(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        bench.plane.table.close_peer(publisher.record)
        bench.plane.table.close_peer(publisher.record)
        publisher.send(packet(1))
        bench.poll()
        assert subscriber.datagrams() == []
        assert subscriber.record.outputs == {}

    def test_a_subscriber_who_goes_while_a_layer_waits_leaves_nothing_behind(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        other = bench.plane.table.add_stream(publisher.record, video(8))
        [[old]] = subscriber.record.outputs.values()
        bench.plane.start_at_keyframe(bench.plane.table.add_output(other, subscriber.record, output()), old)
        bench.plane.table.close_peer(subscriber.record)
        assert (stream.outputs, other.outputs, subscriber.record.outputs) == ([], [], {})
        publisher.send(packet(1))
        publisher.send(packet(50, b"\x10\x00key", ssrc=8))
        bench.poll()
        assert subscriber.datagrams() == []

    def test_a_layer_that_is_given_up_leaves_the_one_before_it(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        other = bench.plane.table.add_stream(publisher.record, video(8))
        [[old]] = subscriber.record.outputs.values()
        new = bench.plane.table.add_output(other, subscriber.record, output())
        bench.plane.start_at_keyframe(new, old)
        bench.plane.table.remove(new)
        assert subscriber.record.outputs == {1000: [old]}

    def test_records_that_ended_can_still_be_asked_and_told_without_harm(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        [[out]] = subscriber.record.outputs.values()
        bench.plane.table.close_peer(publisher.record)
        bench.plane.table.close_peer(subscriber.record)
        for _ in range(3):
            stream.awaits_keyframe = stream.is_muted = out.is_on = True
            publisher.record.address = ("192.0.2.1", 9)
            assert not stream.has(5)
            bench.plane.retransmit(out, (1, 2), NOW)
            bench.plane.inject(stream, packet(1), NOW)
            bench.plane.send_rtcp(publisher.record, rtcp.picture_loss(1, 2))
            bench.plane.send_feedback()
            bench.poll()
            bench.plane.table.remove(out)
            bench.plane.table.remove(stream)
        assert bench.poll() == []
        assert publisher.datagrams() == subscriber.datagrams() == []

    def test_thousands_of_joins_reuse_their_memory(self, bench: Bench) -> None:
        def join() -> None:
            publisher = bench.plane.table.open_peer()
            subscriber = bench.plane.table.open_peer()
            stream = bench.plane.table.add_stream(publisher, video())
            bench.plane.table.add_output(stream, subscriber, output())
            bench.plane.table.bind(("192.0.2.1", 5000), publisher)
            bench.plane.table.close_peer(publisher)
            bench.plane.table.close_peer(subscriber)

        for _ in range(200):
            join()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(2000):
            join()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB
