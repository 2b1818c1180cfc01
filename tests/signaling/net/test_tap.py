"""signaling/net/README.md "Recording": what both packet planes hand to a recorder's channel."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.media import rtp
from signaling.media.recording import wire
from signaling.net.channel import Channel, ChannelLost
from signaling.net.recorder import listen
from tests.signaling.net.planes import NOW, PLANES, Bench, FakePeer, output, packet, video


class Recorded:
    """A plane with one publisher, whose stream is tapped to a channel that the test reads."""

    def __init__(self, kind: type, folder: Path) -> None:
        self.bench = Bench(kind)
        self.listener = listen(str(folder / "x.tap"))
        self.channel = Channel(str(folder / "x.tap"), buffer_bytes=64_000)
        self.end, _ = self.listener.accept()
        self.end.setblocking(False)
        self.publisher = self.bench.peer()
        self.stream = self.bench.plane.table.add_stream(self.publisher.record, video())
        self.bench.plane.table.tap(self.stream, self.channel, 3)

    def send(self, *packets: bytes) -> None:
        for each in packets:
            self.publisher.send(each)
        self.bench.poll()

    def messages(self) -> list[wire.Message]:
        found: list[wire.Message] = []
        while True:
            try:
                found.append(wire.parse(self.end.recv(wire.MAX_MESSAGE_BYTES)))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self.bench.plane.table.tap(self.stream, None)
        for each in (self.channel, self.end, self.listener):
            each.close()
        self.bench.close()


@pytest.fixture(params=PLANES)
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(request.param, tmp_path)
    yield found
    found.close()


class TestTap:
    """Decrypted packets, as they came."""

    def test_packets_cross_whole_with_their_arrival(self, recorded: Recorded) -> None:
        recorded.send(packet(1000), packet(1001, marker=1))
        found = recorded.messages()
        assert [(m.track, m.dropped, m.data) for m in found if isinstance(m, wire.Packet)] == [
            (3, 0, packet(1000)),
            (3, 0, packet(1001, marker=1)),
        ]
        assert all(isinstance(m, wire.Packet) and abs(m.arrived_at - NOW) < 5 for m in found)

    def test_a_packet_that_comes_twice_crosses_once(self, recorded: Recorded) -> None:
        recorded.send(packet(1000))
        recorded.publisher.send(packet(1000))
        recorded.bench.poll()
        assert len(recorded.messages()) == 1

    def test_a_repaired_packet_crosses_as_the_one_it_repairs(self, recorded: Recorded) -> None:
        table = recorded.bench.plane.table
        table.add_stream(recorded.publisher.record, video(8, repaired=recorded.stream))
        recorded.send(packet(1000), packet(1002))
        recorded.send(packet(1, (1001).to_bytes(2, "big") + b"\x10\x01payload", ssrc=8, payload_type=97))
        last = recorded.messages()[-1]
        assert isinstance(last, wire.Packet)
        assert rtp.parse_header(last.data).sequence == 1001

    def test_what_is_muted_is_not_recorded(self, recorded: Recorded) -> None:
        recorded.stream.is_muted = True
        recorded.send(packet(1000))
        assert recorded.messages() == []

    def test_after_untapping_nothing_crosses(self, recorded: Recorded) -> None:
        recorded.bench.plane.table.tap(recorded.stream, None)
        recorded.send(packet(1000))
        assert recorded.messages() == []

    def test_a_recorder_that_does_not_read_costs_the_call_nothing_and_is_told_what_it_missed(
        self, recorded: Recorded
    ) -> None:
        subscriber: FakePeer = recorded.bench.peer()
        recorded.bench.plane.table.add_output(recorded.stream, subscriber.record, output())
        forwarded, payload = 0, b"\x10" + bytes(1100)
        for start in range(0, 300, 50):
            recorded.send(*[packet(start + n, payload) for n in range(50)])
            forwarded += len(subscriber.received())
        assert forwarded == 300
        assert recorded.channel.dropped > 0
        taken = len(recorded.messages())
        assert taken + recorded.channel.dropped == 300
        recorded.send(packet(300))
        (told,) = recorded.messages()
        assert isinstance(told, wire.Packet) and told.dropped == 300 - taken

    def test_a_recorder_that_died_costs_the_call_nothing(self, recorded: Recorded) -> None:
        recorded.end.close()
        recorded.send(packet(1000))
        with pytest.raises(ChannelLost):
            recorded.channel.take()


class TestChannel:
    """Bounded, one recorder, one relay."""

    def test_nobody_listening_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ChannelLost):
            Channel(str(tmp_path / "none.tap"))

    def test_the_socket_is_the_owners_alone(self, tmp_path: Path) -> None:
        with listen(str(tmp_path / "x.tap")):
            assert (tmp_path / "x.tap").stat().st_mode & 0o777 == 0o600

    def test_the_recorder_asks_for_a_key_frame(self, recorded: Recorded) -> None:
        recorded.end.send(wire.encode(wire.Ask(3)))
        recorded.end.send(b"junk")
        assert recorded.channel.take() == [wire.Ask(3)]

    def test_messages_are_kept_apart(self, recorded: Recorded) -> None:
        assert recorded.listener.type == socket.SOCK_SEQPACKET
