"""The audit trail as FHIR reads it: entries of the chain by number, patient, time, action, entity and outcome."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.fhir.identity import key_owner
from records.fhir.project_audit import AuditRecord

if TYPE_CHECKING:
    from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries; empty fields ask for nothing."""

    numbers: tuple[int, ...] = ()
    patients: tuple[str, ...] = ()
    entities: tuple[tuple[str, str], ...] = ()
    """(FHIR type or our own, id)"""
    actions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()
    """Codes of restful-interaction."""
    times: tuple[tuple[datetime | None, datetime | None], ...] = ()
    """Half-open intervals, all of which must hold."""
    visible_patients: frozenset[str] | None = None
    """Patients to whose entries the client is limited."""
    after: int = 0
    count: int = 50
    is_descending: bool = False


# As records/fhir/project_audit.py tells it.
_SUBTYPE = (
    "case when leaf ->> 'detail' like 'search%' then 'search' else case leaf ->> 'action' when 'C' then 'create'"
    " when 'R' then 'read' when 'U' then 'update' when 'D' then 'delete' else 'operation' end end"
)


_PATIENT = (
    "(select r.id from resource r where r.tenant_id = $1 and r.type = 'Patient'"
    " and r.patient_id = (leaf ->> 'patient')::uuid limit 1)"
)


async def find_audit_entries(unit: Unit, query: AuditQuery) -> Sequence[AuditRecord]:
    """Give at most count + 1 entries, so that the caller sees whether there are more; reading them is audited too."""
    values, conditions = _asked(unit, query)
    if query.after:
        values.append(query.after)
        conditions.append(f"number {'<' if query.is_descending else '>'} ${len(values)}")
    direction = "desc" if query.is_descending else "asc"
    sql = (
        f"select number, recorded_us, leaf::text, {_PATIENT} as patient from audit_entry"
        f" where {' and '.join(conditions)} order by number {direction} limit {query.count + 1}"
    )
    rows = await unit.raw.fetch(sql, *values)
    await unit.audit.record("R", "AuditEvent", patient_id=_one_patient(query), detail="search")
    return [AuditRecord(r["number"], _time(r["recorded_us"]), _leaf(r)) for r in rows]


def _leaf(record: Any) -> dict[str, str]:
    """The entry; the patient by the id that clients know, where the chain has the UUID made of it."""
    leaf: dict[str, str] = json.loads(record["leaf"])
    return {**leaf, "patient": record["patient"]} if record["patient"] is not None else leaf


async def count_audit_entries(unit: Unit, query: AuditQuery) -> int:
    """Count all entries, whatever page is asked for."""
    values, conditions = _asked(unit, query)
    sql = f"select count(*) from audit_entry where {' and '.join(conditions)}"
    total = int(await unit.raw.fetchval(sql, *values))
    await unit.audit.record("R", "AuditEvent", patient_id=_one_patient(query), detail="search")
    return total


def _asked(unit: Unit, query: AuditQuery) -> tuple[list[Any], list[str]]:
    values: list[Any] = [unit.actor.tenant_id]
    return values, ["tenant_id = $1", *_conditions(query, values)]


def _conditions(query: AuditQuery, values: list[Any]) -> list[str]:
    found: list[str] = []

    def any_of(expression: str, wanted: Sequence[Any]) -> None:
        if wanted:
            values.append(list(wanted))
            found.append(f"{expression} = any(${len(values)})")

    any_of("number", query.numbers)
    any_of("(leaf ->> 'patient')", _owners(query.patients))
    any_of("(leaf ->> 'action')", query.actions)
    any_of("(leaf ->> 'outcome')", query.outcomes)
    any_of("(leaf ->> 'actor')", query.actors)
    any_of(_SUBTYPE, query.subtypes)
    any_of("(leaf ->> 'entity_type') || '/' || (leaf ->> 'entity')", [f"{t}/{i}" for t, i in query.entities])
    if query.visible_patients is not None:
        values.append(_owners(query.visible_patients))
        found.append(f"(leaf ->> 'patient') = any(${len(values)})")
    for low, high in query.times:
        for at, comparison in ((low, ">="), (high, "<")):
            if at is not None:
                values.append(int(at.timestamp() * 1_000_000))
                found.append(f"recorded_us {comparison} ${len(values)}")
    return found


def _owners(patients: Iterable[str]) -> list[str]:
    return [str(key_owner(each)) for each in patients]


def _one_patient(query: AuditQuery) -> UUID | None:
    return key_owner(query.patients[0]) if len(query.patients) == 1 else None


def _time(recorded_us: int) -> datetime:
    return datetime.fromtimestamp(recorded_us / 1_000_000, UTC)
