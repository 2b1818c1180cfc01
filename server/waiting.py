"""The waiting room: who waits in which order, a patient's place, the wait that was promised."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from records.actors import Actor
from records.store.live import LiveVisits
from server import intake as intakes
from server.places import LISTED_STATES, places
from server.visits import Call, Services, announce, move, progress, require
from signaling import queue
from signaling.states import Trigger, VisitState


async def place_of(services: Services, actor: Actor, visit_id: UUID, now: datetime) -> queue.Place | None:
    """
    Return a waiting visit's place and wait; None when it does not wait. `actor` is the program (no patient may list).
    """
    async with services.database.unit(actor) as unit:
        listed = await LiveVisits(unit).in_states(LISTED_STATES)
    return places(listed, now).get(str(visit_id))


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
