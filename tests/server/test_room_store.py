"""server/room_store.py: writes in order, retried while the database is away, never made twice. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.errors import NotClaimed, StoreUnavailable
from records.store.database import DEFAULT_TENANT
from server.room_store import MAX_WAITING, WRITE_TIMEOUT_S, StoreLane, Write
from signaling import effects as e
from signaling import inputs as i
from signaling.states import Trigger, VisitState
from tests.fakes.live import PRACTITIONER, VISIT
from tests.fakes.virtual_time import virtual
from tests.fakes.visit_store import FakeVisitStore

ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.TREAT, "r")
AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOLD = e.Transition(Trigger.HOLD, VisitState.IN_CONSULT, VisitState.HELD, "s_doctor", "command", True)
RESUME = e.Transition(Trigger.RESUME, VisitState.HELD, VisitState.IN_CONSULT, "s_doctor", "command", True)
END = e.Transition(Trigger.END, VisitState.IN_CONSULT, VisitState.WRAP_UP, "s_doctor", "command", False)


class LosingStore(FakeVisitStore):
    """Commits the next write, and loses the answer."""

    loses_answer = False
    hangs = False

    async def transition(self, visit_id: UUID, change: e.Transition, write: Write) -> i.VisitView:
        if self.hangs:
            await asyncio.Event().wait()
        view = await super().transition(visit_id, change, write)
        if self.loses_answer:
            self.loses_answer = False
            raise StoreUnavailable("the answer was lost")
        return view

    async def renew_lease(self, visit_id: UUID) -> None:
        raise NotClaimed("taken back")


class Bench:
    """A lane, its store and what it told."""

    def __init__(self) -> None:
        self.store = LosingStore(i.VisitView(str(VISIT), VisitState.IN_CONSULT, PRACTITIONER))
        self.told: list[i.StoreResult] = []
        self.lane = StoreLane(VISIT, self.store, self.told.append)

    def put(self, *effects: e.StoreEffect) -> None:
        for effect in effects:
            self.lane.put(Write(effect, ACTOR, AT))

    def kinds(self) -> list[str]:
        return [type(result).__name__ for result in self.told]


def bench(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        made = Bench()
        task = asyncio.create_task(made.lane.run())
        await scenario(made)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtual(run())


def chat(key: str) -> e.StoreChat:
    return e.StoreChat("s_patient", "patient", "hello", key)


class TestOrder:
    """One after another."""

    def test_writes_are_made_in_order(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.put(HOLD, chat("k"), RESUME)
            await asyncio.sleep(1)
            assert bench.store.written == ["hold", "chat", "resume"]

        bench(scenario)

    def test_stored_carries_when_it_was_asked(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.put(HOLD)
            await asyncio.sleep(1)
            (result,) = bench.told
            assert isinstance(result, i.Stored)
            assert result.at == "2026-11-22T10:00:00.000Z"

        bench(scenario)


class TestAway:
    """What may wait waits in line; what may not is refused."""

    def test_order_is_kept_over_the_outage(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.is_away = True
            bench.put(HOLD, chat("k"), RESUME)
            await asyncio.sleep(20)
            assert bench.kinds() == ["Deferred", "Deferred"]
            bench.store.is_away = False
            await asyncio.sleep(5)
            assert bench.store.written == ["hold", "chat", "resume"]
            assert bench.kinds()[2:] == ["ChatStored"]

        bench(scenario)

    def test_end_is_refused_and_not_made_later(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.is_away = True
            bench.put(END)
            await asyncio.sleep(1)
            bench.store.is_away = False
            await asyncio.sleep(10)
            assert bench.kinds()[0] == "NotStored"
            assert bench.store.written == []

        bench(scenario)

    def test_database_that_hangs_counts_as_away(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.hangs = True
            bench.put(HOLD)
            await asyncio.sleep(WRITE_TIMEOUT_S + 0.1)
            assert bench.kinds() == ["Deferred"]

        bench(scenario)

    def test_line_is_bounded(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.is_away = True
            for number in range(MAX_WAITING + 1):
                bench.put(chat(str(number)))
                await asyncio.sleep(0.01)
            assert bench.kinds() == ["NotStored"]

        bench(scenario)

    def test_what_another_changed_meanwhile_stands(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.is_away = True
            bench.put(HOLD)
            await asyncio.sleep(1)
            bench.store.move(VISIT, VisitState.EMERGENCY)
            bench.store.is_away = False
            await asyncio.sleep(5)
            changed = bench.told[-1]
            assert isinstance(changed, i.VisitChanged)
            assert changed.view.state is VisitState.EMERGENCY

        bench(scenario)


class TestLostAnswer:
    """A commit whose answer was lost is not made twice (security.md §4)."""

    def test_transition_is_recognised(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.loses_answer = True
            bench.put(HOLD)
            await asyncio.sleep(5)
            assert bench.store.written == ["hold"]
            assert bench.kinds() == ["Deferred"]
            assert bench.lane.is_idle

        bench(scenario)


class TestRefused:
    """A refusal is followed by what the database says."""

    def test_stale_state(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.store.move(VISIT, VisitState.EMERGENCY)
            bench.put(HOLD)
            await asyncio.sleep(1)
            assert bench.kinds() == ["NotStored", "VisitChanged"]

        bench(scenario)

    def test_change_that_is_already_so_counts_as_made(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.put(RESUME)
            await asyncio.sleep(1)
            assert bench.kinds() == ["Stored"]

        bench(scenario)

    def test_lease_that_was_taken_back(self) -> None:
        async def scenario(bench: Bench) -> None:
            bench.put(e.RenewLease())
            await asyncio.sleep(1)
            assert bench.kinds() == ["VisitChanged"]

        bench(scenario)

    def test_several_wishes_to_read_are_one(self) -> None:
        async def scenario(bench: Bench) -> None:
            for _ in range(5):
                bench.lane.refresh()
            await asyncio.sleep(1)
            assert bench.kinds() == ["VisitChanged"]

        bench(scenario)
