"""
Tells open consoles that the queue changed: one look a second at a mark, whoever made the change, on whatever node.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from records.errors import RecordsError
from records.store.admission import QueueMark
from records.store.database import DEFAULT_TENANT
from server.auth.principals import system_actor
from server.errors import StreamLimit
from server.queue_rows import SHOWN_STATES

if TYPE_CHECKING:
    from records.store.database import Database

log = logging.getLogger("teleconsult.board")

LOOK_S = 1.0  # README: on change, at most once a second
# A doctor has two screens and a stale tab; a clinic a few hundred consoles. Beyond is a loop that opens streams.
PER_SESSION, IN_ALL = 4, 500


class Board:
    """Who listens, and whether there is news. `run` must be running while anyone listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[asyncio.Event] = set()
        self._sessions: Counter[str] = Counter()
        self._someone = asyncio.Event()

    @contextmanager
    def listen(self, session_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at each change; the listener clears it. Raises StreamLimit."""
        if self._sessions[session_id] >= PER_SESSION or len(self._listeners) >= IN_ALL:
            raise StreamLimit(5)
        news = asyncio.Event()
        self._listeners.add(news)
        self._sessions[session_id] += 1
        self._someone.set()
        try:
            yield news
        finally:
            self._listeners.discard(news)
            self._sessions -= Counter({session_id: 1})
            if not self._listeners:
                self._someone.clear()

    def changed(self) -> None:
        """Wake every listener."""
        for news in self._listeners:
            news.set()

    async def run(self) -> None:
        """Look for changes while someone listens. Ends by cancellation."""
        seen: Any = None
        while True:
            await self._someone.wait()
            with suppress(RecordsError):  # the database is away: the consoles keep what they show
                mark = await self._mark()
                if mark != seen:
                    seen = mark
                    self.changed()
            await asyncio.sleep(LOOK_S)

    async def _mark(self) -> object:
        async with self._database.unit(system_actor(DEFAULT_TENANT, "board", "board")) as unit:
            return await QueueMark(unit).read(SHOWN_STATES)
