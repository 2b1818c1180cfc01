"""One room's writes: in order, bounded, retried while the database is away, so that the call goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from records.actors import Actor
from records.errors import NotClaimed, NotFound, RecordsError, StaleState, StoreUnavailable
from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.fitness import LineRecord

# The database answers in milliseconds; a pool that is exhausted gives up after as long (records/store/database.py). A
# database that is down refuses at once, so this is only for one that hangs: then the room treats it as away.
WRITE_TIMEOUT_S = 5.0
FIRST_RETRY_S = 0.25
LAST_RETRY_S = 2.0
# 64 chat messages (signaling/chat.py) and as many drops and rejoins as a bad line makes in ten minutes.
MAX_WAITING = 192
CHANGED_ELSEWHERE = "the visit was changed elsewhere"


@dataclass(frozen=True, slots=True)
class Write:
    """One effect with who asked for it."""

    effect: e.StoreEffect
    actor: Actor
    at: datetime


class VisitStore(Protocol):
    """What a room needs of records.store; server/visit_store.py has it, tests/fakes/store.py too."""

    async def view(self, visit_id: UUID) -> i.VisitView:
        """Read the visit."""

    async def transition(self, visit_id: UUID, change: e.Transition, write: Write) -> i.VisitView:
        """Store a change. Raises StaleState, NotClaimed, StoreUnavailable."""

    async def append_chat(self, visit_id: UUID, chat: e.StoreChat, write: Write) -> m.ChatLine:
        """Store a chat message; the same key again returns what is stored."""

    async def append_reading(self, visit_id: UUID, reading: e.StoreReading, write: Write) -> m.Reading:
        """Store a reading; the same key again returns what is stored."""

    async def note_path(self, visit_id: UUID, change: m.PathChanged) -> None:
        """Keep a change of the network under a seat's media with the visit's events."""

    async def renew_lease(self, visit_id: UUID) -> None:
        """Renew the claim. Raises NotClaimed."""

    async def keep_lines(self, visit_id: UUID, lines: Sequence[LineRecord]) -> None:
        """Keep what the call's lines were fit for."""


@dataclass(frozen=True, slots=True)
class _Refresh:
    """Read the visit again."""


