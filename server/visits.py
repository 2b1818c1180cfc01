"""
The patient's side of a visit: joining by link, consents, place, waiting, leaving. Each change is one unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiohttp import web

from records.actors import Actor
from records.store.admission import Languages
from records.store.unit import Unit
from records.store.visit_rows import Visit
from records.store.visits import Place
from server.auth.principals import LinkHolder, system_actor
from server.errors import ConsentNeeded, PlaceNeeded, WrongStep
from server.keys import CLOCK, DATABASE, ROOMS, SETTINGS, TRIAGE
from signaling.states import OVER, TRANSITIONS, Trigger, VisitState, next_state

if TYPE_CHECKING:
    from records.store.database import Database
    from server.clock import Clock
    from server.config import Settings
    from server.intake import Triage
    from server.rooms import Rooms

SCOPES = ("consultation", "ai", "recording")
# The wording of the three questions that static/i18n shows; a new wording gets a new version.
CONSENT_TEXT_VERSION = "2026-11"
BEFORE_CONSULT = frozenset(
    {VisitState.REQUESTED, VisitState.BOOKED, VisitState.NO_SHOW, VisitState.CHECKED_IN, VisitState.INTAKE}
    | {VisitState.TRIAGED, VisitState.WAITING, VisitState.AWAY}
)


@dataclass(frozen=True, slots=True)
class Services:
    """What the doing needs from the process."""

    database: Database
    rooms: Rooms
    clock: Clock
    settings: Settings
    triage: Triage


def services(app: web.Application) -> Services:
    """Return what the application was built with."""
    return Services(app[DATABASE], app[ROOMS], app[CLOCK], app[SETTINGS], app[TRIAGE])


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call of a link holder."""

    holder: LinkHolder
    request_id: str

    @property
    def visit_id(self) -> UUID:
        """The one visit that the link is for."""
        return self.holder.visit_id

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.holder.actor(self.request_id)

    def system(self, component: str) -> Actor:
        """Return the program acting on this call's behalf, for what no patient may do (triage, queue)."""
        return system_actor(self.holder.tenant_id, component, self.request_id)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a visit's preparation has come."""

    visit: Visit
    consents: Mapping[str, bool] | None
    place_given: bool
    intake: Mapping[str, Any] | None
    intake_final: bool

    @property
    def state(self) -> VisitState:
        """The visit's state."""
        return VisitState(self.visit.state)

    @property
    def may_assist(self) -> bool:
        """Whether the patient agreed to AI assistance."""
        return bool(self.consents and self.consents.get("ai"))

    @property
    def next(self) -> str:
        """Return the step to do next: consents, place, intake, wait, call or over."""
        if self.state in OVER:
            return "over"
        if self.state not in BEFORE_CONSULT:
            return "call"
        if not (self.consents and self.consents.get("consultation")):
            return "consents"
        if not self.place_given:
            return "place"
        return "wait" if self.intake_final else "intake"


async def progress(unit: Unit, visit_id: UUID) -> Progress:
    """Read how far a visit is."""
    visit = await unit.visits.get(visit_id)
    given = await unit.consents.current(visit_id)
    place = await unit.visits.place(visit_id)
    intake = await unit.intakes.get(visit_id)
    return Progress(
        visit=visit,
        consents={scope: given[scope].given for scope in SCOPES} if all(scope in given for scope in SCOPES) else None,
        place_given=place is not None,
        intake=None if intake is None else intake.content,
        intake_final=intake is not None and intake.final,
    )


async def move(unit: Unit, visit: Visit, trigger: Trigger, at: datetime, cause: str | None = None) -> Visit:
    """Move a visit by the one transition table. Raises WrongState, StaleState."""
    to = next_state(VisitState(visit.state), trigger)
    return await unit.visits.transition(
        visit.id, expected={visit.state}, to=to.value, trigger=trigger.value, cause=cause, at=at
    )


def takes(visit: Visit, trigger: Trigger) -> bool:
    """Say whether the visit's state has this change."""
    return trigger in TRANSITIONS[VisitState(visit.state)]


async def announce(services: Services, visit_id: UUID) -> None:
    """Tell the live rooms after a commit. The visit's seats first: their page is what the person looks at."""
    await services.rooms.visit_changed(visit_id)
    await services.rooms.queue_changed()


def require(progress: Progress, *steps: str) -> None:
    """Raise the problem that names the step to do first, unless the visit is at one of `steps`."""
    if progress.next in steps:
        return
    problem = {"consents": ConsentNeeded, "place": PlaceNeeded}.get(progress.next, WrongStep)
    raise problem(next=progress.next, state=progress.visit.state)


async def set_language(services: Services, call: Call, lang: str) -> None:
    """Choose the language of the visit's texts."""
    async with services.database.unit(call.actor) as unit:
        await Languages(unit).choose(call.visit_id, lang)
        await unit.resources.project(call.visit_id)


async def set_consents(services: Services, call: Call, answers: Mapping[str, bool], version: str) -> Progress:
    """
    Record the answers that changed, and check the visit in on the first yes to the consultation.

    A "no" is recorded like a "yes"; the visit then stays where it is.
    """
    now = services.clock.now()
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
        if before.state in OVER - {VisitState.NO_SHOW}:
            require(before)
        current = await unit.consents.current(call.visit_id)
        for scope in SCOPES:
            if scope not in current or (current[scope].given, current[scope].text_version) != (answers[scope], version):
                await unit.consents.record(
                    call.visit_id, scope=scope, given=answers[scope], text_version=version, at=now
                )
        if answers["consultation"] and takes(before.visit, Trigger.CHECK_IN):
            await move(unit, before.visit, Trigger.CHECK_IN, now)
        await unit.resources.project(call.visit_id)
        after = await progress(unit, call.visit_id)
    await announce(services, call.visit_id)
    return after


async def set_place(services: Services, call: Call, place: Place) -> None:
    """Record where the patient is now: the emergency card (consultation.md §6). May be corrected during the call."""
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
        require(before, "place", "intake", "wait", "call")
        await unit.visits.set_place(call.visit_id, place)
        await unit.resources.project(call.visit_id)
    await announce(services, call.visit_id)


def mode_of(camera: bool, microphone: bool) -> str:
    """Return the rung of the ladder that the devices allow (consultation.md §7); the place in the queue is the same."""
    if camera and microphone:
        return "video"
    return "audio" if microphone else "text"


async def check_devices(services: Services, call: Call, mode: str, line: Mapping[str, Any] | None) -> None:
    """Record the rung that the device test found, and the line test's result. Never a condition for waiting."""
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
        if before.state in OVER:
            require(before)
        if before.visit.mode != mode:
            await unit.visits.set_level(call.visit_id, before.visit.level, mode)
            await unit.resources.project(call.visit_id)
        if line is not None:
            await unit.visits.set_line_check(call.visit_id, line)
    await announce(services, call.visit_id)


async def leave(services: Services, call: Call) -> str:
    """Leave before being seen. After the call began only the doctor ends it. Leaving twice is leaving once."""
    now = services.clock.now()
    async with services.database.unit(call.actor) as unit:
        visit = await unit.visits.get(call.visit_id)
        if VisitState(visit.state) is VisitState.LEFT_UNSEEN:
            return visit.state
        after = await move(unit, visit, Trigger.LEAVE, now, cause="patient-left")
        await unit.resources.project(call.visit_id)
    await announce(services, call.visit_id)
    return after.state
