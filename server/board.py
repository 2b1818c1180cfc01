"""Tells open consoles that the queue changed, or that their login is over: one look a second for all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from records.errors import RecordsError
from records.store.admission import QueueMark, SessionWatch
from records.store.database import DEFAULT_TENANT
from server.auth.principals import system_actor
from server.errors import StreamLimit
from server.queue_rows import SHOWN_STATES

if TYPE_CHECKING:
    from records.store.database import Database

LOOK_S = 1.0  # README: on change, at most once a second; a revoked login is noticed within two
# A doctor has two screens and a stale tab; a clinic a few hundred consoles. Beyond is a loop that opens streams.
PER_SESSION, IN_ALL = 4, 500


class Listener:
    """One open stream: whether there is news for it, and whether its login is over."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.news = asyncio.Event()
        self.is_over = False


class Board:
    """Who listens, and whether there is news. `run` must be running while anyone listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[Listener] = set()
        self._someone = asyncio.Event()
        self._seen: Any = None

    @contextmanager
    def listen(self, session_id: str) -> Iterator[Listener]:
        """Give a listener; its `news` is set at each change, and it clears it. Raises StreamLimit."""
        of_session = Counter(each.session_id for each in self._listeners)[session_id]
        if of_session >= PER_SESSION or len(self._listeners) >= IN_ALL:
            raise StreamLimit(5)
        listener = Listener(session_id)
        self._listeners.add(listener)
        self._someone.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._someone.clear()

    async def run(self) -> None:
        """Look for changes while someone listens. Ends by cancellation."""
        while True:
            await self._someone.wait()
            with suppress(RecordsError):  # the database is away: the consoles keep what they show
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        sessions = {each.session_id for each in self._listeners}
        async with self._database.unit(system_actor(DEFAULT_TENANT, "board", "board")) as unit:
            mark = await QueueMark(unit).read(SHOWN_STATES)
            live = await SessionWatch(unit).live(sessions)
        is_new, self._seen = mark != self._seen, mark
        for listener in self._listeners:
            listener.is_over = listener.session_id in sessions - live
            if is_new or listener.is_over:
                listener.news.set()
