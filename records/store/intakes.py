"""The patient's intake: one sealed document a visit, replaced while it is being filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Object
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import intake


@dataclass(frozen=True, slots=True, repr=False)
class StoredIntake:
    """The newest intake."""

    content: dict[str, Any]
    version: int
    final: bool
    updated_at: datetime


class Intakes(Repository):
    """`unit.intakes`."""

    async def put(self, visit_id: UUID, content: Mapping[str, Any], final: bool) -> int:
        """Store the intake as it is now; return its version, from 1."""
        await self._unit.authorise(Action.WRITE, Object.INTAKE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        sealed = await self._seal_json(patient_id, _cell(visit_id), content)
        row = {"tenant_id": self._tenant, "visit_id": visit_id, "version": 1, "final": final, "content": sealed,
               "updated_at": self._unit.now}  # fmt: skip
        statement = upsert(intake).values(row)
        changes = {**row, "version": intake.c.version + 1}
        stored = await self._run(
            statement.on_conflict_do_update(index_elements=["tenant_id", "visit_id"], set_=changes)
            .returning(intake.c.version)
        )  # fmt: skip
        await self._unit.audit.record("U", "intake", visit_id=visit_id, patient_id=patient_id)
        return int(stored.scalar_one())

    async def get(self, visit_id: UUID) -> StoredIntake | None:
        """Return the newest intake; None before the first."""
        await self._unit.authorise(Action.READ, Object.INTAKE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        row = (await self._run(select(intake).where(intake.c.visit_id == visit_id))).one_or_none()
        await self._unit.audit.record("R", "intake", visit_id=visit_id, patient_id=patient_id)
        if row is None:
            return None
        content = await self._open_json(patient_id, _cell(visit_id), row.content)
        return StoredIntake(content, row.version, row.final, row.updated_at)


def _cell(visit_id: UUID) -> Cell:
    return Cell(intake.name, str(visit_id), "content")
