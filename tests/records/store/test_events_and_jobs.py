"""records/README.md "Events and jobs": a cursor never passes an unseen event; a job's effect happens once."""

import asyncio

import asyncpg
import pytest

from records.store.events import CHANNEL
from records.store.jobs import LEASE_S, MAX_ATTEMPTS, Job, LeaseLost

from .conftest import SYSTEM, Store


async def claim(store: Store, worker: str = "w1") -> list[Job]:
    async with store.database.unit(SYSTEM) as unit:
        return await unit.jobs.claim(worker, ["mail"])


async def enqueue(store: Store, key: str = "1") -> bool:
    async with store.database.unit(SYSTEM) as unit:
        return await unit.jobs.enqueue("mail", key, {"visit": "v"})


class TestEvents:
    """The table is the truth; NOTIFY only wakes."""

    async def test_read_after_a_cursor_in_order(self, store: Store) -> None:
        for number in range(3):
            async with store.database.unit(SYSTEM) as unit:
                await unit.events.add("queue", {"n": number})
        async with store.database.unit(SYSTEM) as unit:
            first = await unit.events.after(0, limit=1)
            rest = await unit.events.after(first[0].id)
        assert [event.body["n"] for event in first + rest] == [0, 1, 2]

    async def test_cursor_never_passes_an_event_that_commits_late(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as slow:
            await slow.events.add("queue", {"n": "slow"})
            async with store.database.unit(SYSTEM) as quick:
                await quick.events.add("queue", {"n": "quick"})
            async with store.database.unit(SYSTEM) as unit:
                assert await unit.events.after(0) == []
        async with store.database.unit(SYSTEM) as unit:
            assert [event.body["n"] for event in await unit.events.after(0)] == ["slow", "quick"]

    async def test_one_topic_alone(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.events.add("queue", {})
            await unit.events.add("visit", {})
        async with store.database.unit(SYSTEM) as unit:
            assert [event.topic for event in await unit.events.after(0, topic="visit")] == ["visit"]

    async def test_commit_wakes_a_listener_with_the_topic_only(self, store: Store) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        listener = await asyncpg.connect(store.url)
        await listener.add_listener(CHANNEL, lambda *args: heard.put_nowait(args[3]))
        async with store.database.unit(SYSTEM) as unit:
            await unit.events.add("queue", {"secret": "x"})
        assert await asyncio.wait_for(heard.get(), 5) == "queue"
        await listener.close()

    async def test_a_week_later_it_is_swept(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.events.add("queue", {})
        store.clock.advance(8 * 24 * 3600)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.events.sweep() == 1

    async def test_newest_is_where_a_new_reader_starts(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.events.add("queue", {})
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.events.after(await unit.events.newest()) == []


class TestJobs:
    """At most one worker at a time, at least one attempt, one effect."""

    async def test_same_key_is_enqueued_once(self, store: Store) -> None:
        assert [await enqueue(store), await enqueue(store)] == [True, False]

    async def test_twenty_workers_take_each_job_once(self, store: Store) -> None:
        for number in range(20):
            await enqueue(store, str(number))
        taken = await asyncio.gather(*(claim(store, f"w{number}") for number in range(20)))
        assert sorted(job.key for jobs in taken for job in jobs) == sorted(str(number) for number in range(20))

    async def test_done_job_is_not_taken_again(self, store: Store) -> None:
        await enqueue(store)
        job = (await claim(store))[0]
        async with store.database.unit(SYSTEM) as unit:
            await unit.jobs.done(job.id, "w1")
        store.clock.advance(LEASE_S + 1)
        assert await claim(store) == []

    async def test_lost_lease_rolls_the_effect_back(self, store: Store) -> None:
        await enqueue(store)
        job = (await claim(store))[0]
        store.clock.advance(LEASE_S + 1)
        assert [again.id for again in await claim(store, "w2")] == [job.id]
        with pytest.raises(LeaseLost):
            async with store.database.unit(SYSTEM) as unit:
                await unit.settings.put("effect", 1)
                await unit.jobs.done(job.id, "w1")
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.settings.get("effect") is None

    async def test_failed_job_comes_back_later(self, store: Store) -> None:
        await enqueue(store)
        job = (await claim(store))[0]
        async with store.database.unit(SYSTEM) as unit:
            await unit.jobs.failed(job.id, "w1", "mail-refused")
        assert await claim(store) == []
        store.clock.advance(2)
        assert [again.attempts for again in await claim(store)] == [2]

    async def test_dead_after_eight_attempts_and_revived_by_hand(self, store: Store) -> None:
        await enqueue(store)
        for _ in range(MAX_ATTEMPTS):
            job = (await claim(store))[0]
            async with store.database.unit(SYSTEM) as unit:
                await unit.jobs.failed(job.id, "w1", "mail-refused")
            store.clock.advance(3_601)
        assert await claim(store) == []
        async with store.database.unit(SYSTEM) as unit:
            await unit.jobs.revive(job.id)
        assert len(await claim(store)) == 1
