"""signaling/media/recording/README.md: the recorder process, from a relay's channel to pieces on its stdout."""

import asyncio
import io
import sys
import time
from pathlib import Path

import av

from signaling.media.recording import wire
from signaling.media.recording.pieces import Kind, Piece, Pieces
from signaling.net.channel import Channel
from tests.signaling.media.recording.publisher import Publisher
from tests.signaling.media.recording.test_tape import call

SOON_S = 20.0


class Process:
    """A recorder and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process, self._pieces, self._said = process, Pieces(), list[Piece]()

    @classmethod
    async def start(cls, path: Path) -> "Process":
        command = (sys.executable, "-m", "signaling.net.recorder", "--socket", str(path))
        pipe = asyncio.subprocess.PIPE
        process = cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))
        await process.until(Kind.READY)
        return process

    async def until(self, kind: Kind) -> list[Piece]:
        """Read until a piece of this kind, and return everything so far."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SOON_S):
            while all(piece.kind is not kind for piece in self._said):
                data = await self._process.stdout.read(65536)
                assert data, "the recorder ended"
                self._said += self._pieces.feed(data)
        return self._said

    def tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")

    async def end(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(SOON_S):
            return await self._process.wait()


def send(channel: Channel, person: Publisher, seconds: float) -> None:
    for _, message in sorted(call(person, seconds), key=lambda item: item[0]):
        assert channel.send(message)


async def test_a_call_becomes_a_file_that_plays(tmp_path: Path) -> None:
    process = await Process.start(tmp_path / "x.tap")
    channel = Channel(str(tmp_path / "x.tap"))
    send(channel, Publisher(start=time.monotonic()), 4)
    channel.send(wire.End(1))
    await process.until(Kind.CONNECTED)
    process.tell(b"pause")
    said = await process.until(Kind.CUT)
    process.tell(b"stop")
    await process.until(Kind.BYE)
    assert await process.end() == 0
    channel.close()
    (opened,) = [piece.json() for piece in said if piece.kind is Kind.OPEN]
    assert (opened["seat"], [track["codec"] for track in opened["tracks"]]) == ("s_a", ["opus", "VP8"])
    data = b"".join(piece.body for piece in said if piece.kind in (Kind.HEADER, Kind.CLUSTER))
    with av.open(io.BytesIO(data), "r") as container:
        times = [packet.pts for packet in container.demux() if packet.pts is not None]
    assert 3800 <= max(times) <= 4100
    assert not (tmp_path / "x.tap").exists()


async def test_it_ends_when_web_dies(tmp_path: Path) -> None:
    process = await Process.start(tmp_path / "x.tap")
    assert await process.end() == 0
