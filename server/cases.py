"""Everything a doctor needs before and during a call, read in one unit: each part is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from records.actors import Actor
from records.store.notes import StoredNote
from records.store.patients import PatientIdentity
from records.store.triage_notes import StoredDecision, StoredTriageNote
from records.store.visit_rows import Transition, Visit
from server.auth.principals import Staff
from server.early_warning import news2_now
from server.queue_rows import age_of
from server.visits import Progress, Services, progress


async def case(services: Services, staff: Staff, visit_id: UUID, request_id: str) -> dict[str, Any]:
    """Return the case. Raises NotFound or AccessDenied for a visit that is not in this practitioner's care."""
    return await _case(services, staff, visit_id, staff.actor(request_id))


async def broken_case(services: Services, staff: Staff, visit_id: UUID, broken: Actor) -> dict[str, Any]:
    """Return a case that need not be in the doctor's care: each part read is flagged. `broken` acts for BTG."""
    return await _case(services, staff, visit_id, broken)


async def _case(services: Services, staff: Staff, visit_id: UUID, actor: Actor) -> dict[str, Any]:
    async with services.database.unit(actor) as unit:
        at = await progress(unit, visit_id)
        identity = await unit.patients.get(at.visit.patient_id)
        place = await unit.visits.place(visit_id)
        versions = await unit.triage_notes.versions(visit_id)
        decisions = await unit.triage_notes.decisions(visit_id)
        chat = await unit.chat.last(visit_id)
        readings = await unit.readings.of_visit(visit_id)
        note = await unit.notes.get(visit_id)
        history = await unit.visits.history(visit_id)
    return {
        "visit": visit_part(at.visit, staff),
        "patient": patient_part(identity, services.clock.now()),
        "place": None if place is None else _place(place),
        "consents": at.consents,
        "intake": at.intake,
        "triage": triage_part(at, versions, decisions),
        "vitals": dict((at.intake or {}).get("vitals") or {}),
        "chat": [
            {"from": line.seat, "role": line.role, "text": line.text, "at": line.at.isoformat(),
             "key": line.key.removeprefix(f"{line.seat}/"), "number": line.number}
            for line in chat
        ],
        "readings": [
            {"from": each.seat, "role": each.role, "values": each.values, "at": each.at.isoformat(),
             "key": each.key.removeprefix(f"{each.seat}/"), "number": each.number}
            for each in readings
        ],
        "news2": news2_now(at.intake, readings, age_of(identity.birth_date, services.clock.now().date()))
        if at.may_assist
        else None,
        "note": note_part(note),
        "history": [_transition(each) for each in history],
    }  # fmt: skip


def visit_part(visit: Visit, staff: Staff) -> dict[str, Any]:
    """Return the visit's open columns."""
    return {
        "id": str(visit.id),
        "state": visit.state,
        "level": visit.level,
        "mode": visit.mode,
        "lang": visit.lang,
        "created_at": visit.created_at.isoformat(),
        "waiting_since": _iso(visit.waiting_since),
        "scheduled_at": _iso(visit.scheduled_at),
        "practitioner_id": None if visit.practitioner_id is None else str(visit.practitioner_id),
        "mine": visit.practitioner_id == staff.account_id,
        "lease_until": _iso(visit.lease_until),
        "line_check": visit.line_check,
        "line_record": visit.line_record or [],
    }


def patient_part(identity: PatientIdentity, now: datetime) -> dict[str, Any]:
    """Return who the patient is, as the treating doctor sees it."""
    return {
        "id": str(identity.id),
        "display": identity.name,
        "name": identity.name,
        "birth_date": identity.birth_date,
        "age": age_of(identity.birth_date, now.date()),
        "sex": identity.sex,
        "phone": identity.phone,
        "address": identity.address,
    }


def _place(place: Any) -> dict[str, str | None]:
    return {"place": place.place, "callback": place.callback, "emergency_contact": place.emergency_contact}


def triage_part(
    at: Progress, versions: Sequence[StoredTriageNote], decisions: Sequence[StoredDecision]
) -> dict[str, Any]:
    """Return the current note with its decisions; without consent to AI no note is shown, even an older one."""
    status = triage_status(at, versions)
    current = versions[-1] if versions and status in ("done", "failed") else None
    return {
        "status": status,
        "version": None if current is None else current.version,
        "note": None if current is None else current.content,
        "decisions": [_decision(each) for each in decisions],
        "superseded": [each.version for each in versions[:-1]],
    }


def triage_status(at: Progress, versions: Sequence[StoredTriageNote]) -> str:
    """Return done, declined (no consent to AI), failed (see in arrival order) or none (no final intake yet)."""
    if at.consents is not None and not at.may_assist:
        return "declined"
    if not versions:
        return "none"
    return "failed" if versions[-1].content.get("level") is None else "done"


def _decision(stored: StoredDecision) -> dict[str, Any]:
    decision = stored.decision
    said = {"action": decision.action, "level": decision.level, "line": decision.line, "reason": decision.reason}
    return {**said, "note_version": stored.note_version, "by": stored.practitioner_id, "at": stored.at.isoformat()}


def note_part(note: StoredNote | None) -> dict[str, Any]:
    """Return the doctor's note; version 0 before the first save."""
    if note is None:
        return {"version": 0, "body": None, "signed": False, "signed_at": None}
    signed_at = _iso(note.signed_at)
    return {"version": note.version, "body": note.content, "signed": signed_at is not None, "signed_at": signed_at}


def _transition(each: Transition) -> Mapping[str, Any]:
    said = {"state": each.to_state, "from": each.from_state, "trigger": each.trigger, "cause": each.cause}
    return {**said, "actor_kind": each.actor_kind, "at": each.at.isoformat()}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
