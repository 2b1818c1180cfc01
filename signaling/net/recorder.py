"""
The recorder process: `python -m signaling.net.recorder --socket PATH`, started by web, one a recording.

It takes decrypted packets from a relay on a Unix socket and writes pieces of Matroska to stdout, which web seals. It
has no keys, names, database or network. `pause` or `stop` on stdin, a line each; the end of stdin ends it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from dataclasses import asdict
from typing import BinaryIO

from signaling.media.recording import effects as e
from signaling.media.recording import matroska, wire
from signaling.media.recording.pieces import Kind, Piece
from signaling.media.recording.tape import Tape
from signaling.net.muxer import Muxer

TICK_S = 0.1
MAX_DRAIN = 512  # messages a wake-up; then the timer has its turn


class Files:
    """Carries the tape's effects out: a muxer for each open part, pieces to stdout."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._open: dict[int, tuple[e.OpenPart, Muxer]] = {}

    def carry_out(self, effect: e.Effect) -> None:
        """Carry one effect out; AskKeyframe is the channel's."""
        match effect:
            case e.OpenPart(part, seat, start_ms, tracks):
                self._open[part] = (effect, Muxer(tracks))
                shown = [{**asdict(track), "private": None} for track in tracks]
                body = json.dumps({"seat": seat, "start_ms": start_ms, "tracks": shown}).encode()
                self.tell(Piece(Kind.OPEN, part, start_ms, start_ms, body=body))
                self.tell(Piece(Kind.HEADER, part, body=matroska.header(tracks)))
            case e.Write(part, track, at_ms, data, is_keyframe):
                opened, muxer = self._open[part]
                own_ms = max(0, at_ms - opened.start_ms)
                for cluster in muxer.put(track, own_ms, data, is_keyframe=is_keyframe):
                    self._tell_cluster(opened, cluster)
            case e.Gap():
                self.tell(Piece(Kind.GAP, effect.part, effect.since_ms, effect.until_ms, body=_gap(effect)))
            case e.ClosePart(part, end_ms):
                opened, muxer = self._open.pop(part)
                for cluster in muxer.finish():
                    self._tell_cluster(opened, cluster)
                self.tell(Piece(Kind.CLOSE, part, opened.start_ms, end_ms))
            case e.AskKeyframe():
                pass

    def tell(self, piece: Piece) -> None:
        """Hand one piece to web. Blocks while web does not read: the channel behind us then drops, and says so."""
        self._out.write(piece.encode())
        self._out.flush()

    def _tell_cluster(self, opened: e.OpenPart, cluster: bytes) -> None:
        found = matroska.blocks(cluster)
        pictures = [block for block in found if opened.tracks[block.track].kind == "video"]
        has_video = any(track.kind == "video" for track in opened.tracks)
        is_seekable = pictures[0].is_keyframe if pictures else not has_video
        times = [block.at_ms for block in found]
        self.tell(Piece(Kind.CLUSTER, opened.part, min(times), max(times), is_seekable, cluster))


def _gap(gap: e.Gap) -> bytes:
    fields = {"track": gap.track, "since_ms": gap.since_ms, "until_ms": gap.until_ms, "cause": gap.cause}
    return json.dumps({"gap": fields}).encode()


class Recorder:
    """One recording's process."""

    def __init__(self, listener: socket.socket, out: BinaryIO) -> None:
        self._files = Files(out)
        self._listener = listener
        self._relay: socket.socket | None = None
        self._tape = Tape()
        self._loop = asyncio.get_running_loop()

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Record until `stop` or the end of stdin."""
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._files.tell(Piece(Kind.READY))
        ticking = asyncio.create_task(self._tick())
        try:
            while (line := await commands.readline()) and line != b"stop\n":
                if line == b"pause\n":
                    self._cut()
                    self._files.tell(Piece(Kind.CUT))
            self._cut()
            self._files.tell(Piece(Kind.BYE))
        finally:
            ticking.cancel()
            self._hang_up()
            self._loop.remove_reader(self._listener.fileno())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for effect in self._tape.handle_timer(time.monotonic()):
                if isinstance(effect, e.AskKeyframe):
                    self._ask(effect.track)
                else:
                    self._files.carry_out(effect)

    def _cut(self) -> None:
        if self._relay is not None:
            self._drain()
        for effect in self._tape.cut(time.monotonic()):
            self._files.carry_out(effect)

    def _accept(self) -> None:
        """A relay connects: the newest one counts, as a room may move to another; what the last one sent is kept."""
        self._drain()
        self._hang_up()
        self._relay, _ = self._listener.accept()
        self._relay.setblocking(False)
        self._loop.add_reader(self._relay.fileno(), self._drain)
        self._files.tell(Piece(Kind.CONNECTED))

    def _drain(self) -> None:
        for _ in range(MAX_DRAIN):
            if self._relay is None:
                return
            try:
                data = self._relay.recv(wire.MAX_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._hang_up()
                self._files.tell(Piece(Kind.LOST))
                return
            with contextlib.suppress(wire.BadMessage):
                self._tape.receive(wire.parse(data))

    def _ask(self, track: int) -> None:
        if self._relay is not None:
            with contextlib.suppress(OSError):  # it does not read, or is gone: asked again in a second
                self._relay.send(wire.encode(wire.Ask(track)))

    def _hang_up(self) -> None:
        if self._relay is not None:
            self._loop.remove_reader(self._relay.fileno())
            self._relay.close()
            self._relay = None
            self._tape.lose_relay()


def listen(path: str) -> socket.socket:
    """Return a listening socket that only its owner may connect to."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(2)
    listener.setblocking(False)
    return listener


async def _run(path: str) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer)
    with contextlib.closing(listen(path)) as listener:
        try:
            await Recorder(listener, sys.stdout.buffer).run(commands)
        finally:
            os.unlink(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m signaling.net.recorder", description="Writes one recording.")
    parser.add_argument("--socket", required=True, metavar="PATH", help="where a relay connects")
    options = parser.parse_args()
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):  # web is gone
        asyncio.run(_run(options.socket))
    return 0


if __name__ == "__main__":
    sys.exit(main())
