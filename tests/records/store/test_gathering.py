"""Gathering: what arrives while the database is busy goes together, and each caller gets its own answer."""

import asyncio
from collections.abc import Sequence

from records.errors import NotFound, StoreUnavailable
from records.store.gathering import LANES, MAX_TOGETHER, Gathering


class Database:
    """Doubles numbers, batch by batch, when the test lets it."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.is_open = asyncio.Event()
        self.error: Exception | None = None

    async def run(self, numbers: Sequence[int]) -> Sequence[int | None]:
        self.batches.append(numbers)
        await self.is_open.wait()
        if self.error is not None:
            raise self.error
        return [2 * n for n in numbers]


async def _waiting(gathering: Gathering[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int | None]]:
    """Callers that have all arrived, the first ones in batches of one that are under way."""
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(gathering.join("key", number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


class TestGathering:
    async def test_a_caller_alone_waits_for_nobody(self) -> None:
        database = Database()
        database.is_open.set()
        assert await Gathering(database.run).join("key", 21) == 42

    async def test_what_arrives_while_the_lanes_are_busy_goes_together(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(10))
        database.is_open.set()
        assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
        assert [len(batch) for batch in database.batches] == [1] * LANES + [10 - LANES]

    async def test_a_second_lane_begins_when_as_many_wait_as_are_under_way(self) -> None:
        database = Database()
        gathering = Gathering(database.run)
        tasks = [asyncio.create_task(gathering.join("key", n)) for n in range(4)]
        await asyncio.sleep(0)
        tasks += await _waiting(gathering, range(4, 7))
        assert [list(batch) for batch in database.batches] == [[0, 1, 2, 3]]
        tasks += await _waiting(gathering, [7])
        assert [list(batch) for batch in database.batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        database.is_open.set()
        await asyncio.gather(*tasks)

    async def test_who_is_too_few_for_a_second_lane_is_served_after_the_first(self) -> None:
        database = Database()
        gathering = Gathering(database.run)
        tasks = [asyncio.create_task(gathering.join("key", n)) for n in range(4)]
        await asyncio.sleep(0)
        tasks += await _waiting(gathering, [4])
        database.is_open.set()
        assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]

    async def test_where_batches_may_be_slow_one_caller_is_enough_for_a_second_lane(self) -> None:
        database = Database()
        gathering = Gathering(database.run, is_eager=True)
        tasks = [asyncio.create_task(gathering.join("key", n)) for n in range(4)]
        await asyncio.sleep(0)
        tasks += await _waiting(gathering, [4])
        assert [list(batch) for batch in database.batches] == [[0, 1, 2, 3], [4]]
        database.is_open.set()
        await asyncio.gather(*tasks)

    async def test_a_batch_is_bounded(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(100))
        database.is_open.set()
        await asyncio.gather(*tasks)
        assert max(len(batch) for batch in database.batches) == MAX_TOGETHER

    async def test_other_keys_never_share_a_batch(self) -> None:
        database = Database()
        database.is_open.set()
        gathering = Gathering(database.run)
        await asyncio.gather(*(gathering.join(n % 2, n) for n in range(20)))
        assert all(len({n % 2 for n in batch}) == 1 for batch in database.batches)

    async def test_a_refusal_sends_each_of_a_batch_alone(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(LANES + 2))
        database.error = NotFound("patient")
        database.is_open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [NotFound] * LANES + [type(None)] * 2

    async def test_a_store_that_is_away_is_told_to_all(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(LANES + 2))
        database.error = StoreUnavailable("away")
        database.is_open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(answer, StoreUnavailable) for answer in answers)

    async def test_a_fault_of_ours_reaches_every_caller(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(LANES + 2))
        database.error = ZeroDivisionError()
        database.is_open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(answer, ZeroDivisionError) for answer in answers)

    async def test_who_went_away_is_left_out(self) -> None:
        database = Database()
        tasks = await _waiting(Gathering(database.run), range(LANES + 2))
        tasks[-1].cancel()
        await asyncio.sleep(0)
        database.is_open.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert list(database.batches[-1]) == [LANES]

    async def test_closing_waits_for_what_is_under_way(self) -> None:
        database = Database()
        gathering = Gathering(database.run)
        (task,) = await _waiting(gathering, [1])
        closing = asyncio.create_task(gathering.close())
        await asyncio.sleep(0)
        assert not closing.done()
        database.is_open.set()
        await closing
        assert task.done()

    async def test_nothing_is_kept_of_a_key_that_is_idle(self) -> None:
        database = Database()
        database.is_open.set()
        gathering = Gathering(database.run)
        for key in range(5):
            await gathering.join(key, 1)
        await gathering.close()
        assert not vars(gathering)["_lines"]
