"""Where every sealed value stands: for each table, whose key seals it and how its row is named. A test finds gaps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, select, update

from records.classes import COLUMNS, DataClass
from records.crypto.format import MAGIC, decode
from records.store import tables as t
from records.store.resource_tables import resource, resource_history
from records.store.sealing import Cell
from records.store.unit import Unit


@dataclass(frozen=True)
class SealedTable:
    """One table's sealed columns."""

    table: Table
    row: Callable[[Any], str]
    """A row → the row part of its cells, as the table's repository names it."""
    patient: ColumnElement[UUID] | None
    """The column with the patient; None when the tenant's key seals."""
    via: Table | None = None
    """A table to join for `patient` or `row`."""
    on: ColumnElement[bool] | None = None
    cell_table: str | None = None
    """The name that the cells carry, when it is not the table's."""

    @property
    def columns(self) -> list[str]:
        """The sealed and graded columns, of records.classes."""
        sealed = (DataClass.SEALED, DataClass.GRADED)
        return [name for name, each in COLUMNS[self.table.name].items() if each in sealed]

    def rows_of(self, patient_id: UUID | None) -> Select[Any]:
        """Select the table's rows that this patient's key (the tenant's for None) seals, locked in key order."""
        query = select(*self.table.c, *self._joined())
        if self.via is not None and self.on is not None:
            query = query.join(self.via, self.on)
        if self.patient is not None:
            query = query.where(self.patient == patient_id if patient_id else self.patient.is_(None))
        return query.order_by(*self.table.primary_key.columns).with_for_update(of=self.table)

    def cell(self, row: Any, column: str) -> Cell:
        """Return the cell of one value."""
        return Cell(self.cell_table or self.table.name, self.row(row), column)

    def _joined(self) -> list[ColumnElement[Any]]:
        return [resource.c.type, resource.c.id] if self.via is resource else []


def _by_visit(table: Table, row: Callable[[Any], str]) -> SealedTable:
    on = and_(t.visit.c.tenant_id == table.c.tenant_id, t.visit.c.id == table.c.visit_id)
    return SealedTable(table, row, t.visit.c.patient_id, t.visit, on)


def _resource_row(row: Any) -> str:
    return f"{row.type}/{row.id}/{row.version}"


SEALED_TABLES: Sequence[SealedTable] = (
    SealedTable(t.patient, lambda row: str(row.id), t.patient.c.id),
    SealedTable(t.visit, lambda row: str(row.id), t.visit.c.patient_id),
    SealedTable(t.break_glass, lambda row: str(row.id), t.break_glass.c.patient_id),
    SealedTable(t.legal_hold, lambda row: str(row.id), t.legal_hold.c.patient_id),
    SealedTable(t.account, lambda row: str(row.id), None),
    _by_visit(t.visit_place, lambda row: str(row.visit_id)),
    _by_visit(t.intake, lambda row: str(row.visit_id)),
    _by_visit(t.note, lambda row: str(row.visit_id)),
    _by_visit(t.triage_note, lambda row: f"{row.visit_id}/{row.version}"),
    _by_visit(t.triage_decision, lambda row: f"{row.visit_id}/{row.number}"),
    _by_visit(t.chat_entry, lambda row: f"{row.visit_id}/{row.number}"),
    _by_visit(t.reading, lambda row: f"{row.visit_id}/{row.number}"),
    _by_visit(t.recording, lambda row: str(row.id)),
    _by_visit(t.ticket, lambda row: row.token_hash.hex()),
    SealedTable(resource, _resource_row, resource.c.patient_id),
    SealedTable(
        resource_history, _resource_row, resource_history.c.patient_id, resource,
        and_(resource.c.tenant_id == resource_history.c.tenant_id, resource.c.row == resource_history.c.row),
        cell_table=resource.name,
    ),
)  # fmt: skip


async def reseal(unit: Unit, patient_id: UUID | None, newest: int) -> int:
    """Seal anew every value of a patient (of the tenant for None) that an older key version sealed; return how many."""
    return sum([await _reseal_table(unit, sealed, patient_id, newest) for sealed in tables_of(patient_id)])


async def older(unit: Unit, patient_id: UUID | None, newest: int) -> int:
    """Return how many values an older key version than `newest` still seals."""
    count = 0
    for sealed in tables_of(patient_id):
        rows = (await unit.connection.execute(sealed.rows_of(patient_id))).all()
        count += sum(len(_stale(sealed, row, newest)) for row in rows)
    return count


def tables_of(patient_id: UUID | None) -> list[SealedTable]:
    """The tables where this owner can have values: the tenant's are its own, and resources about nobody."""
    if patient_id is not None:
        return [sealed for sealed in SEALED_TABLES if sealed.patient is not None]
    about_nobody = (resource, resource_history)
    return [sealed for sealed in SEALED_TABLES if sealed.patient is None or sealed.table in about_nobody]


async def _reseal_table(unit: Unit, sealed: SealedTable, patient_id: UUID | None, newest: int) -> int:
    count = 0
    for row in (await unit.connection.execute(sealed.rows_of(patient_id))).all():
        changes = {}
        for column in _stale(sealed, row, newest):
            cell = sealed.cell(row, column)
            plaintext = await unit.open(patient_id, cell, getattr(row, column))
            changes[column] = await unit.seal(patient_id, cell, plaintext)
        if changes:
            mine = and_(*(column == getattr(row, column.name) for column in sealed.table.primary_key.columns))
            await unit.connection.execute(update(sealed.table).where(mine).values(changes))
            count += len(changes)
    return count


def _stale(sealed: SealedTable, row: Any, newest: int) -> list[str]:
    values = {column: getattr(row, column) for column in sealed.columns}
    return [column for column, value in values.items()
            if value is not None and value[:2] == MAGIC and decode(value).key_version < newest]  # fmt: skip
