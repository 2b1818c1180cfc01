"""Crypto-shredding: destroys a patient's keys and index rows, leaves a tombstone and a signed receipt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CompoundSelect, delete, func, insert, literal, select, text, union_all, update

from records.access import Action, Object
from records.crypto.checkpoint_signing import is_signed, sign_checkpoint
from records.erasure import ErasureBasis, Receipt, check
from records.errors import KeyDestroyed, NotFound
from records.store.repository import Repository
from records.store.resource_tables import resource
from records.store.resource_tokens import forget_tokens
from records.store.sealing import Cell
from records.store.tables import (
    chat_entry,
    erasure,
    intake,
    legal_hold,
    note,
    patient,
    patient_index,
    patient_key,
    reading,
    recording,
    signing_key,
    triage_note,
    visit,
)

# Index rows of a patient's FHIR resources, besides tokens; the resources themselves stay as sealed tombstones.
_RESOURCE_INDEXES = ("resource_date", "resource_reference", "resource_quantity", "consent_rule")
ERASED_TOPIC = "patient-erased"  # other processes drop the key from their cache


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that is on."""

    id: UUID
    placed_by: str
    placed_at: datetime
    reason: str | None = field(default=None, repr=False)
    """None when the patient was erased since, which a hold forbids: so of restored data only."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would meet and destroy."""

    erased_at: datetime | None
    term_ends: datetime | None
    """When retention ends; None when nothing is kept that has a term."""
    holds: int
    counts: Mapping[str, int]
    """Rows that could no longer be read, by what they are; only what there is."""