class StoreLane:
    """The queue to the database. Results go to `post`."""

    def __init__(self, visit_id: UUID, store: VisitStore, post: Callable[[i.StoreResult], None]) -> None:
        self._visit_id, self._store, self._post = visit_id, store, post
        self._queue: asyncio.Queue[Write | _Refresh] = asyncio.Queue(MAX_WAITING)
        self._backlog: deque[Write] = deque()
        self._is_refresh_queued = False

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be stored."""
        return self._queue.empty() and not self._backlog

    def put(self, write: Write) -> None:
        """Queue one write; when too many wait it is given up and said so."""
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            self._give_up(write, "too many changes wait for the database")

    def refresh(self) -> None:
        """Read the visit again after what is queued; several wishes are one."""
        if not self._is_refresh_queued and not self._queue.full():
            self._is_refresh_queued = True
            self._queue.put_nowait(_Refresh())

    async def run(self) -> None:
        """Carry writes out until cancelled."""
        pause_s = FIRST_RETRY_S
        while True:
            item = await self._next(pause_s)
            if self._backlog:
                pause_s = FIRST_RETRY_S if await self._flush() else min(LAST_RETRY_S, pause_s * 2)
            if item is not None:
                await self._carry_out(item)

    async def _next(self, pause_s: float) -> Write | _Refresh | None:
        """Wait for work; while something waits for the database, for the next try at most."""
        if not self._backlog:
            return await self._queue.get()
        try:
            async with asyncio.timeout(pause_s):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _flush(self) -> bool:
        """Store what waits, in order; tell whether all of it is stored."""
        while self._backlog:
            try:
                result = await self._stored(self._backlog[0])
            except StoreUnavailable:
                return False
            write = self._backlog.popleft()
            if isinstance(write.effect, e.StoreChat | e.StoreReading) and result is not None:
                self._post(result)
            elif isinstance(result, i.NotStored):
                await self._carry_out(_Refresh())  # someone else changed the visit meanwhile: theirs stands
        return True

    async def _carry_out(self, item: Write | _Refresh) -> None:
        if isinstance(item, _Refresh):
            self._is_refresh_queued = False
            await self._read()
            return
        if self._backlog:
            self._wait_in_line(item)
            return
        try:
            result = await self._stored(item)
        except StoreUnavailable:
            self._wait_in_line(item)
            return
        if result is not None:
            self._post(result)
        if isinstance(result, i.NotStored):
            await self._read()

    async def _read(self) -> None:
        if self._backlog:
            return  # what waits is newer than what the database says
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                view = await self._store.view(self._visit_id)
        except (StoreUnavailable, TimeoutError):
            return  # whoever changed the visit could not have done so either
        self._post(i.VisitChanged(view))

    def _wait_in_line(self, write: Write) -> None:
        match write.effect:
            case e.Transition(may_wait=True, trigger=trigger) if len(self._backlog) < MAX_WAITING:
                self._backlog.append(write)
                self._post(i.Deferred(trigger, timestamp(write.at)))
            case e.StoreChat() | e.StoreReading() | e.StoreLines() if len(self._backlog) < MAX_WAITING:
                self._backlog.append(write)
            case e.StorePath():
                pass  # worth less than the call's own writes, which wait; the relay's histogram has it
            case e.RenewLease():
                pass  # the next renewal comes in 20 s; leases are judged by the database, which is away
            case _:
                self._give_up(write, "the database is away for a moment")

    def _give_up(self, write: Write, because: str) -> None:
        match write.effect:
            case e.StoreChat() | e.StoreReading() as entry:
                self._post(_not_kept(entry, because))
            case e.Transition(trigger=trigger):
                self._post(i.NotStored(trigger, because))
            case e.RenewLease() | e.StoreLines() | e.StorePath():
                pass

    async def _stored(self, write: Write) -> i.StoreResult | None:
        """Try once. Raises StoreUnavailable; any other refusal of the store becomes NotStored."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                return await self._write(write)
        except TimeoutError:
            raise StoreUnavailable("the database does not answer") from None
        except StoreUnavailable:
            raise
        except (StaleState, NotClaimed, NotFound) as refusal:
            return await self._after_refusal(write, refusal)

    async def _write(self, write: Write) -> i.StoreResult | None:
        visit_id = self._visit_id
        match write.effect:
            case e.Transition() as change:
                return i.Stored(await self._store.transition(visit_id, change, write), timestamp(write.at))
            case e.StoreChat() as chat:
                return i.ChatStored(await self._store.append_chat(visit_id, chat, write))
            case e.StoreReading() as reading:
                return i.ReadingStored(await self._store.append_reading(visit_id, reading, write))
            case e.StorePath(change):
                await self._store.note_path(visit_id, change)
                return None
            case e.RenewLease():
                await self._store.renew_lease(visit_id)
                return None
            case e.StoreLines(lines):
                await self._store.keep_lines(visit_id, lines)
                return None

    async def _after_refusal(self, write: Write, refusal: RecordsError) -> i.StoreResult | None:
        """Tell a write that was made by an earlier try whose answer was lost from one that is refused."""
        match write.effect:
            case e.RenewLease():
                self.refresh()
                return None
            case e.StoreLines():
                return None  # the visit is erased: nothing to keep it with
            case e.StorePath():
                return None
            case e.Transition(trigger=trigger, after=after):
                if isinstance(refusal, StaleState) and refusal.actual == after.value:
                    return i.Stored(await self._store.view(self._visit_id), timestamp(write.at))
                return i.NotStored(trigger, CHANGED_ELSEWHERE)
            case e.StoreChat() | e.StoreReading() as entry:
                return _not_kept(entry, CHANGED_ELSEWHERE)


def _not_kept(entry: e.StoreChat | e.StoreReading, because: str) -> i.NotStored:
    return i.NotStored(None, because, entry.key, entry.seat, is_reading=isinstance(entry, e.StoreReading))


def timestamp(at: datetime) -> str:
    """Return RFC 3339 with milliseconds and Z."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
