"""Patient/$everything: one pass over the patient's compartment, with every type's visibility in the predicate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from records.fhir.provenance import TYPE as PROVENANCE
from records.fhir.query import Access
from records.store.consent_rules import flag_broken_glass
from records.store.pages import Page, seal_page
from records.store.resource_blinds import Blinds
from records.store.resource_rows import COLUMNS, Stored, opened_all
from records.store.search_provenance import made_about
from records.store.search_sql import Statement, compartment_keys

if TYPE_CHECKING:
    from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Everything:
    """What is asked for."""

    patient_id: str
    types: frozenset[str]
    since: datetime | None
    page: Page
    """Its position is the row of the last resource of the page before."""
    count: int
    period: tuple[datetime | None, datetime | None] = (None, None)
    """Only what has a date in it, or none at all: [low, high)."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page."""

    resources: Sequence[Stored]
    provenances: Sequence[Stored]
    """Of the versions shown, beside those that are resources themselves."""
    next_page: str | None
    """Sealed: rows are counted over all patients, so their numbers would tell how much is written about others."""


async def find_everything(unit: Unit, access: Access, wanted: Everything) -> Found:
    """Give one page, oldest first. Raises ResourceUnknown for a patient that the client may not see."""
    await unit.resources.read(access, "Patient", wanted.patient_id)
    statement = Statement(unit.actor.tenant_id, access, Blinds(unit.index_keys), "r")
    records = await unit.raw.fetch(_sql(statement, wanted), *statement.values)
    found = await opened_all(unit, records[: wanted.count])
    made: list[Stored] = []
    if PROVENANCE in wanted.types:
        about = Statement(unit.actor.tenant_id, access, Blinds(unit.index_keys), "r")
        made = await made_about(unit, about, found, only_shown=True)
    for type_ in sorted({s.type for s in (*found, *made)}):
        await unit.audit.record("R", type_, patient_id=found[0].patient_id, detail="everything")
    await flag_broken_glass(unit, access, [*found, *made])
    if len(records) <= wanted.count:
        return Found(found, made, None)
    position = (records[wanted.count - 1]["row"],)
    return Found(found, made, await seal_page(unit, replace(wanted.page, position=position)))


def _sql(statement: Statement, wanted: Everything) -> str:
    patient = statement.bind(wanted.patient_id)
    after = wanted.page.position[0] if wanted.page.position else 0
    branches = []
    for type_ in sorted(wanted.types & set(statement.access.grants)):
        keys = compartment_keys("Patient", type_)
        if type_ == "Patient":
            branches.append(f"(r.type = 'Patient' and r.id = {patient} and {statement.visible('r', type_)})")
        elif keys:
            refers = f"x.target_type = 'Patient' and x.target_id = {patient} and x.key = any({statement.tokens(keys)})"
            inner = f"r.row in (select x.row from resource_reference x where x.tenant_id = $1 and {refers})"
            branches.append(f"(r.type = {statement.bind(type_)} and {inner} and {statement.visible('r', type_)})")
    since = f" and r.updated_at >= {statement.bind(wanted.since)}" if wanted.since else ""
    since += _of_period(statement, *wanted.period)
    # Every branch lies within what refers to the patient: this one scan of an index bounds them all.
    scope = (
        f"(r.type = 'Patient' and r.id = {patient} or r.row in (select x.row from resource_reference x"
        f" where x.tenant_id = $1 and x.target_type = 'Patient' and x.target_id = {patient}))"
    )
    return (
        f"select {COLUMNS} from resource r where r.tenant_id = $1 and not r.deleted and {scope}"
        f" and ({' or '.join(branches) or 'false'}) and r.row > {statement.bind(after)}{since}"
        f" order by r.row limit {wanted.count + 1}"
    )


def _of_period(statement: Statement, low: datetime | None, high: datetime | None) -> str:
    """By the dates that a resource is searched by; what has none (a Patient) belongs to every time."""
    if low is None and high is None:
        return ""
    dates = "select from resource_date z where z.tenant_id = $1 and z.row = r.row"
    after = f" and z.high > {statement.bind(low)}" if low else ""
    before = f" and z.low < {statement.bind(high)}" if high else ""
    return f" and (not exists ({dates}) or exists ({dates}{after}{before}))"
