"""Until when a patient's data must be kept: the newest use of every table that a retention class governs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, union_all

from records import retention
from records.store import tables as t
from records.store.resource_tables import resource, resource_history
from records.store.unit import Unit

# Table → the column that tells when it was last used. A test finds tables of a class that are missing here.
USED_AT: Mapping[str, str] = {
    "patient": "updated_at",
    "visit": "updated_at",
    "visit_transition": "at",
    "visit_place": "updated_at",
    "consent": "at",
    "intake": "updated_at",
    "triage_note": "created_at",
    "triage_decision": "at",
    "note": "updated_at",
    "reading": "at",
    "resource": "updated_at",
    "resource_history": "updated_at",
    "break_glass": "at",
    "chat_entry": "at",
    "recording": "started_at",
}
NOT_ASKED = frozenset({"audit_entry", "session", "link"})
"""The chain outlives an erasure; sessions and links end by their own sweep."""

_TABLES = {**t.metadata.tables, resource.name: resource, resource_history.name: resource_history}


async def term_ends(unit: Unit, patient_id: UUID) -> datetime | None:
    """Return when the last of a patient's terms is over; None for a patient of whom nothing is kept."""
    rows = await unit.connection.execute(union_all(*(_newest(name, patient_id) for name in USED_AT)))
    return retention.latest_end((retention.TABLE_CLASSES[row.name], row.at) for row in rows if row.at is not None)


def _newest(name: str, patient_id: UUID) -> Select[str, Any]:
    table = _TABLES[name]
    newest = select(literal(name).label("name"), func.max(table.c[USED_AT[name]]).label("at"))
    if name == t.patient.name:
        return newest.where(table.c.id == patient_id)
    if "patient_id" in table.c:
        return newest.where(table.c.patient_id == patient_id)
    visits = select(t.visit.c.id).where(t.visit.c.patient_id == patient_id)
    return newest.where(table.c.visit_id.in_(visits))
