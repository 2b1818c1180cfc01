"""The patient's intake: one sealed document a visit, replaced while it is being filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from records.access import Action, Object
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.statements import Statement
from records.store.tables import intake


@dataclass(frozen=True, slots=True, repr=False)
class StoredIntake:
    """The newest intake."""

    content: dict[str, Any]
    version: int
    final: bool
    updated_at: datetime

_GET = Statement(select(intake).where(intake.c.visit_id == bindparam("visit_id")))
_INSERT = insert(intake).values({column.name: bindparam(column.name) for column in intake.c})
_PUT = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["tenant_id", "visit_id"],
        set_={
            "version": intake.c.version + 1,
            **{name: _INSERT.excluded[name] for name in ("final", "content", "updated_at")},
        },
    ).returning(intake.c.version)
)


class Intakes(Repository):
    """`unit.intakes`."""

    async def put(self, visit_id: UUID, content: Mapping[str, Any], final: bool) -> int:
        """Store the intake as it is now; return its version, from 1."""
        await self._unit.authorise(Action.WRITE, Object.INTAKE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        sealed = await self._seal_json(patient_id, _cell(visit_id), content)
        stored = await self._first(_PUT, tenant_id=self._tenant, visit_id=visit_id, version=1, final=final,
                                   content=sealed, updated_at=self._unit.now)  # fmt: skip
        assert stored is not None, "an upsert returns its row"
        await self._unit.audit.record("U", "intake", visit_id=visit_id, patient_id=patient_id)
        return int(stored.version)

    async def get(self, visit_id: UUID) -> StoredIntake | None:
        """Return the newest intake; None before the first."""
        await self._unit.authorise(Action.READ, Object.INTAKE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        row = await self._first(_GET, visit_id=visit_id)
        await self._unit.audit.record("R", "intake", visit_id=visit_id, patient_id=patient_id)
        if row is None:
            return None
        content = await self._open_json(patient_id, _cell(visit_id), row.content)
        return StoredIntake(content, row.version, row.final, row.updated_at)


def _cell(visit_id: UUID) -> Cell:
    return Cell(intake.name, str(visit_id), "content")
