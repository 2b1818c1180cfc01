"""
Like work done together: while one batch is with the database, what arrives gathers for the next.

A transaction's own cost (begin, the audit head's lock, the flush to disk) is the same for one request and for thirty.
Alone on a quiet server a request is a batch of one and waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from records.errors import KeyServiceUnavailable, RecordsError, StoreUnavailable

# At 32 a transaction's own cost is a few per cent of each; more would only hold its locks for longer.
MAX_TOGETHER = 32
# With two lanes the batches were half as large, and a read cost a fifth more CPU (tests/bench/README.md).
LANES = 1

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Run = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | None]]]
"""Does a batch in one transaction; None for an item that must go alone, so that its refusal is its own."""


class Gathering(Generic[Item, Answer]):
    """Runs items that share a key in batches, first come, first served. Bounded by whoever bounds the callers."""

    def __init__(self, run: Run[Item, Answer], lanes: int = LANES) -> None:
        self._run, self._most = run, lanes
        self._waiting: dict[Hashable, deque[tuple[Item, asyncio.Future[Answer | None]]]] = {}
        self._lanes: dict[Hashable, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, key: Hashable, item: Item) -> Answer | None:
        """Give the item's answer; None when it must go alone. Raises StoreUnavailable, KeyServiceUnavailable."""
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append((item, future))
        if self._lanes.get(key, 0) < self._most:
            self._lanes[key] = self._lanes.get(key, 0) + 1
            task = asyncio.create_task(self._lane(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def close(self) -> None:
        """Wait for the batches that are under way; whoever still waits is served."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lane(self, key: Hashable) -> None:
        queue = self._waiting[key]
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(len(queue), MAX_TOGETHER))]
                await self._serve([entry for entry in batch if not entry[1].done()])  # done: the caller went away
        finally:
            self._lanes[key] -= 1
            if not self._lanes[key]:
                del self._lanes[key], self._waiting[key]

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
