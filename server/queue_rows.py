"""The console's queue: one row a visit, in the order to be seen in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from records.errors import NotFound
from records.store.patients import PatientIdentity
from records.store.triage_notes import StoredTriageNote
from records.store.unit import Unit
from records.store.visit_rows import Visit
from server.auth.principals import Staff, StaffRole, system_actor
from server.places import BUSY_STATES, WAITING_STATES, order
from server.visits import Services

# Before waiting, a visit is listed only when its answers raised a red flag: staff are alerted.
PREPARING_STATES = ("checked_in", "intake", "triaged")
SHOWN_STATES = (*PREPARING_STATES, *WAITING_STATES, *BUSY_STATES)
MAX_FLAGS = 5  # what fits a row; the case shows all
MAX_NAMES = 1_000  # practitioners of one clinic


@dataclass(frozen=True, slots=True)
class _Details:
    """What is sealed about the listed visits."""

    patients: Mapping[UUID, PatientIdentity]
    notes: Mapping[UUID, StoredTriageNote]


class PractitionerNames:
    """Professional names by account, which a register publishes. Least recently used ones are forgotten."""

    def __init__(self) -> None:
        self._names: OrderedDict[UUID, str] = OrderedDict()

    async def of(self, services: Services, staff: Staff, request_id: str, ids: set[UUID]) -> dict[UUID, str]:
        """Return the names of these accounts; a disabled one is unnamed."""
        missing = ids - self._names.keys()
        if missing:
            async with services.database.unit(system_actor(staff.tenant_id, "names", request_id)) as unit:
                for account_id in missing:
                    self._names[account_id] = await _name(unit, account_id)
        while len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
        return {account_id: self._names.get(account_id, "") for account_id in ids}


async def _name(unit: Unit, account_id: UUID) -> str:
    try:
        return (await unit.accounts.get(account_id)).display
    except NotFound:
        return ""


async def document(services: Services, staff: Staff, request_id: str, names: PractitionerNames) -> dict[str, Any]:
    """Return the queue as this member of staff may see it; a desk clerk sees who waits, not why."""
    now = services.clock.now()
    async with services.database.unit(staff.actor(request_id)) as unit:
        listed = [row.visit for row in await unit.visits.queue(SHOWN_STATES)]
        shown = [visit for visit in listed if _is_shown(visit, staff)]
        patients = await unit.patients.of_queue({visit.patient_id for visit in shown})
        is_clinical = staff.role is StaffRole.DOCTOR
        notes = await unit.triage_notes.of_queue({visit.id for visit in shown}) if is_clinical else {}
    holders = {visit.practitioner_id for visit in shown if visit.practitioner_id is not None}
    claimed_by = await names.of(services, staff, request_id, holders)
    details = _Details(patients, notes)
    rows = [
        {
            **_row(visit, details, now),
            "mine": visit.practitioner_id == staff.account_id,
            "claimed_by": claimed_by.get(visit.practitioner_id) if visit.practitioner_id else None,
            "presence": services.rooms.presence(visit.id).patient.value,
        }
        for visit in _sorted(shown, now)
    ]
    if not is_clinical:
        rows = [{**row, "level": None, "flags": [], "triage": "none"} for row in rows]
    return {"rows": rows, "counts": _counts(shown), "at": now.isoformat()}


def _is_shown(visit: Visit, staff: Staff) -> bool:
    if visit.state in PREPARING_STATES:
        return visit.level == "emergency"
    return visit.state != "wrap_up" or visit.practitioner_id == staff.account_id


def _sorted(visits: Sequence[Visit], now: datetime) -> list[Visit]:
    """Alarms, then who waits, then calls, then what is still to sign."""
    waiting = {visit_id: place for place, visit_id in enumerate(order(visits, now))}

    def rank(visit: Visit) -> tuple[int, float]:
        if visit.state == "emergency" or visit.state in PREPARING_STATES:
            return 0, visit.created_at.timestamp()
        if str(visit.id) in waiting:
            return 1, waiting[str(visit.id)]
        return (3 if visit.state == "wrap_up" else 2), visit.created_at.timestamp()

    return sorted(visits, key=rank)


def _row(visit: Visit, details: _Details, now: datetime) -> dict[str, Any]:
    identity = details.patients.get(visit.patient_id)
    note = details.notes.get(visit.id)
    status, flags = _triage(visit, note)
    since = visit.waiting_since
    promised = None
    if visit.promised_low_min is not None and visit.promised_high_min is not None:
        promised = [visit.promised_low_min, visit.promised_high_min]
    return {
        "visit_id": str(visit.id),
        "level": visit.level,
        "flags": flags,
        "display": identity.name if identity else "",
        "age": age_of(identity.birth_date if identity else None, now.date()),
        "sex": identity.sex if identity else None,
        "lang": visit.lang,
        "state": visit.state,
        "waited_s": max(0, int((now - since).total_seconds())) if since else 0,
        "promised_min": promised,
        "mode": visit.mode,
        "triage": status,
    }


def _triage(visit: Visit, note: StoredTriageNote | None) -> tuple[str, list[str]]:
    """Return the status and the short flags. A note whose consent was withdrawn since counts for nothing."""
    if note is None:
        return "none", []
    if note.content.get("level") is None:
        return "failed", []
    if visit.level is None:
        return "none", []
    flags = [str(flag.get("title") or flag.get("rule")) for flag in note.content.get("red_flags", [])]
    return "done", flags[:MAX_FLAGS]


def _counts(visits: Sequence[Visit]) -> dict[str, int]:
    states = [visit.state for visit in visits]
    return {
        "waiting": sum(state in WAITING_STATES for state in states),
        "called": states.count("called"),
        "in_consult": sum(state in ("in_consult", "held", "dropped", "emergency") for state in states),
        "wrap_up": states.count("wrap_up"),
        "alerts": sum(state in PREPARING_STATES or state == "emergency" for state in states),
    }


def age_of(birth_date: str | None, today: date) -> int | None:
    """Return whole years; from a birth date as precise as known (1953, 1953-07, 1953-07-21)."""
    if not birth_date:
        return None
    year, month, day = ([int(part) for part in birth_date.split("-")] + [1, 1])[:3]
    return max(0, today.year - year - ((today.month, today.day) < (month, day)))
