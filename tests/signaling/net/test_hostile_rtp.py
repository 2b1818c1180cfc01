"""Numbers, clocks, sources and header extensions that a publisher may get wrong: both packet loops, one table each."""

from collections.abc import Iterator

import pytest

from signaling.media import codecs, rtp
from tests.signaling.net.planes import LEVEL, NOW, PLANES, WIDE, Bench, FakePeer, output, packet, video

ORIENTATION = codecs.VIDEO_ORIENTATION


@pytest.fixture(params=PLANES, ids=["python", "native"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


def call(bench: Bench) -> tuple[FakePeer, FakePeer]:
    publisher, subscriber = bench.peer(), bench.peer()
    stream = bench.plane.table.add_stream(publisher.record, video(extensions={LEVEL: 4, ORIENTATION: 5, WIDE: 3}))
    publisher.record.wide_id = 3
    bench.plane.table.add_output(stream, subscriber.record, output(extensions={ORIENTATION: 9}))
    return publisher, subscriber


def headers(subscriber: FakePeer) -> list[rtp.Header]:
    return [rtp.parse_header(got) for got in subscriber.received()]


class TestSequenceNumbers:
    @pytest.mark.parametrize(
        ("sent", "got"),
        [
            ([65534, 65535, 0, 1], [65534, 65535, 0, 1]),
            ([65535, 1, 0], [65535, 1, 0]),  # overtaken at the wrap
            ([0, 65535, 1], [0, 65535, 1]),
            ([10, 10, 10, 11], [10, 11]),  # repeated
            ([10, 2000, 2001], [10, 2000, 2001]),  # a gap that may be loss
            ([10, 5000, 5001], [10, 11, 12]),  # a new start
            ([30_000, 10, 11, 12], [30_000]),  # far back: nobody waits for these
            ([10, 32_777, 32_778], [10, 11, 12]),  # the largest step forward
        ],
    )
    def test_what_a_subscriber_gets(self, bench: Bench, sent: list[int], got: list[int]) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        for number in sent:
            bench.plane.inject(stream, packet(number, b"\x10\x01%d" % number), NOW)
        assert [header.sequence for header in headers(subscriber)] == got


class TestTimestamps:
    @pytest.mark.parametrize(
        ("first", "step", "most_ms"),
        [(0xFFFFFFFF - 1500, 3000, 1), (0, 3000, 1), (5, -3000, 150), (1000, 0x7FFFFFFF, 150), (7, 0, 70)],
        ids=["wrap", "plain", "backwards", "half the circle", "standing"],
    )
    def test_are_passed_on_and_jitter_stays_sane(self, bench: Bench, first: int, step: int, most_ms: float) -> None:
        publisher, subscriber = call(bench)
        [stream] = publisher.record.streams.values()
        stamps = [(first + n * step) & 0xFFFFFFFF for n in range(4)]
        for number, stamp in enumerate(stamps):
            bench.plane.inject(stream, packet(number, timestamp=stamp), NOW + number / 30)
        assert [header.timestamp for header in headers(subscriber)] == stamps
        assert stream.jitter * 1000 <= most_ms


class TestSources:
    def test_two_publishers_with_one_ssrc_stay_apart(self, bench: Bench) -> None:
        subscriber = bench.peer()
        publishers = [bench.peer(), bench.peer()]
        for number, publisher in enumerate(publishers):
            stream = bench.plane.table.add_stream(publisher.record, video(7))
            bench.plane.table.add_output(stream, subscriber.record, output(1000 + number))
        for number, publisher in enumerate(publishers):
            publisher.send(packet(100 * number, b"\x10\x01%d" % number))
        bench.poll()
        assert sorted((h.ssrc, h.sequence) for h in headers(subscriber)) == [(1000, 0), (1001, 100)]

    def test_subscriber_that_publishes_our_own_ssrc_disturbs_nobody(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        echo = bench.peer()
        stream = bench.plane.table.add_stream(subscriber.record, video(1000))
        bench.plane.table.add_output(stream, echo.record, output(3000))
        publisher.send(packet(1))
        subscriber.send(packet(9, ssrc=1000))
        bench.poll()
        assert [h.ssrc for h in headers(subscriber)] == [1000]
        assert [(h.ssrc, h.sequence) for h in headers(echo)] == [(3000, 9)]

    def test_csrcs_are_left_out_and_the_payload_is_whole(self, bench: Bench) -> None:
        publisher, subscriber = call(bench)
        data = packet(1, bytes(4) + bytes(4) + b"\x10\x01body")
        publisher.send(bytes((data[0] | 2,)) + data[1:])
        bench.poll()
        [got] = subscriber.received()
        assert got[rtp.parse_header(got).payload_at :] == b"\x10\x01body"


GARBAGE = {
    "empty block": b"\xbe\xde\x00\x00",
    "padding alone": b"\xbe\xde\x00\x02" + bytes(8),
    "id 15 ends it": b"\xbe\xde\x00\x01\xf0\xff\xff\xff",
    "id 0 with a length": b"\xbe\xde\x00\x01\x03\xff\xff\xff",
    "longer than the block": b"\xbe\xde\x00\x01\x5f\x01\x02\x03",
    "the same id twenty times": b"\xbe\xde\x00\x0a" + b"\x50\x01" * 20,
    "all ids": b"\xbe\xde\x00\x07" + b"".join(bytes((n << 4, n)) for n in range(1, 15)),
    "transport-wide number of one byte": b"\xbe\xde\x00\x01\x30\x01\x00\x00",
    "transport-wide number of sixteen": b"\xbe\xde\x00\x05\x3f" + bytes(19),
    "level of no byte, two-byte form": b"\x10\x00\x00\x01\x04\x00\x05\x00",
    "orientation of 255 bytes, two-byte form": b"\x10\x0f\x00\x41\x05\xff" + bytes(258),
    "cut in a length, two-byte form": b"\x10\x00\x00\x01\x00\x00\x00\x05",
    "another profile": b"\xca\xfe\x00\x01\x50\x01\x50\x01",
}


class TestHeaderExtensions:
    @pytest.mark.parametrize("block", GARBAGE.values(), ids=list(GARBAGE))
    def test_garbage_costs_no_packet(self, bench: Bench, block: bytes) -> None:
        publisher, subscriber = call(bench)
        plain = packet(1, b"\x10\x01body")
        publisher.send(bytes((plain[0] | 0x10,)) + plain[1:12] + block + plain[12:])
        publisher.send(packet(2, b"\x10\x01next", elements=[(5, b"\x02")]))
        bench.poll()
        first, second = subscriber.received()
        assert first.endswith(b"\x10\x01body")
        header = rtp.parse_header(second)
        assert {n: second[a : a + s] for n, a, s in rtp.extensions(second, header)} == {9: b"\x02"}

    @pytest.mark.parametrize("block", GARBAGE.values(), ids=list(GARBAGE))
    def test_both_loops_pass_on_the_same(self, block: bytes) -> None:
        found = []
        for kind in PLANES:
            bench = Bench(kind)
            publisher, subscriber = call(bench)
            plain = packet(1, b"\x10\x01body")
            publisher.send(bytes((plain[0] | 0x10,)) + plain[1:12] + block + plain[12:])
            bench.poll()
            [stream] = publisher.record.streams.values()
            found.append((subscriber.received(), stream.take_level()))
            bench.close()
        assert found[0] == found[1]
