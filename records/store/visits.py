"""Visits: their state, who holds them, and where the patient is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Grade, Object, place_grade
from records.errors import StaleState
from records.store.sealing import Cell
from records.store.tables import visit, visit_place, visit_transition
from records.store.visit_lines import VisitLines
from records.store.visit_rows import Transition, Visit, transition_of, visit_of

# One clinic's queue is dozens; this bounds a bug, not a clinic.
MAX_QUEUE = 2_000


@dataclass(frozen=True, slots=True)
class NewVisit:
    """A visit to come."""

    patient_id: UUID
    lang: str = "en"
    state: str = "booked"
    mode: str = "video"
    reason: str | None = None
    """Free text, sealed."""
    scheduled_at: datetime | None = None
    id: UUID | None = None
    """Chosen by the caller when given: the same id is the FHIR Encounter and the relay room."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the queue."""

    visit: Visit
    reason: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """Where the patient is now, and how to reach someone. `place` is exact; the others are coarser grades of it."""

    place: str | None
    callback: str | None = None
    emergency_contact: str | None = None
    district: str | None = None
    city: str | None = None


class Move(TypedDict):
    """How a visit changes state."""

    expected: Iterable[str]
    """The states it may be in; StaleState otherwise."""
    to: str
    trigger: str
    cause: str | None
    """A stable code, never free text."""
    at: datetime


PLACE_COLUMNS = {"place": Grade.EXACT, "district": Grade.DISTRICT, "city": Grade.CITY, "callback": Grade.EXACT,
                 "emergency_contact": Grade.EXACT}  # fmt: skip


