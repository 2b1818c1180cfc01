"""What the network sees of a packet's kind, on both planes: read from the IP header of what arrives."""

import socket
from collections.abc import Iterator

import pytest

from signaling.media import rtcp
from signaling.media.dscp import EXPEDITED, INTERACTIVE, STREAMING, dscp
from signaling.net.records import StreamTerms
from tests.signaling.net.planes import PLANES, Bench, FakePeer, output, packet, video

AUDIO = StreamTerms(8, "audio", "opus", 48000, 111)


@pytest.fixture(params=PLANES, ids=["python", "native"])
def kind(request: pytest.FixtureRequest) -> type:
    return request.param  # type: ignore[no-any-return]  # one of PLANES


@pytest.fixture
def bench(kind: type) -> Iterator[Bench]:
    made = Bench(kind)
    yield made
    made.close()


def listening(peer: FakePeer) -> FakePeer:
    peer.sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    return peer


def marks(peer: FakePeer) -> list[int]:
    """The DSCP of everything that has arrived, in order."""
    found = []
    peer.sock.settimeout(0.5)
    try:
        while True:
            _, control, _, _ = peer.sock.recvmsg(2048, 64)
            [value] = [data for level, kind, data in control if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS)]
            found.append(value[0] >> 2)
            peer.sock.settimeout(0.02)
    except TimeoutError:
        return found


class TestMarks:
    def test_each_packet_has_the_mark_of_its_kind(self, bench: Bench) -> None:
        publisher, subscriber = bench.peer(), listening(bench.peer())
        for number, (terms, source) in enumerate(((AUDIO, "microphone"), (video(), "camera"), (video(9), "screen"))):
            stream = bench.plane.table.add_stream(publisher.record, terms)
            sent = output(1000 + number, dscp=dscp(terms.kind, source))
            bench.plane.table.add_output(stream, subscriber.record, sent)
        for ssrc in (8, 7, 9):
            publisher.send(packet(1, ssrc=ssrc))
        bench.poll()
        assert marks(subscriber) == [EXPEDITED, INTERACTIVE, STREAMING]

    @pytest.mark.parametrize("segmentation", [True, False])
    def test_a_burst_is_marked_whole_and_speech_inside_it_keeps_its_own(self, kind: type, segmentation: bool) -> None:
        bench = Bench(kind, segmentation=segmentation)
        publisher, subscriber = bench.peer(), listening(bench.peer())
        for terms, mark in ((AUDIO, EXPEDITED), (video(), INTERACTIVE)):
            stream = bench.plane.table.add_stream(publisher.record, terms)
            bench.plane.table.add_output(stream, subscriber.record, output(1000 + terms.ssrc, dscp=mark))
        for sequence in range(4):
            publisher.send(packet(sequence, bytes(500)))
        publisher.send(packet(1, bytes(500), ssrc=8))
        publisher.send(packet(4, bytes(500)))
        bench.poll()
        assert marks(subscriber) == [INTERACTIVE] * 4 + [EXPEDITED, INTERACTIVE]
        bench.close()

    def test_control_is_marked_as_the_pictures_it_is_about(self, bench: Bench) -> None:
        peer = listening(bench.peer())
        bench.plane.send_rtcp(peer.record, rtcp.picture_loss(1, 2))
        bench.plane.send(peer.address, b"an answer to a check")
        assert marks(peer) == [INTERACTIVE, INTERACTIVE]

    def test_an_ipv6_port_marks_both_families(self, kind: type) -> None:
        bench = Bench(kind, host="::")
        bench.address = ("127.0.0.1", bench.address[1])
        peer = listening(bench.peer())
        bench.plane.send(peer.address, b"to a mapped address")
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        six.bind(("::1", 0))
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        six.settimeout(1)
        bench.plane.send(six.getsockname()[:2], b"to a plain one")
        _, [(level, name, value)], _, _ = six.recvmsg(2048, 64)
        assert marks(peer) == [INTERACTIVE]
        assert (level, name, value[0] >> 2) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, INTERACTIVE)
        six.close()
        bench.close()

    def test_nothing_is_marked_where_the_operator_says_so(self, kind: type) -> None:
        bench = Bench(kind, marking=False)
        publisher, subscriber = bench.peer(), listening(bench.peer())
        stream = bench.plane.table.add_stream(publisher.record, video())
        bench.plane.table.add_output(stream, subscriber.record, output(dscp=INTERACTIVE))
        for sequence in range(3):
            publisher.send(packet(sequence))
        bench.poll()
        bench.plane.send(subscriber.address, b"an answer")
        assert marks(subscriber) == [0, 0, 0, 0]
        bench.close()
