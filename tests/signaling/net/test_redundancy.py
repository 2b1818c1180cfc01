"""Redundant audio (RFC 2198) through both packet loops: stripped, restored, added."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.media import red, rtp
from tests.signaling.media.test_red import gilbert_elliott
from tests.signaling.net.planes import LEVEL, PLANES, Bench, FakePeer, audio, output, packet


@pytest.fixture(params=PLANES, ids=["python", "native"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


def speech(sequence: int, earlier: dict[int, bytes] | None = None, **changes: object) -> bytes:
    """A 20 ms frame named after its number; with `earlier` (packets back -> frame) as a redundant packet."""
    own, stamp = b"frame %d" % sequence, (sequence * 960) & 0xFFFFFFFF
    if earlier is None:
        return packet(sequence & 0xFFFF, own, payload_type=111, timestamp=stamp, **changes)
    frames = [red.Frame(960 * back, data) for back, data in sorted(earlier.items(), reverse=True)]
    payload = red.join(frames, own, 111)
    return packet(sequence & 0xFFFF, payload, payload_type=63, timestamp=stamp, **changes)


def talk(bench: Bench, **terms: object) -> tuple[FakePeer, FakePeer]:
    """A publisher of speech and a subscriber."""
    publisher, subscriber = bench.peer(), bench.peer()
    stream = bench.plane.table.add_stream(publisher.record, audio(extensions={LEVEL: 4}))
    bench.plane.table.add_output(stream, subscriber.record, output(**terms))
    return publisher, subscriber


def heard(subscriber: FakePeer) -> list[tuple[int, int, bytes]]:
    """Sequence number, payload type and payload of what arrived."""
    found = []
    for got in subscriber.received():
        header = rtp.parse_header(got)
        found.append((header.sequence, header.payload_type, got[header.payload_at :]))
    return found


class TestRedundantSpeech:
    def test_publishers_copies_are_stripped_for_a_subscriber_without_them(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench)
        for number in (65535, 65536):
            publisher.send(speech(number, {1: b"frame %d" % (number - 1)}, elements=[(4, b"\x90")], marker=1))
        assert bench.poll() == []
        assert heard(subscriber) == [(65535, 100, b"frame 65535"), (0, 100, b"frame 65536")]
        [stream] = publisher.record.streams.values()
        assert (stream.received, stream.restored, stream.take_level()) == (2, 0, (222, 2))

    def test_lost_frames_are_restored_for_every_subscriber(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench)
        publisher.send(speech(65533))
        publisher.send(speech(65536, {1: b"frame 65535", 2: b"frame 65534"}))
        assert bench.poll() == []  # and no gap is told
        assert heard(subscriber) == [
            (65533, 100, b"frame 65533"), (65534, 100, b"frame 65534"), (65535, 100, b"frame 65535"),
            (0, 100, b"frame 65536"),
        ]  # fmt: skip
        [stream] = publisher.record.streams.values()
        assert (stream.received, stream.restored) == (4, 2)

    def test_late_packet_after_its_copy_is_forwarded_once(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench)
        for sent in (speech(1), speech(3, {1: b"frame 2"}), speech(2)):
            publisher.send(sent)
        bench.poll()
        assert [number for number, _, _ in heard(subscriber)] == [1, 2, 3]
        assert bench.plane.counters.dropped == {"repeated": 1}

    def test_plain_speech_gets_copies_for_a_subscriber_who_agreed(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench, red_payload_type=64)
        [[out]] = subscriber.record.outputs.values()
        out.copies = (1, 3)
        assert out.copies == (1, 3)
        for number in range(5):
            publisher.send(speech(number))
        bench.poll()
        got = heard(subscriber)
        assert got[0] == (0, 100, b"frame 0")
        assert [red.split(payload) for _, _, payload in got[1:]] == [
            ([red.Frame(960, b"frame 0")], b"frame 1"),
            ([red.Frame(960, b"frame 1")], b"frame 2"),
            ([red.Frame(2880, b"frame 0"), red.Frame(960, b"frame 2")], b"frame 3"),
            ([red.Frame(2880, b"frame 1"), red.Frame(960, b"frame 3")], b"frame 4"),
        ]
        assert {number for _, number, _ in got[1:]} == {64}

    def test_without_copies_the_packet_is_plain(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench, red_payload_type=64)
        publisher.send(speech(1))
        publisher.send(speech(2, {1: b"frame 1"}))
        bench.poll()
        assert heard(subscriber) == [(1, 100, b"frame 1"), (2, 100, b"frame 2")]

    def test_frames_too_long_ago_or_too_large_are_left_out(self, bench: Bench) -> None:
        publisher, subscriber = talk(bench, red_payload_type=64)
        [[out]] = subscriber.record.outputs.values()
        out.copies = (1,)
        publisher.send(speech(1))
        publisher.send(packet(2, b"after a pause", payload_type=111, timestamp=960 + red.MAX_OFFSET + 1))
        publisher.send(packet(3, bytes(1100), payload_type=111, timestamp=20_000))
        publisher.send(packet(4, b"after a giant", payload_type=111, timestamp=20_960))
        bench.poll()
        assert [number for _, number, _ in heard(subscriber)] == [100, 100, 64, 100]

    @pytest.mark.parametrize("payload", [b"", b"\xef", b"\xef\x0f\x00\x03\x6fab", b"\xff" * 40])
    def test_lengths_that_do_not_fit_are_dropped(self, bench: Bench, payload: bytes) -> None:
        publisher, subscriber = talk(bench)
        publisher.send(speech(1))
        publisher.send(packet(2, payload, payload_type=63))
        publisher.send(speech(3))
        bench.poll()
        assert [number for number, _, _ in heard(subscriber)] == [1, 3]
        assert bench.plane.counters.dropped == {"rtp": 1}

    @pytest.mark.parametrize("seed", range(3))
    def test_twenty_per_cent_bursty_loss_leaves_speech_whole(self, bench: Bench, seed: int) -> None:
        """Publisher's line clean, subscriber's line loses in runs of two: at least 95 % of the frames arrive."""
        publisher, subscriber = talk(bench, red_payload_type=64)
        [[out]] = subscriber.record.outputs.values()
        out.copies = red.FAR
        lost = gilbert_elliott(0.2, 2.0, random.Random(seed))
        frames: set[bytes] = set()
        for start in range(0, 2000, 50):
            for number in range(start, start + 50):
                publisher.send(speech(number))
            bench.poll()
            for _, kind, payload in heard(subscriber):
                if not next(lost):
                    earlier, own = red.split(payload) if kind == 64 else ([], payload)
                    frames |= {own, *(frame.data for frame in earlier)}
        assert len(frames) >= 0.95 * 2000


@settings(max_examples=100, deadline=None)
@given(
    payloads=st.lists(
        st.binary(max_size=60).map(lambda end: b"\xef\x0f\x00\x03" + end) | st.binary(max_size=60),
        min_size=1,
        max_size=8,
    ),
    steps=st.lists(st.integers(-3, 4), min_size=8, max_size=8),
)
def test_both_loops_make_the_same_of_any_payload(payloads: list[bytes], steps: list[int]) -> None:
    got = []
    for kind in PLANES:
        bench = Bench(kind)
        publisher, subscriber = talk(bench, red_payload_type=64)
        [[out]] = subscriber.record.outputs.values()
        [stream] = publisher.record.streams.values()
        out.copies = red.FAR
        publisher.send(speech(100))
        number = 100
        for payload, step in zip(payloads, steps, strict=False):
            number += step
            publisher.send(packet(number, payload, payload_type=63, timestamp=960 * number))
        bench.poll()
        got.append((heard(subscriber), stream.received, stream.restored))
        bench.close()
    assert got[0] == got[1]
