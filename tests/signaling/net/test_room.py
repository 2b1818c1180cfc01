"""Streams of a room that no SDP announced: learned from their packets, on both planes."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from signaling.media import codecs
from signaling.media.codecs import Codec
from signaling.media.negotiation import Received
from signaling.media.sdp import Format
from signaling.net.publication import Publication
from signaling.net.room import Room, UpLink
from tests.signaling.net.planes import PLANES, Bench, packet, video


@pytest.fixture(params=PLANES, ids=("python", "native"))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    opened = Bench(request.param)
    yield opened
    opened.close()


def publishing(bench: Bench) -> tuple[Room, UpLink, Any]:
    """A room with a publisher of two layers, known by their rids alone."""
    peer = bench.peer().record
    link: Any = SimpleNamespace(peer=peer, name=SimpleNamespace(room="room", seat="s_a", link="l_up"))
    up = UpLink(link)
    chosen = Format(96, Codec("VP8", "video", 90000), ("nack",), 97)
    received = Received("1", "video", chosen, {codecs.MID: 1, codecs.RID: 2}, (), {}, ("l", "h"))
    up.publications["1"] = Publication("s_a", "camera", received, link)
    room = Room("room", bench.plane)
    room.ups["l_up"] = up
    return room, up, peer


def layer(sequence: int, rid: bytes) -> bytes:
    return packet(sequence, elements=[(1, b"1"), (2, rid)], ssrc=1000 + len(rid) + rid[0])


class TestLearning:
    def test_packets_of_one_burst_are_one_stream(self, bench: Bench) -> None:
        """Firefox sends several packets before the relay looks: learning each anew lost the stream for good."""
        room, up, peer = publishing(bench)
        first = room.learn_stream(up, layer(1, b"l"))
        assert first is not None
        assert room.learn_stream(up, layer(2, b"l")) is first
        assert list(peer.streams.values()) == [first]
        assert room.learn_stream(up, layer(1, b"h")) is not first
        assert len(peer.streams) == 2

    def test_ending_a_stream_leaves_a_newer_one_of_the_same_ssrc(self, bench: Bench) -> None:
        _, _, peer = publishing(bench)
        table = bench.plane.table
        old, new = table.add_stream(peer, video()), table.add_stream(peer, video())
        table.remove(old)
        assert peer.streams == {7: new}
