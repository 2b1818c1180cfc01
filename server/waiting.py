"""The waiting room: who waits in which order, a patient's place, the wait that was promised."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from records.actors import Actor
from records.store.unit import Unit
from records.store.visit_rows import Visit
from server import intake as intakes
from server.visits import Call, Services, announce, move, progress, require
from signaling import queue
from signaling.states import QUEUED, Trigger, VisitState

WAITING_STATES = tuple(sorted(state.value for state in QUEUED))
# Practitioners who see patients now hold at least one of these.
BUSY_STATES = ("called", "in_consult", "held", "dropped", "emergency", "wrap_up")


def entry(visit: Visit, is_returned: bool = False) -> queue.Entry:
    """Return a visit as the queue's order sees it."""
    since = visit.waiting_since or visit.created_at
    return queue.Entry(str(visit.id), visit.level, since.timestamp(), is_returned)


def order(visits: Iterable[Visit], now: datetime) -> list[str]:
    """Return the ids of waiting visits in the order to be seen in."""
    waiting = [entry(visit) for visit in visits if VisitState(visit.state) in QUEUED]
    return [each.visit for each in queue.order(waiting, now.timestamp())]


async def place_of(services: Services, actor: Actor, visit_id: UUID, now: datetime) -> queue.Place | None:
    """
    Return a waiting visit's place and wait; None when it does not wait. `actor` is the program (no patient may list).
    """
    async with services.database.unit(actor) as unit:
        waiting = [row.visit for row in await unit.visits.queue(WAITING_STATES)]
        practitioners = await count_practitioners(unit)
    ranked = order(waiting, now)
    return queue.places(ranked, practitioners).get(str(visit_id))


async def count_practitioners(unit: Unit) -> int:
    """Return how many see patients now: those who hold a visit, and one at least, or no wait could be told."""
    busy = await unit.visits.queue(BUSY_STATES)
    return max(1, len({row.visit.practitioner_id for row in busy if row.visit.practitioner_id is not None}))


async def enter(services: Services, call: Call) -> tuple[str, queue.Place | None]:
    """
    Enter the queue, or come back to it; return the state and the place. Asking again when waiting changes nothing.

    An intake whose triage was cut off (a crash between its two units) is triaged first.
    """
    now = services.clock.now()
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
    if before.state is not VisitState.WAITING:
        require(before, "wait")
        if before.state is VisitState.INTAKE:
            await intakes.finish(services, call)
        await _enter(services, call, now)
    place = await place_of(services, call.system("queue"), call.visit_id, now)
    await _promise(services, call, place)
    await announce(services, call.visit_id)
    return VisitState.WAITING.value, place


async def _enter(services: Services, call: Call, now: datetime) -> None:
    async with services.database.unit(call.actor) as unit:
        visit = await unit.visits.get(call.visit_id)
        if visit.state == VisitState.WAITING.value:
            return
        trigger = Trigger.COME_BACK if visit.state == VisitState.AWAY.value else Trigger.WAIT
        await move(unit, visit, trigger, now)
        await unit.resources.project(call.visit_id)


async def _promise(services: Services, call: Call, place: queue.Place | None) -> None:
    """Store what is shown first, so that it can be compared with what came (consultation.md §3)."""
    if place is None or place.wait_min is None:
        return
    async with services.database.unit(call.system("queue")) as unit:
        visit = await unit.visits.get(call.visit_id)
        if visit.promised_low_min is None:
            await unit.visits.promise(call.visit_id, *place.wait_min)
