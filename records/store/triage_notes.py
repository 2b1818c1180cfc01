"""Triage notes: every version is kept, the newest is current; the practitioner's decisions stand beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from records.access import Action, Object
from records.errors import KeyDestroyed, NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import triage_decision, triage_note, visit


@dataclass(frozen=True, slots=True, repr=False)
class StoredTriageNote:
    """One version of a note."""

    content: dict[str, Any]
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """What a practitioner made of a note, or of one line of it."""

    action: str
    """accept, override or reject."""
    level: str | None = None
    """The level that an override sets."""
    line: str | None = None
    """Which line of the note; None for the whole. Sealed: it may quote the patient."""
    reason: str | None = None
    """Free text, sealed. Required for an override."""


@dataclass(frozen=True, slots=True, repr=False)
class StoredDecision:
    """A decision with its author and the version it was about."""

    decision: Decision
    note_version: int
    practitioner_id: str
    at: datetime


class TriageNotes(Repository):
    """`unit.triage_notes`."""

    async def append(self, visit_id: UUID, content: Mapping[str, Any]) -> int:
        """Add a version; the older ones are superseded and kept."""
        await self._unit.authorise(Action.WRITE, Object.TRIAGE_NOTE, visit_id)
        patient_id = await self._locked_patient(visit_id)
        newest = select(func.coalesce(func.max(triage_note.c.version), 0)).where(triage_note.c.visit_id == visit_id)
        version = (await self._run(newest)).scalar_one() + 1
        sealed = await self._seal_json(patient_id, _cell(visit_id, version), content)
        row = {"tenant_id": self._tenant, "visit_id": visit_id, "version": version, "content": sealed,
               "created_at": self._unit.now}  # fmt: skip
        await self._run(insert(triage_note).values(row))
        await self._audit("C", "triage_note", visit_id, patient_id)
        return int(version)

    async def current(self, visit_id: UUID) -> StoredTriageNote | None:
        """Return the newest version; None before the first."""
        versions = await self.versions(visit_id)
        return versions[-1] if versions else None

    async def versions(self, visit_id: UUID) -> list[StoredTriageNote]:
        """Return every version, oldest first; all but the last are superseded."""
        await self._unit.authorise(Action.READ, Object.TRIAGE_NOTE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        query = select(triage_note).where(triage_note.c.visit_id == visit_id).order_by(triage_note.c.version)
        rows = (await self._run(query)).all()
        await self._audit("R", "triage_note", visit_id, patient_id)
        return [await self._opened(patient_id, row) for row in rows]

    async def of_queue(self, visit_ids: Iterable[UUID]) -> dict[UUID, StoredTriageNote]:
        """Return the newest notes of a queue's visits; those without one, and erased ones, are left out."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        newest = (
            select(triage_note, visit.c.patient_id)
            .join(visit, (visit.c.tenant_id == triage_note.c.tenant_id) & (visit.c.id == triage_note.c.visit_id))
            .where(triage_note.c.visit_id.in_(set(visit_ids)))
            .ext(distinct_on(triage_note.c.visit_id))
            .order_by(triage_note.c.visit_id, triage_note.c.version.desc())
        )
        found = {}
        for row in (await self._run(newest)).all():
            try:
                found[row.visit_id] = await self._opened(row.patient_id, row)
            except KeyDestroyed:
                continue
            await self._audit("R", "triage_note", row.visit_id, row.patient_id)
        return found

    async def decide(self, visit_id: UUID, decision: Decision) -> None:
        """Add a decision about the newest version. Raises NotFound when there is no note."""
        await self._unit.authorise(Action.WRITE, Object.TRIAGE_DECISION, visit_id)
        patient_id = await self._locked_patient(visit_id)
        version = (await self._run(
            select(func.max(triage_note.c.version)).where(triage_note.c.visit_id == visit_id))).scalar()  # fmt: skip
        if version is None:
            raise NotFound("triage note")
        count = select(func.count()).where(triage_decision.c.visit_id == visit_id)
        number = (await self._run(count)).scalar_one() + 1
        reason = await self._seal_text(patient_id, _decision_cell(visit_id, number, "reason"), decision.reason)
        line = await self._seal_text(patient_id, _decision_cell(visit_id, number, "line"), decision.line)
        await self._run(insert(triage_decision).values(
            tenant_id=self._tenant, visit_id=visit_id, number=number, note_version=version, action=decision.action,
            level=decision.level, line=line, reason=reason, practitioner_id=self._unit.actor.id,
            at=self._unit.now,
        ))  # fmt: skip
        await self._audit("C", "triage_decision", visit_id, patient_id)

    async def decisions(self, visit_id: UUID) -> list[StoredDecision]:
        """Return every decision, oldest first."""
        await self._unit.authorise(Action.READ, Object.TRIAGE_DECISION, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        query = select(triage_decision).where(triage_decision.c.visit_id == visit_id).order_by(triage_decision.c.number)
        rows = (await self._run(query)).all()
        await self._audit("R", "triage_decision", visit_id, patient_id)
        found = []
        for row in rows:
            line = await self._open_text(patient_id, _decision_cell(visit_id, row.number, "line"), row.line)
            reason = await self._open_text(patient_id, _decision_cell(visit_id, row.number, "reason"), row.reason)
            decision = Decision(row.action, row.level, line, reason)
            found.append(StoredDecision(decision, row.note_version, row.practitioner_id, row.at))
        return found

    async def _opened(self, patient_id: UUID, row: Row[Any]) -> StoredTriageNote:
        content = await self._open_json(patient_id, _cell(row.visit_id, row.version), row.content)
        return StoredTriageNote(content, row.version, row.created_at)

    async def _locked_patient(self, visit_id: UUID) -> UUID:
        """Return whose visit it is, and take turns with other writers of its notes until the commit."""
        await self._run(select(visit.c.id).where(visit.c.id == visit_id).with_for_update())
        return await self._unit.patient_of(visit_id)

    async def _audit(self, action: str, entity_type: str, visit_id: UUID, patient_id: UUID) -> None:
        await self._unit.audit.record(action, entity_type, visit_id=visit_id, patient_id=patient_id)


def _cell(visit_id: UUID, version: int) -> Cell:
    return Cell(triage_note.name, f"{visit_id}/{version}", "content")


def _decision_cell(visit_id: UUID, number: int, column: str) -> Cell:
    return Cell(triage_decision.name, f"{visit_id}/{number}", column)
