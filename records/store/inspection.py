"""Opens every sealed value of a tenant, as proof that keys and rows still belong together."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from records.access import Action, Object
from records.actors import Actor
from records.errors import CannotOpen, KeyDestroyed
from records.store.database import Database
from records.store.sealed_cells import SealedTable, tables_of
from records.store.tables import patient
from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was opened, and what did not open."""

    opened: int
    erased: int
    """Patients whose keys were destroyed; their values are left out."""
    broken: tuple[str, ...]
    """table.column row, of each value that does not open."""


async def inspect(database: Database, actor: Actor) -> Inspection:
    """Open every value of the actor's tenant, one unit a patient."""
    async with database.unit(actor) as unit:
        await unit.authorise(Action.READ, Object.KEY)
        patients = (await unit.connection.execute(select(patient.c.id).order_by(patient.c.id))).scalars().all()
    opened, erased, broken = 0, 0, []
    for patient_id in (None, *patients):
        async with database.unit(actor) as unit:
            try:
                count, failed = await _inspect_one(unit, patient_id)
            except KeyDestroyed:
                erased += 1
                continue
            await unit.audit.record("E", "patient", patient_id=patient_id, detail="inspect")
        opened += count
        broken += failed
    return Inspection(opened, erased, tuple(broken))


async def _inspect_one(unit: Unit, patient_id: UUID | None) -> tuple[int, list[str]]:
    opened, broken = 0, []
    for sealed in tables_of(patient_id):
        for row in (await unit.connection.execute(sealed.rows_of(patient_id))).all():
            values = {column: getattr(row, column) for column in sealed.columns}
            for column in [column for column, value in values.items() if value is not None]:
                if await _opens(unit, patient_id, (sealed, row, column)):
                    opened += 1
                else:
                    broken.append(f"{sealed.table.name}.{column} {sealed.row(row)}")
    return opened, broken


async def _opens(unit: Unit, patient_id: UUID | None, what: tuple[SealedTable, object, str]) -> bool:
    sealed, row, column = what
    try:
        await unit.open(patient_id, sealed.cell(row, column), getattr(row, column))
    except CannotOpen:
        return False
    return True
