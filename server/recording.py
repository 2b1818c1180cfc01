"""One room's recording: carries the core's wishes out in order, off the room's own task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from records.actors import Actor
from records.errors import RecordsError, StoreUnavailable
from records.store.recordings import MediaKey
from server.bridge import RelayPool
from server.recorder_process import RecorderLost, RecorderProcess, SealedParts
from server.visit_store import room_actor
from signaling import effects as e
from signaling import inputs as i
from signaling.net.control import RelayError

log = logging.getLogger(__name__)

MAX_WAITING = 64  # a person starts, pauses and stops; consents are bounded by the socket's rate
RETRY_S = 1.0  # a relay that was restarted or handed the room on is tapped again this much later
STORE_RETRY_S = 2.0


class RecordingStore(Protocol):
    """What a recording needs of records.store; server/recording_store.py has it."""

    async def begin(self, visit_id: UUID, actor: Actor) -> MediaKey:
        """Store that a recording begins. Raises RecordsError."""

    async def finish(self, visit_id: UUID, recording_id: UUID, *, is_empty: bool) -> None:
        """Store that it is over; forget one without media. Raises RecordsError."""

    async def consent(self, visit_id: UUID, word: e.StoreConsent, actor: Actor) -> None:
        """Store a word of the patient's side. Raises RecordsError."""


@dataclass(frozen=True, slots=True)
class Recorders:
    """What every recording of the process uses."""

    store: RecordingStore
    folder: Path
    """Of the sealed files."""
    control: Path
    """The relays' control folder, where recorders listen."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One effect with who asked for it."""

    effect: e.RecordingEffect
    actor: Actor


@dataclass(slots=True, eq=False)
class _Running:
    """What exists while a recording does."""

    key: MediaKey
    parts: SealedParts
    process: RecorderProcess
    reading: asyncio.Task[None]
    is_on: bool = False


class RecordingLane:
    """The queue to a room's recorder. Results go to `post`."""

    def __init__(
        self, visit_id: UUID, recorders: Recorders | None, relays: RelayPool, post: Callable[[i.RecordingInput], None]
    ) -> None:
        self._visit_id, self._recorders, self._relays, self._post = visit_id, recorders, relays, post
        self._queue: asyncio.Queue[Wish] = asyncio.Queue(MAX_WAITING)
        self._running: _Running | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing runs."""
        return self._queue.empty() and self._running is None

    def put(self, wish: Wish) -> None:
        """Queue one wish; what is too much is given up, as a failure where a recording depends on it."""
        try:
            self._queue.put_nowait(wish)
        except asyncio.QueueFull:
            self._post(i.RecorderFailed())

    async def run(self) -> None:
        """Carry wishes out until cancelled; then the recorder is ended and its files stay as they are."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    wish = await self._next()
                    if wish is not None:
                        await self._carry_out(wish, tasks)
                    await self._keep_tapped()
        finally:
            if self._running is not None:
                await self._running.process.kill()

    async def _next(self) -> Wish | None:
        """Wait for a wish; while media should come, until the next look whether it can."""
        pause_s = RETRY_S if self._running is not None and self._running.is_on else None
        try:
            async with asyncio.timeout(pause_s):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _carry_out(self, wish: Wish, tasks: asyncio.TaskGroup) -> None:
        match wish.effect:
            case e.StoreConsent():
                await self._consent(wish.effect, wish.actor)
            case e.OpenRecording():
                await self._open(wish.actor, tasks)
            case e.RecordMedia(on):
                await self._switch(on)
            case e.SealRecording():
                await self._seal()

    async def _consent(self, word: e.StoreConsent, actor: Actor) -> None:
        if self._recorders is None:
            return
        while True:  # the database may be away: a no counts already, a yes waits
            try:
                await self._recorders.store.consent(self._visit_id, word, actor)
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY_S)
                continue
            except RecordsError as refusal:
                log.warning("recording.consent_refused", extra={"error": refusal.code})
                return
            break
        if word.given:
            self._post(i.ConsentStored(word.seat, True))

    async def _open(self, actor: Actor, tasks: asyncio.TaskGroup) -> None:
        if self._recorders is None or self._running is not None:
            self._post(i.RecorderFailed())
            return
        try:
            key = await self._recorders.store.begin(self._visit_id, actor)
        except RecordsError as refusal:
            log.warning("recording.not_begun", extra={"error": refusal.code})
            self._post(i.RecorderFailed())
            return
        parts = SealedParts(self._recorders.folder, key)
        try:
            process = await RecorderProcess.start(self._recorders.control, parts)
        except RecorderLost:
            await self._finish(key, is_empty=True)
            self._post(i.RecorderFailed())
            return
        self._running = running = _Running(key, parts, process, tasks.create_task(self._read(process)))
        try:
            await process.ready()
        except RecorderLost:
            await self._seal()
            self._post(i.RecorderFailed())
            return
        if not running.reading.done():
            self._post(i.RecorderReady())

    async def _read(self, process: RecorderProcess) -> None:
        try:
            await process.read(self._note_relay)
        except RecorderLost as lost:
            log.warning("recorder.lost", extra={"error": str(lost)})
            if self._running is not None and self._running.process is process:
                self._post(i.RecorderFailed())
                self.put(Wish(e.SealRecording(), room_actor()))
        except Exception:  # noqa: BLE001  # outermost frame: a fault of the recording must not end the call
            log.exception("recording.failed")
            self._post(i.RecorderFailed())
            self.put(Wish(e.SealRecording(), room_actor()))

    def _note_relay(self, is_there: bool) -> None:
        """A relay that is let go by our own wish leaves no gap of its own."""
        if self._running is not None and self._running.is_on:
            self._post(i.RecorderGap(not is_there))

    async def _switch(self, on: bool) -> None:
        running = self._running
        if running is None:
            return
        running.is_on = on
        if not on:
            await self._tap("")
            await running.process.pause()

    async def _keep_tapped(self) -> None:
        running = self._running
        if running is None or not running.is_on or running.process.has_relay:
            return
        if not await self._tap(running.process.channel):
            self._post(i.RecorderGap(True))  # tried again in a second

    async def _tap(self, channel: str) -> bool:
        """Let the room's relay tap, or not; tell whether it could: it is away, or has no such room yet."""
        room = str(self._visit_id)
        try:
            await self._relays.client_of(room).record(room, channel)
        except RelayError:
            return False
        return True

    async def _seal(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        await self._tap("")
        await running.process.stop()
        await asyncio.wait({running.reading})
        await self._finish(running.key, is_empty=running.parts.count == 0)

    async def _finish(self, key: MediaKey, *, is_empty: bool) -> None:
        assert self._recorders is not None, "a recording had begun"
        try:
            await self._recorders.store.finish(self._visit_id, key.recording_id, is_empty=is_empty)
        except RecordsError as refusal:  # the row stays without an end; its files say themselves that they are whole
            log.warning("recording.not_finished", extra={"error": refusal.code})
