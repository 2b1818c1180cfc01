"""
Like work done together: while one batch is with the database, what arrives gathers for the next.

A transaction's own cost (begin, the audit head's lock, the flush to disk) is the same for one request and for thirty.
Alone on a quiet server a request is a batch of one and waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from records.errors import KeyServiceUnavailable, RecordsError, StoreUnavailable

# At 32 a transaction's own cost is a few per cent of each; more would only hold its locks for longer.
MAX_TOGETHER = 32
# This process prepares one batch while the database has the other. A third would only make the batches smaller.
LANES = 2

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Run = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | None]]]
"""Does a batch in one transaction; None for an item that must go alone, so that its refusal is its own."""


@dataclass(slots=True)
class _Line(Generic[Item, Answer]):
    """Who waits under one key, the lanes that serve them, and how many are in each batch that is with the database."""

    waiting: deque[tuple[Item, asyncio.Future[Answer | None]]] = field(default_factory=deque)
    lanes: int = 0
    under_way: list[int] = field(default_factory=list)

    def is_enough(self, is_eager: bool) -> bool:
        """
        Whether a batch of those who wait should begin beside what is under way.

        As many as in the smallest batch that is: lanes then settle at batches of one size, as large as the callers
        allow. Were one caller enough, half of all batches would be of one (tests/bench/README.md).
        """
        return bool(self.waiting) and (is_eager or len(self.waiting) >= min(self.under_way, default=1))


class Gathering(Generic[Item, Answer]):
    """
    Runs items that share a key in batches, first come, first served. Bounded by whoever bounds the callers.

    `is_eager` is for batches that may take long: a caller then begins a lane of its own while there are any.
    """

    def __init__(self, run: Run[Item, Answer], lanes: int = LANES, *, is_eager: bool = False) -> None:
        self._run, self._most, self._is_eager = run, lanes, is_eager
        self._lines: dict[Hashable, _Line[Item, Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, key: Hashable, item: Item) -> Answer | None:
        """Give the item's answer; None when it must go alone. Raises StoreUnavailable, KeyServiceUnavailable."""
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(key, _Line())
        line.waiting.append((item, future))
        self._open_lane(key, line)
        return await future

    async def close(self) -> None:
        """Wait for the batches that are under way; whoever still waits is served."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _open_lane(self, key: Hashable, line: _Line[Item, Answer]) -> None:
        is_opening = line.lanes > len(line.under_way)  # it takes whoever comes until it runs
        if line.lanes < self._most and not is_opening and line.is_enough(self._is_eager):
            line.lanes += 1
            task = asyncio.create_task(self._lane(key, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _lane(self, key: Hashable, line: _Line[Item, Answer]) -> None:
        try:
            while line.is_enough(self._is_eager):  # if it is not, another lane is under way and comes back for them
                size = min(len(line.waiting), MAX_TOGETHER)
                batch = [line.waiting.popleft() for _ in range(size)]
                line.under_way.append(size)
                try:
                    await self._serve([entry for entry in batch if not entry[1].done()])  # done: the caller went away
                finally:
                    line.under_way.remove(size)
        finally:
            line.lanes -= 1
            if not line.lanes:
                del self._lines[key]

    async def _serve(self, batch: Sequence[tuple[Item, asyncio.Future[Answer | None]]]) -> None:
        if not batch:
            return
        try:
            answers = await self._run([item for item, _ in batch])
        except (StoreUnavailable, KeyServiceUnavailable) as error:
            _fail(batch, error)
        except RecordsError as error:
            if len(batch) == 1:
                _fail(batch, error)
            else:  # it is one's; whose shows when each goes alone
                _settle(batch, [None] * len(batch))
        except BaseException as error:  # the task's outermost frame: nobody may wait for ever
            _fail(batch, error)
            if not isinstance(error, Exception):
                raise
        else:
            _settle(batch, answers)


def _settle(batch: Sequence[tuple[Item, asyncio.Future[Answer | None]]], answers: Sequence[Answer | None]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if not future.done():
            future.set_result(answer)


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Answer | None]]], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error if isinstance(error, Exception) else StoreUnavailable("the server is stopping"))