class Erasures(Repository):
    """`unit.erasures`. Only the system may erase, on behalf of a privacy officer whose id stands in the actor."""

    async def hold(self, patient_id: UUID, reason: str) -> UUID:
        """Forbid erasing a patient until the hold is lifted; return the hold's id."""
        await self._unit.authorise(Action.ERASE, Object.PATIENT)
        hold_id = uuid4()
        sealed = await self._seal_text(patient_id, _reason_of(hold_id), reason)
        await self._run(insert(legal_hold).values(
            tenant_id=self._tenant, id=hold_id, patient_id=patient_id, placed_by=self._unit.actor.id,
            placed_at=self._unit.now, reason=sealed,
        ))  # fmt: skip
        await self._unit.audit.record("C", "legal_hold", entity_id=str(hold_id), patient_id=patient_id)
        return hold_id

    async def lift(self, hold_id: UUID) -> None:
        """Lift a hold. Raises NotFound for one that is not on."""
        await self._unit.authorise(Action.ERASE, Object.PATIENT)
        on = (legal_hold.c.id == hold_id) & legal_hold.c.lifted_at.is_(None)
        lifted = await self._run(
            update(legal_hold).where(on).values(lifted_at=self._unit.now).returning(legal_hold.c.patient_id)
        )
        patient_id = lifted.scalar()
        if patient_id is None:
            raise NotFound("legal hold")
        await self._unit.audit.record("U", "legal_hold", entity_id=str(hold_id), patient_id=patient_id, detail="lift")

    async def holds(self, patient_id: UUID) -> list[Hold]:
        """Return the holds that are on."""
        await self._unit.authorise(Action.READ, Object.PATIENT)
        await self._unit.audit.record("R", "legal_hold", patient_id=patient_id)
        return await self._holds(patient_id)

    async def outlook(self, patient_id: UUID) -> Outlook:
        """Return what stands in the way of an erasure, and what it would destroy. Raises NotFound."""
        await self._unit.authorise(Action.READ, Object.PATIENT)
        row = (await self._run(select(patient).where(patient.c.id == patient_id))).one_or_none()
        if row is None:
            raise NotFound("patient")
        on = (legal_hold.c.patient_id == patient_id) & legal_hold.c.lifted_at.is_(None)
        holds = (await self._run(select(func.count()).select_from(legal_hold).where(on))).scalar_one()
        counted = await self._run(_counts_of(patient_id))
        counts = {row.what: int(row.number) for row in counted if row.number}
        return Outlook(row.erased_at, await self._term_ends(patient_id), int(holds), counts)

    async def erase(self, patient_id: UUID, basis: ErasureBasis) -> Receipt:
        """Destroy a patient's keys and index rows. Raises LegalHold, RetentionNotOver, KeyDestroyed, NotFound."""
        await self._unit.authorise(Action.ERASE, Object.PATIENT)
        row = (await self._run(select(patient).where(patient.c.id == patient_id).with_for_update())).one_or_none()
        if row is None:
            raise NotFound("patient")
        if row.erased_at is not None:
            raise KeyDestroyed("this patient was erased before")
        check(basis, await self._term_ends(patient_id), bool(await self._holds(patient_id)), self._unit.now)
        receipt = await self._destroy(patient_id, basis)
        await self._unit.audit.record("D", "patient", entity_id=str(patient_id), patient_id=patient_id,
                                      detail=basis.value)  # fmt: skip
        await self._unit.events.add(ERASED_TOPIC, {"patient": str(patient_id)})
        return receipt

    async def receipt(self, patient_id: UUID) -> tuple[bytes, bool]:
        """Return a stored receipt's message, and whether its signature is this tenant's. Raises NotFound."""
        await self._unit.authorise(Action.READ, Object.KEY)
        query = select(erasure.c.receipt).where(erasure.c.patient_id == patient_id)
        stored = (await self._run(query)).scalar()
        if stored is None:
            raise NotFound("receipt")
        message, signature = stored["message"].encode(), bytes.fromhex(stored["signature"])
        keys = await self._unit.keys.root(signing_key.name)
        material = keys.version(json.loads(message)["key_version"]).material
        return message, is_signed(material, message, signature)

    async def _destroy(self, patient_id: UUID, basis: ErasureBasis) -> Receipt:
        await self._run(select(visit.c.id).where(visit.c.patient_id == patient_id).with_for_update())
        dropped = await self._run(
            delete(patient_key).where(patient_key.c.patient_id == patient_id).returning(patient_key.c.version)
        )
        versions = tuple(sorted(dropped.scalars()))
        index_rows = (await self._run(delete(patient_index).where(patient_index.c.patient_id == patient_id))).rowcount
        for table in _RESOURCE_INDEXES:
            mine = "row in (select row from resource where patient_id = :patient)"
            statement = text(f"delete from {table} where {mine}").bindparams(patient=patient_id)
            index_rows += (await self._run(statement)).rowcount
        index_rows += await forget_tokens(self._unit, patient_id)
        now = self._unit.now
        await self._run(update(patient).where(patient.c.id == patient_id).values(erased_at=now, updated_at=now))
        self._unit.keys.destroyed(patient_id)
        return await self._sign((patient_id, basis, versions, index_rows))

    async def _sign(self, what: tuple[UUID, ErasureBasis, tuple[int, ...], int]) -> Receipt:
        key = (await self._unit.keys.root(signing_key.name)).current
        patient_id, basis, versions, index_rows = what
        receipt = Receipt(self._tenant, patient_id, self._unit.now, basis, versions, index_rows, key.version)
        signed = {
            "message": receipt.message().decode(),
            "signature": sign_checkpoint(key.material, receipt.message()).hex(),
        }
        await self._run(insert(erasure).values(
            tenant_id=self._tenant, id=uuid4(), patient_id=patient_id, erased_at=self._unit.now, basis=basis.value,
            receipt=signed,
        ))  # fmt: skip
        return receipt

    async def _holds(self, patient_id: UUID) -> list[Hold]:
        on = (legal_hold.c.patient_id == patient_id) & legal_hold.c.lifted_at.is_(None)
        rows = (await self._run(select(legal_hold).where(on).order_by(legal_hold.c.placed_at))).all()
        return [Hold(row.id, row.placed_by, row.placed_at, await self._reason(row)) for row in rows]

    async def _reason(self, row: Any) -> str | None:
        try:
            return await self._open_text(row.patient_id, _reason_of(row.id), row.reason)
        except KeyDestroyed:
            return None

    async def _term_ends(self, patient_id: UUID) -> datetime | None:
        from records.store.terms import term_ends  # unit.py loads this module

        return await term_ends(self._unit, patient_id)


def _reason_of(hold_id: UUID) -> Cell:
    return Cell(legal_hold.name, str(hold_id), "reason")


def _counts_of(patient_id: UUID) -> CompoundSelect[Any]:
    """Count what the patient's key seals: their visits, what hangs on these, and their FHIR resources."""
    of_visit = {"note": note, "intake": intake, "triage_note": triage_note, "chat": chat_entry, "reading": reading,
                "recording": recording}  # fmt: skip
    own, number = {"visit": visit, "resource": resource}, func.count().label("number")
    mine = [select(literal(name).label("what"), number).select_from(table).where(table.c.patient_id == patient_id)
            for name, table in own.items()]  # fmt: skip
    for name, table in of_visit.items():
        joined = table.join(visit, (visit.c.tenant_id == table.c.tenant_id) & (visit.c.id == table.c.visit_id))
        query = select(literal(name).label("what"), number).select_from(joined)
        mine.append(query.where(visit.c.patient_id == patient_id))
    return union_all(*mine)
