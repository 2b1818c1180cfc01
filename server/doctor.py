"""The doctor's side of a visit: claim, release, escalate, end, note, signature, decision on the triage note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from records.actors import Actor
from records.errors import AlreadyClaimed, AlreadySigned, NotClaimed, NotFound, StaleVersion
from records.store.triage_notes import Decision
from records.store.unit import Unit
from records.store.visit_rows import Visit
from server.auth import links
from server.auth.principals import Staff
from server.errors import NoteNeeded, ReasonRequired, TriageNeeded
from server.visits import Services, announce, move
from signaling.states import QUEUED, Trigger, VisitState

# Until the console's socket renews it (server/rooms.py): long enough to open the case, short enough not to lose a
# patient.
LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a practitioner about one visit."""

    staff: Staff
    visit_id: UUID
    request_id: str

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.staff.actor(self.request_id)


async def claim(services: Services, action: Action) -> Visit:
    """Take a waiting patient. Claiming again what one holds is the same claim. Raises AlreadyClaimed, StaleState."""
    try:
        async with services.database.unit(action.actor) as unit:
            claimed = await unit.visits.claim(action.visit_id, action.staff.account_id, LEASE_S)
            await unit.resources.project(action.visit_id)
    except AlreadyClaimed as error:
        if not error.by_self:
            raise
        async with services.database.unit(action.actor) as unit:
            return await unit.visits.get(action.visit_id)
    await announce(services, action.visit_id)
    return claimed


async def release(services: Services, action: Action) -> Visit:
    """Put the patient back, same place; also out of a call that broke off. Releasing what waits changes nothing."""
    now = services.clock.now()
    async with services.database.unit(action.actor) as unit:
        visit = await unit.visits.get(action.visit_id)
        if visit.practitioner_id is None and VisitState(visit.state) in QUEUED:
            return visit
        _require_mine(visit, action)
        if visit.state == VisitState.CALLED.value:
            after = await unit.visits.release(action.visit_id, action.staff.account_id)
        else:
            after = await move(unit, visit, Trigger.RELEASE, now)
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return after


async def escalate(services: Services, action: Action) -> Visit:
    """Declare an emergency: the call stays open until handover. A patient who waits is claimed by it."""
    now = services.clock.now()
    async with services.database.unit(action.actor) as unit:
        visit = await unit.visits.get(action.visit_id)
        if visit.state == VisitState.EMERGENCY.value:
            return visit
        if VisitState(visit.state) in QUEUED:
            visit = await unit.visits.claim(action.visit_id, action.staff.account_id, LEASE_S)
        await unit.visits.set_level(action.visit_id, "emergency")
        after = await move(unit, visit, Trigger.ESCALATE, now)
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return after


async def end(services: Services, action: Action) -> Visit:
    """End the call: the note remains to be signed. Ending twice is ending once. Only the practitioner ends."""
    return await _move_mine(services, action, Trigger.END, VisitState.WRAP_UP)


async def void(services: Services, action: Action, reason: str) -> Visit:
    """Mark the visit as entered in error; nothing is deleted. `reason` is one of the contract's codes."""
    now = services.clock.now()
    async with services.database.unit(action.actor) as unit:
        visit = await unit.visits.get(action.visit_id)
        if visit.state == VisitState.ENTERED_IN_ERROR.value:
            return visit
        after = await move(unit, visit, Trigger.VOID, now, cause=reason)
        await links.revoke_all(unit, visit.id)  # a wrong person may hold them
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return after


async def _move_mine(services: Services, action: Action, trigger: Trigger, target: VisitState) -> Visit:
    now = services.clock.now()
    async with services.database.unit(action.actor) as unit:
        visit = await unit.visits.get(action.visit_id)
        _require_mine(visit, action)
        if visit.state == target.value:
            return visit
        after = await move(unit, visit, trigger, now)
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return after


def _require_mine(visit: Visit, action: Action) -> None:
    if visit.practitioner_id != action.staff.account_id:
        raise NotClaimed("this practitioner does not hold the visit")


async def _mine(unit: Unit, action: Action) -> Visit:
    visit = await unit.visits.get(action.visit_id)
    _require_mine(visit, action)
    return visit


async def save_note(services: Services, action: Action, note: Mapping[str, Any], expected: int) -> int:
    """
    Save the draft over version `expected`; return the new version.

    A repetition whose first answer was lost finds its own text one version on, and gets that version.
    Raises StaleVersion, AlreadySigned, NotClaimed.
    """
    try:
        async with services.database.unit(action.actor) as unit:
            await _mine(unit, action)
            version = await unit.notes.put_draft(action.visit_id, dict(note), expected)
            await unit.resources.project(action.visit_id)
            return version
    except StaleVersion as error:
        if error.current != expected + 1:
            raise
        async with services.database.unit(action.actor) as unit:
            stored = await unit.notes.get(action.visit_id)
        if stored is None or stored.content != dict(note):
            raise
        return stored.version


@dataclass(frozen=True, slots=True)
class SignedVisit:
    """A signature and where the visit is now."""

    signed_at: str
    state: str


async def sign(services: Services, action: Action, expected: int) -> SignedVisit:
    """
    Sign version `expected` and complete the visit, in one unit. Signing the same version again gives the same
    signature.

    Raises NoteNeeded, StaleVersion, AlreadySigned, WrongState (end the call first), NotClaimed.
    """
    now = services.clock.now()
    async with services.database.unit(action.actor) as unit:
        visit = await _mine(unit, action)
        note = await unit.notes.get(action.visit_id)
        if note is None:
            raise NoteNeeded
        if note.signed_at is not None:
            if note.version == expected and note.signed_by == str(action.staff.account_id):
                return SignedVisit(note.signed_at.isoformat(), visit.state)
            raise AlreadySigned("a signed note is final")
        signed = await unit.notes.sign(action.visit_id, expected)
        after = await move(unit, visit, Trigger.SIGN, now)
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return SignedVisit(signed.signed_at.isoformat(), after.state)


async def decide(services: Services, action: Action, decision: Decision) -> tuple[int, str | None]:
    """
    Record what the doctor made of the triage note; return the decision's number and the visit's level.

    An override of the whole note sets the level and needs a reason, as does a rejection (triage.md §8: overrides are
    reviewed). Raises ReasonRequired, TriageNeeded.
    """
    if decision.action != "accept" and not (decision.reason or "").strip():
        raise ReasonRequired
    if decision.action == "override" and decision.line is None and decision.level is None:
        raise ReasonRequired("Say which level you set, and why.")
    async with services.database.unit(action.actor) as unit:
        visit = await _mine(unit, action)
        try:
            await unit.triage_notes.decide(action.visit_id, decision)
        except NotFound:
            raise TriageNeeded from None
        level = visit.level
        if decision.action == "override" and decision.level is not None:
            level = (await unit.visits.set_level(action.visit_id, decision.level)).level
        number = len(await unit.triage_notes.decisions(action.visit_id))
        await unit.resources.project(action.visit_id)
    await announce(services, action.visit_id)
    return number, level
