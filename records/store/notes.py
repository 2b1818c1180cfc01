"""The practitioner's note: a draft with a version, then signed and final."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from records.access import Action, Object
from records.errors import AlreadySigned, StaleVersion
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import note, visit


@dataclass(frozen=True, slots=True, repr=False)
class StoredNote:
    """The note as it is now."""

    content: dict[str, Any]
    version: int
    author_id: str
    updated_at: datetime
    signed_at: datetime | None
    signed_by: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature: who, when, over which version."""

    version: int
    signed_at: datetime
    signed_by: str


class Notes(Repository):
    """`unit.notes`."""

    async def put_draft(self, visit_id: UUID, content: Mapping[str, Any], expected_version: int) -> int:
        """Replace the draft if it is at `expected_version` (0 for none yet); return the new version.

        Raises StaleVersion, AlreadySigned.
        """
        await self._unit.authorise(Action.WRITE, Object.NOTE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        await self._expect(visit_id, expected_version)
        version = expected_version + 1
        sealed = await self._seal_json(patient_id, _cell(visit_id), content)
        row = {"tenant_id": self._tenant, "visit_id": visit_id, "version": version, "content": sealed,
               "author_id": self._unit.actor.id, "updated_at": self._unit.now}  # fmt: skip
        if expected_version == 0:
            await self._run(insert(note).values(row))
        else:
            await self._run(update(note).where(note.c.visit_id == visit_id).values(row))
        await self._unit.audit.record("U", "note", visit_id=visit_id, patient_id=patient_id, detail="draft")
        return version

    async def sign(self, visit_id: UUID, expected_version: int) -> Signed:
        """Make the draft final. Raises StaleVersion (also when there is none), AlreadySigned."""
        await self._unit.authorise(Action.WRITE, Object.NOTE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        row = await self._expect(visit_id, expected_version)
        if row is None:
            raise StaleVersion(0)
        signed = Signed(expected_version, self._unit.now, self._unit.actor.id)
        await self._run(update(note).where(note.c.visit_id == visit_id)
                        .values(signed_at=signed.signed_at, signed_by=signed.signed_by))  # fmt: skip
        await self._unit.audit.record("U", "note", visit_id=visit_id, patient_id=patient_id, detail="sign")
        return signed

    async def get(self, visit_id: UUID) -> StoredNote | None:
        """Return the note; None before the first draft."""
        await self._unit.authorise(Action.READ, Object.NOTE, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        row = (await self._run(select(note).where(note.c.visit_id == visit_id))).one_or_none()
        await self._unit.audit.record("R", "note", visit_id=visit_id, patient_id=patient_id)
        if row is None:
            return None
        content = await self._open_json(patient_id, _cell(visit_id), row.content)
        return StoredNote(content, row.version, row.author_id, row.updated_at, row.signed_at, row.signed_by)

    async def _expect(self, visit_id: UUID, version: int) -> Row[Any] | None:
        # The visit's row is the lock: a note that does not exist yet has none of its own.
        await self._run(select(visit.c.id).where(visit.c.id == visit_id).with_for_update())
        row = (await self._run(select(note).where(note.c.visit_id == visit_id))).one_or_none()
        current = row.version if row is not None else 0
        if row is not None and row.signed_at is not None:
            raise AlreadySigned("a signed note is final")
        if current != version:
            raise StaleVersion(current)
        return row


def _cell(visit_id: UUID) -> Cell:
    return Cell(note.name, str(visit_id), "content")