class Visits(VisitLines):
    """`unit.visits`; `Claims` adds claim, renew_lease, release and expire_leases, `VisitLines` what lines were like."""

    async def create(self, new: NewVisit) -> Visit:
        """Store a visit and the first line of its history."""
        await self._unit.authorise(Action.WRITE, Object.QUEUE)
        visit_id = new.id or uuid4()
        now = self._unit.now
        reason = await self._seal_text(new.patient_id, _cell(visit_id, "reason"), new.reason)
        row = {
            "tenant_id": self._tenant, "id": visit_id, "patient_id": new.patient_id, "state": new.state,
            "mode": new.mode, "lang": new.lang, "reason": reason, "scheduled_at": new.scheduled_at,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        created = visit_of((await self._run(insert(visit).values(row).returning(visit))).one())
        await self._remember(created, "", "create", None)
        await self._audit("C", created)
        return created

    async def get(self, visit_id: UUID) -> Visit:
        """Return the open columns of a visit. Raises NotFound, AccessDenied."""
        await self._unit.authorise(Action.READ, Object.VISIT, visit_id)
        found = visit_of(await self._row(visit_id))
        await self._audit("R", found)
        return found

    async def queue(self, states: Iterable[str]) -> list[QueueRow]:
        """Return the visits in these states, oldest waiter first; `signaling.queue` orders them by urgency."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        query = select(visit).where(visit.c.tenant_id == self._tenant, visit.c.state.in_(list(states)))
        rows = (await self._run(query.order_by(visit.c.waiting_since, visit.c.created_at).limit(MAX_QUEUE))).all()
        await self._unit.audit.record("R", "queue")
        return [QueueRow(visit_of(row), await self._reason(row)) for row in rows]

    async def of_patient(self, patient_id: UUID) -> list[Visit]:
        """Return a patient's visits, newest first."""
        await self._unit.authorise_patient(Action.READ, Object.VISIT, patient_id)
        query = select(visit).where(visit.c.patient_id == patient_id).order_by(visit.c.created_at.desc())
        found = [visit_of(row) for row in (await self._run(query.limit(MAX_QUEUE))).all()]
        await self._unit.audit.record("R", "visit", patient_id=patient_id)
        return found

    async def transition(self, visit_id: UUID, **move: Unpack[Move]) -> Visit:
        """
        Change the state if it is one of `expected`, and write the line of history. Raises StaleState, NotFound.

        `waiting_since` is set when the visit first waits and survives away, called and waiting again: same place.
        """
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        before = visit_of(await self._row(visit_id, lock=True))
        if before.state not in set(move["expected"]):
            raise StaleState(before.state)
        changes: dict[str, Any] = {"state": move["to"], "updated_at": move["at"], "version": visit.c.version + 1}
        if move["to"] == "waiting":  # nobody's, also when it comes back out of a call that broke off
            changes |= {"practitioner_id": None, "lease_until": None, "rang_at": None}
            changes["waiting_since"] = before.waiting_since or move["at"]
        after = await self._change(visit_id, changes)
        await self._remember(after, before.state, move["trigger"], move["cause"])
        await self._audit("U", after, detail=move["trigger"])
        return after

    async def set_level(self, visit_id: UUID, level: str | None, mode: str | None = None) -> Visit:
        """Set the urgency that triage or a practitioner found, and the way of the call if given."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        changes: dict[str, Any] = {"level": level, "updated_at": self._unit.now, "version": visit.c.version + 1}
        if mode is not None:
            changes["mode"] = mode
        after = await self._change(visit_id, changes)
        await self._audit("U", after, detail="level")
        return after

    async def promise(self, visit_id: UUID, low_min: int, high_min: int) -> None:
        """Store the wait that was shown, so that it can be compared with the real one."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        after = await self._change(visit_id, {"promised_low_min": low_min, "promised_high_min": high_min})
        await self._audit("U", after, detail="promise")

    async def history(self, visit_id: UUID) -> list[Transition]:
        """Return every change of state, oldest first."""
        await self._unit.authorise(Action.READ, Object.VISIT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        query = select(visit_transition).where(visit_transition.c.visit_id == visit_id)
        rows = await self._run(query.order_by(visit_transition.c.version))
        await self._unit.audit.record("R", "visit_transition", visit_id=visit_id, patient_id=patient_id)
        return [transition_of(row) for row in rows]

    async def set_place(self, visit_id: UUID, place: Place) -> None:
        """Store where the patient is and how to reach someone; replaces what was there."""
        await self._unit.authorise(Action.WRITE, Object.PLACE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        sealed = {
            column: await self._seal_text(patient_id, _place_cell(visit_id, column), getattr(place, column))
            for column in PLACE_COLUMNS
        }
        row = {"tenant_id": self._tenant, "visit_id": visit_id, "updated_at": self._unit.now, **sealed}
        statement = upsert(visit_place).values(row)
        await self._run(statement.on_conflict_do_update(index_elements=["tenant_id", "visit_id"], set_=row))
        await self._unit.audit.record("U", "visit_place", visit_id=visit_id, patient_id=patient_id)

    async def place(self, visit_id: UUID) -> Place | None:
        """Return the place as exactly as the actor's role and purpose allow; None when it was not given."""
        await self._unit.authorise(Action.READ, Object.PLACE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        row = (await self._run(select(visit_place).where(visit_place.c.visit_id == visit_id))).one_or_none()
        grade = place_grade(self._unit.actor)
        detail = f"grade {grade.name.lower()}"
        await self._unit.audit.record("R", "visit_place", visit_id=visit_id, patient_id=patient_id, detail=detail)
        if row is None:
            return None
        texts = {
            column: await self._open_text(patient_id, _place_cell(visit_id, column), getattr(row, column))
            for column, needed in PLACE_COLUMNS.items()
            if grade >= needed
        }
        return Place(**{"place": None, **texts})

    async def _reason(self, row: Row[Any]) -> str | None:
        return await self._open_text(row.patient_id, _cell(row.id, "reason"), row.reason)


def _cell(visit_id: UUID, column: str) -> Cell:
    return Cell(visit.name, str(visit_id), column)


def _place_cell(visit_id: UUID, column: str) -> Cell:
    return Cell(visit_place.name, str(visit_id), column)
