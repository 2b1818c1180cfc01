"""One recorder process and the sealed files that its pieces become. See signaling/media/recording/README.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from records.crypto import stream
from records.store.recording_files import PartWriter
from records.store.recordings import MediaKey
from signaling.media.recording.pieces import BadPiece, Kind, Piece, Pieces

log = logging.getLogger(__name__)

READ_BYTES = 1 << 20
START_S = 20.0  # Python and PyAV load in half a second; a machine that is busy takes longer
STOP_S = 20.0  # what waits is written in milliseconds; then the process is ended
# The recorder sees nothing of our environment but what a Python needs to start.
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "HOME")


class RecorderLost(Exception):
    """The recorder could not be started, or ended by itself."""


class SealedParts:
    """The files of one recording, as its pieces come. Blocks: call it in a thread, one call at a time."""

    def __init__(self, folder: Path, key: MediaKey) -> None:
        self._folder, self._key = folder, key
        self._open: dict[int, PartWriter] = {}
        self.count = 0
        """How many files were begun."""

    def take(self, pieces: list[Piece]) -> None:
        """Seal pieces, each on disk before the next. Raises OSError."""
        for piece in pieces:
            self._take(piece)

    def close(self) -> None:
        """Leave what is open unfinished."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()

    def _take(self, piece: Piece) -> None:
        if piece.kind is Kind.OPEN:
            writer = self._open[piece.part] = PartWriter(self._folder, self._key, piece.part)
            self.count += 1
            writer.put(stream.Kind.MARK, json.dumps({"part": piece.json()}).encode())
            return
        part = self._open.get(piece.part)
        if part is None:
            return
        times = (piece.start_ms, piece.end_ms)
        if piece.kind is Kind.HEADER:
            part.put(stream.Kind.HEADER, piece.body)
        elif piece.kind is Kind.CLUSTER:
            part.put(stream.Kind.MEDIA, piece.body, times, is_seekable=piece.is_seekable)
        elif piece.kind is Kind.GAP:
            part.put(stream.Kind.MARK, piece.body, times)
        elif piece.kind is Kind.CLOSE:
            self._open.pop(piece.part).finish(times)


class RecorderProcess:
    """A running recorder. `read` must be running; it ends when the process does."""

    def __init__(self, process: asyncio.subprocess.Process, channel: str, parts: SealedParts) -> None:
        """Use `start`."""
        self._process, self.channel, self._parts = process, channel, parts
        self._pieces = Pieces()
        self._ready, self._ended = asyncio.Event(), asyncio.Event()
        self._said_bye = False
        self.has_relay = False

    @classmethod
    async def start(cls, control_folder: Path, parts: SealedParts) -> RecorderProcess:
        """Start the process; its socket will be in the relays' control folder under the name `channel`."""
        channel = f"r-{secrets.token_hex(8)}.tap"
        command = (sys.executable, "-m", "signaling.net.recorder", "--socket", str(control_folder / channel))
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=environment)
        except OSError as error:
            raise RecorderLost(type(error).__name__) from None
        return cls(process, channel, parts)

    async def read(self, tell: Callable[[bool], None]) -> None:
        """Seal what comes until the process ends; `tell` hears whether a relay is connected. Raises RecorderLost."""
        assert self._process.stdout is not None, "started with a pipe"
        try:
            while data := await self._process.stdout.read(READ_BYTES):
                pieces = list(self._pieces.feed(data))
                await asyncio.to_thread(self._parts.take, pieces)
                for piece in pieces:
                    self._note(piece, tell)
        except (BadPiece, OSError, ValueError) as error:
            raise RecorderLost(type(error).__name__) from None
        finally:
            await asyncio.to_thread(self._parts.close)
            self._ended.set()
        if not self._said_bye:
            raise RecorderLost("it ended by itself")

    async def ready(self) -> None:
        """Wait until it listens. Raises RecorderLost."""
        try:
            async with asyncio.timeout(START_S):
                await self._ready.wait()
        except TimeoutError:
            raise RecorderLost("it does not start") from None

    async def pause(self) -> None:
        """End the open files; the next media begins new ones."""
        await self._say(b"pause\n")

    async def stop(self) -> None:
        """Let it write what waits and end."""
        await self._say(b"stop\n")
        try:
            async with asyncio.timeout(STOP_S):
                await self._ended.wait()
        except TimeoutError:
            log.warning("recorder.did_not_stop")
        await self.kill()

    async def kill(self) -> None:
        """End it now, whatever it does; done already is no error."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

    async def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None, "started with a pipe"
        with contextlib.suppress(ConnectionError):  # it ended: `read` tells
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    def _note(self, piece: Piece, tell: Callable[[bool], None]) -> None:
        match piece.kind:
            case Kind.READY:
                self._ready.set()
            case Kind.CONNECTED | Kind.LOST:
                self.has_relay = piece.kind is Kind.CONNECTED
                tell(self.has_relay)
            case Kind.BYE:
                self._said_bye = True
            case _:
                pass
