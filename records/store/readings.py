"""Readings of a visit, taken during the call: numbered, sealed, idempotent by the client's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select

from records.access import Action, Object
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import reading, visit


@dataclass(frozen=True, slots=True, repr=False)
class NewReading:
    """What was measured at one moment; seat and role come from the authenticated ticket."""

    seat: str
    role: str
    values: Mapping[str, float]
    key: str
    """The client's idempotency key: the same key again returns the stored reading."""
    at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class StoredReading(NewReading):
    """A reading that is kept."""

    number: int


class Readings(Repository):
    """`unit.readings`."""

    async def append(self, visit_id: UUID, new: NewReading) -> StoredReading:
        """Store a reading under the next number, or return the stored one for a key that was seen."""
        await self._unit.authorise(Action.WRITE, Object.READING, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        await self._run(select(visit.c.id).where(visit.c.id == visit_id).with_for_update())  # numbers without gaps
        known = select(reading).where(reading.c.visit_id == visit_id, reading.c.key == new.key)
        row = (await self._run(known)).one_or_none()
        if row is not None:
            return await self._opened(patient_id, row)
        newest = select(func.coalesce(func.max(reading.c.number), 0)).where(reading.c.visit_id == visit_id)
        number = (await self._run(newest)).scalar_one() + 1
        sealed = await self._seal_json(patient_id, _cell(visit_id, number), dict(new.values))
        values = {"tenant_id": self._tenant, "visit_id": visit_id, "number": number, "content": sealed,
                  "seat": new.seat, "role": new.role, "key": new.key, "at": new.at}  # fmt: skip
        await self._run(insert(reading).values(values))
        await self._unit.audit.record("C", "reading", entity_id=f"{visit_id}/{number}", visit_id=visit_id,
                                      patient_id=patient_id)  # fmt: skip
        return StoredReading(new.seat, new.role, new.values, new.key, new.at, number)

    async def of_visit(self, visit_id: UUID) -> list[StoredReading]:
        """Return every reading, oldest first."""
        await self._unit.authorise(Action.READ, Object.READING, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        query = select(reading).where(reading.c.visit_id == visit_id).order_by(reading.c.number)
        rows = (await self._run(query)).all()
        if rows:
            await self._unit.audit.record("R", "reading", visit_id=visit_id, patient_id=patient_id)
        return [await self._opened(patient_id, row) for row in rows]

    async def _opened(self, patient_id: UUID, row: Row[Any]) -> StoredReading:
        values = await self._open_json(patient_id, _cell(row.visit_id, row.number), row.content)
        return StoredReading(row.seat, row.role, values, row.key, row.at, row.number)


def _cell(visit_id: UUID, number: int) -> Cell:
    return Cell(reading.name, f"{visit_id}/{number}", "content")
