"""Breaking the glass: who read what was not in their care, why, and who reviewed it (security.md §7: within 72 h)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from records.access import Action, Object
from records.errors import KeyDestroyed, NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import break_glass

if TYPE_CHECKING:
    from records.store.unit import Unit

REVIEW_WITHIN = timedelta(hours=72)
BROKEN_TOPIC = "break-glass"  # the privacy officer's console listens
FLAG = "break-glass"
"""The detail of each flagged entry of the chain."""
MAX_PAGE = 500
LAST_REVIEWED = 50  # what an officer looks back at; the chain holds all

_WAITING = break_glass.c.reviewed_at.is_(None)
# What was read, by request and patient: the flagged entries of the chain (index audit_entry_patient_idx).
_FLAGGED = """select leaf ->> 'patient' as patient, leaf ->> 'request' as request,
    array_agg(distinct leaf ->> 'entity_type') as objects from audit_entry
    where tenant_id = $1 and leaf ->> 'patient' = any($2::text[]) and leaf ->> 'request' = any($3::text[])
    and leaf ->> 'detail' = $4 group by 1, 2"""


class Verdict(enum.Enum):
    """What the officer found."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


@dataclass(frozen=True, slots=True, repr=False)
class Breakage:
    """One unit in which the glass was broken for one patient."""

    id: UUID
    patient_id: UUID
    actor_id: str
    request_id: str
    at: datetime
    reason: str | None
    """None when the patient was erased since."""
    is_overdue: bool
    objects: tuple[str, ...]
    """What was read, as `records.access.Object` names it."""


@dataclass(frozen=True, slots=True, repr=False)
class Reviewed:
    """A breakage that was judged."""

    breakage: Breakage
    reviewed_at: datetime
    reviewed_by: str
    verdict: Verdict | None
    """None for one that was reviewed before there were verdicts."""
    note: str | None


class BreakGlass(Repository):
    """`unit.break_glass`. The unit calls `broken` itself; review is the system's, for a privacy officer."""

    def __init__(self, unit: "Unit") -> None:
        super().__init__(unit)
        self._patients: set[UUID] = set()

    async def broken(self, object_type: str, patient_id: UUID) -> None:
        """Flag an access: an audit entry each time, one row with the sealed reason for each patient of the unit."""
        await self._unit.audit.record("E", object_type, patient_id=patient_id, detail=FLAG)
        if patient_id in self._patients:
            return
        self._patients.add(patient_id)
        actor, breakage_id = self._unit.actor, uuid4()
        reason = await self._seal_text(patient_id, _cell(breakage_id), actor.reason)
        await self._run(insert(break_glass).values(
            tenant_id=self._tenant, id=breakage_id, patient_id=patient_id, actor_id=actor.id,
            request_id=actor.request_id, at=self._unit.now, reason=reason,
        ))  # fmt: skip
        await self._unit.events.add(BROKEN_TOPIC, {"id": str(breakage_id)})

    async def pending(self) -> list[Breakage]:
        """Return what waits for review, oldest first."""
        await self._unit.authorise(Action.READ, Object.SETTING)
        rows = await self._run(select(break_glass).where(_WAITING).order_by(break_glass.c.at).limit(MAX_PAGE))
        return await self._shown(rows.all())

    async def reviewed(self) -> list[Reviewed]:
        """Return what was judged last, newest first."""
        await self._unit.authorise(Action.READ, Object.SETTING)
        query = select(break_glass).where(~_WAITING).order_by(break_glass.c.reviewed_at.desc()).limit(LAST_REVIEWED)
        rows = (await self._run(query)).all()
        found = []
        for row, breakage in zip(rows, await self._shown(rows), strict=True):
            note = None if breakage.reason is None else await self._open_text(row.patient_id, _note(row.id), row.note)
            verdict = None if row.verdict is None else Verdict(row.verdict)
            found.append(Reviewed(breakage, row.reviewed_at, row.reviewed_by, verdict, note))
        return found

    async def waiting(self, breakage_id: UUID) -> Breakage:
        """Return one that waits for review. Raises NotFound."""
        await self._unit.authorise(Action.READ, Object.SETTING)
        rows = (await self._run(select(break_glass).where(break_glass.c.id == breakage_id, _WAITING))).all()
        if not rows:
            raise NotFound("break-glass entry")
        return (await self._shown(rows))[0]

    async def review(self, breakage_id: UUID, verdict: Verdict, note: str | None = None) -> None:
        """
        Judge a breakage as the acting officer. The note is sealed with the patient's key.

        Raises:
            NotFound: it does not wait for review.
            KeyDestroyed: a note on a patient who was erased since; the verdict alone can still be given.
        """
        await self._unit.authorise(Action.WRITE, Object.SETTING)
        waiting = (break_glass.c.id == breakage_id) & _WAITING
        changes = {"reviewed_at": self._unit.now, "reviewed_by": self._unit.actor.id, "verdict": verdict.value}
        rows = await self._run(update(break_glass).where(waiting).values(changes).returning(break_glass.c.patient_id))
        patient_id = rows.scalar()
        if patient_id is None:
            raise NotFound("break-glass entry")
        sealed = await self._seal_text(patient_id, _note(breakage_id), note)
        await self._run(update(break_glass).where(break_glass.c.id == breakage_id).values(note=sealed))
        await self._unit.audit.record("U", "break_glass", entity_id=str(breakage_id), patient_id=patient_id,
                                      detail=verdict.value)  # fmt: skip

    async def _shown(self, rows: Sequence[Any]) -> list[Breakage]:
        """Open the reasons and find what was read; each row leaves an entry."""
        patients, requests = {str(row.patient_id) for row in rows}, {row.request_id for row in rows}
        parameters = (self._tenant, list(patients), list(requests), FLAG)
        flagged = await self._unit.raw.fetch(_FLAGGED, *parameters) if rows else []
        read = {(each["patient"], each["request"]): tuple(each["objects"]) for each in flagged}
        found = []
        for row in rows:
            try:
                reason = await self._open_text(row.patient_id, _cell(row.id), row.reason)
            except KeyDestroyed:
                reason = None
            await self._unit.audit.record("R", "break_glass", entity_id=str(row.id), patient_id=row.patient_id)
            objects = read.get((str(row.patient_id), row.request_id), ())
            is_overdue = row.reviewed_at is None and self._unit.now - row.at > REVIEW_WITHIN
            found.append(Breakage(row.id, row.patient_id, row.actor_id, row.request_id, row.at, reason, is_overdue,
                                  objects))  # fmt: skip
        return found


def _cell(breakage_id: UUID) -> Cell:
    return Cell(break_glass.name, str(breakage_id), "reason")


def _note(breakage_id: UUID) -> Cell:
    return Cell(break_glass.name, str(breakage_id), "note")
