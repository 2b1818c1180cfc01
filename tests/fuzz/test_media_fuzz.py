"""Every parser of the media plane meets arbitrary bytes and mutations: one exception type each, no crash, no hang."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.media_mutator import PARSERS, SEEDS, run
from tests.signaling.net.planes import NOW, PLANES, Bench, output, packet, video


class TestMutations:
    @pytest.mark.parametrize("name", sorted(PARSERS))
    def test_only_the_parsers_own_error_leaves_it(self, name: str) -> None:
        accepted = run(name, 300 if name == "sdp" else 5000, seed=2)
        assert accepted >= 0

    @pytest.mark.parametrize("name", sorted(PARSERS))
    def test_seeds_are_valid(self, name: str) -> None:
        parse, _ = PARSERS[name]
        for data in SEEDS[name]:
            parse(data)


class TestArbitraryBytes:
    @pytest.mark.parametrize("name", sorted(PARSERS))
    @settings(max_examples=200, deadline=None)
    @given(data=st.binary(max_size=600))
    def test_any_bytes(self, name: str, data: bytes) -> None:
        parse, expected = PARSERS[name]
        try:
            parse(data)
        except expected:
            return

    @pytest.mark.parametrize("name", ["sdp"])
    def test_the_largest_accepted_text_is_read_within_25_ms(self, name: str) -> None:
        parse, expected = PARSERS[name]
        worst = b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF " + b" ".join(b"%d" % (n % 128) for n in range(9000))
        for data in (worst[:32_000], (b"v=0\r\n" + b"a=rtpmap:96 VP8/90000\r\n" * 1190)[:32_000]):
            start = time.process_time()
            with contextlib.suppress(expected):
                parse(data)
            assert time.process_time() - start < 0.25  # ten times the bar: a shared machine


class TestPlanes:
    """Decrypted garbage from an authenticated publisher: both loops stay whole and forward the next good packet."""

    @pytest.mark.parametrize("kind", PLANES, ids=["python", "native"])
    @settings(max_examples=150, deadline=None)
    @given(
        data=st.lists(st.binary(min_size=4, max_size=200), max_size=8), first=st.sampled_from([0x80, 0x90, 0xB0, 0xBF])
    )
    def test_garbage_inside_srtp(self, kind: type, data: list[bytes], first: int) -> None:
        bench = Bench(kind)
        publisher, subscriber = bench.peer(), bench.peer()
        stream = bench.plane.table.add_stream(publisher.record, video(extensions={"urn:3gpp:video-orientation": 3}))
        bench.plane.table.add_stream(publisher.record, video(9, repaired=stream))
        bench.plane.table.add_output(stream, subscriber.record, output())
        for number, body in enumerate(data, start=1):
            good = packet(number, body, ssrc=7 + 2 * (number % 2))
            bench.plane.inject(stream, bytes((first,)) + good[1:], NOW)
            bench.plane.inject(publisher.record.streams[9], bytes((first,)) + good[1:], NOW)
        subscriber.received()
        publisher.send(packet(30_000, b"good"))
        bench.poll()
        got = subscriber.received()
        bench.close()
        assert [p[12:] for p in got] == [b"good"]
