"""Versions of resources: one, or pages of those of a resource, a type or the whole tenant (FHIR R4 §3.1.0.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from records.fhir.errors import ResourceGone, ResourceUnknown
from records.store.consent_rules import flag_broken_glass
from records.store.pages import Page, seal_page
from records.store.resource_rows import COLUMNS, Stored, opened_all
from records.store.search_sql import Statement

if TYPE_CHECKING:
    from records.store.unit import Unit

_OLDER = "r.row, r.type, r.id, h.version, h.patient_id, r.origin, h.updated_at, h.deleted, h.content"


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which versions."""

    types: tuple[str, ...]
    id: str | None = None
    """One resource of the one type."""
    count: int = 50
    since: datetime | None = None
    """Made at or after."""
    at: tuple[datetime, datetime] | None = None
    """Current at some time in [low, high)."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page, newest first."""

    versions: Sequence[Stored]
    total: int | None
    next_page: str | None


def seen_or_gone(statement: Statement, type_: str) -> str:
    """A deleted resource has no index rows left to judge it by: only who sees all of a type may learn of it."""
    gone = "false"
    if statement.access.sees_deleted(type_):
        gone = f"(r.deleted and {statement.consented('r', type_)})"
    return f"({gone} or (not r.deleted and {statement.visible('r', type_)}))"


async def find_version(unit: Unit, statement: Statement, place: tuple[str, str], version: int) -> Stored:
    """Give one version of (type, id). Raises ResourceUnknown; ResourceGone for the version that deleted it."""
    type_, id_ = place
    condition = (
        f"r.tenant_id = $1 and r.type = {statement.bind(type_)} and r.id = {statement.bind(id_)}"
        f" and {seen_or_gone(statement, type_)}"
    )
    number = statement.bind(version)
    sql = f"select * from ({_union(condition)}) v where v.version = {number}"
    record = await unit.raw.fetchrow(sql, *statement.values)
    found = await opened_all(unit, [record] if record is not None else [])
    if not found:
        raise ResourceUnknown(f"{type_} {id_} has no version {version}, or none that this client may see")
    await unit.audit.record("R", type_, entity_id=id_, patient_id=found[0].patient_id, detail="version")
    await flag_broken_glass(unit, statement.access, found)
    if found[0].deleted:
        raise ResourceGone(f"{type_} {id_} was deleted in version {version}", version)
    return found[0]


async def find_history(unit: Unit, statement: Statement, query: HistoryQuery, page: Page) -> HistoryPage:
    """Give one page of versions."""
    versions = " union all ".join(_union(_scope(statement, query, type_)) for type_ in query.types)
    conditions = _times(statement, query)
    total = None
    if query.count == 0:
        total = await unit.raw.fetchval(f"select count(*) from ({versions}) v where {conditions}", *statement.values)
        return HistoryPage((), total, None)
    if page.position:
        at, row, version = (statement.bind(value) for value in page.position)
        conditions += f" and (v.updated_at, v.row, v.version) < ({at}, {row}, {version})"
    sql = (
        f"select * from ({versions}) v where {conditions}"
        f" order by v.updated_at desc, v.row desc, v.version desc limit {query.count + 1}"
    )
    records = await unit.raw.fetch(sql, *statement.values)
    has_more = len(records) > query.count
    records = records[: query.count]
    found = await opened_all(unit, records)
    await _audit(unit, query, found)
    await flag_broken_glass(unit, statement.access, found)
    if not has_more:
        return HistoryPage(found, None if page.position else len(found), None)
    last = records[-1]
    position = (last["updated_at"], last["row"], last["version"])
    return HistoryPage(found, None, await seal_page(unit, replace(page, position=position)))


def _union(condition: str) -> str:
    """Current and superseded versions of the resources `r` for which the condition holds."""
    return (
        f"select {COLUMNS} from resource r where {condition} union all"
        f" select {_OLDER} from resource r join resource_history h on h.tenant_id = $1 and h.row = r.row"
        f" where {condition}"
    )


def _scope(statement: Statement, query: HistoryQuery, type_: str) -> str:
    condition = f"r.tenant_id = $1 and r.type = {statement.bind(type_)} and {seen_or_gone(statement, type_)}"
    return condition if query.id is None else f"{condition} and r.id = {statement.bind(query.id)}"


def _times(statement: Statement, query: HistoryQuery) -> str:
    parts = ["true"]
    if query.since is not None:
        parts.append(f"v.updated_at >= {statement.bind(query.since)}")
    if query.at is not None:
        low, high = (statement.bind(value) for value in query.at)
        superseded = (
            f"exists (select from resource n where n.tenant_id = $1 and n.row = v.row and n.version > v.version"
            f" and n.updated_at <= {low}) or exists (select from resource_history n where n.tenant_id = $1"
            f" and n.row = v.row and n.version > v.version and n.updated_at <= {low})"
        )
        parts.append(f"v.updated_at < {high} and not ({superseded})")
    return " and ".join(parts)


async def _audit(unit: Unit, query: HistoryQuery, found: Sequence[Stored]) -> None:
    """One entry for the query, one for each resource whose versions were in the answer."""
    type_ = query.types[0] if len(query.types) == 1 else "Resource"
    await unit.audit.record("E", type_, entity_id=query.id, detail="history")
    for stored in {(s.type, s.id): s for s in found}.values():
        await unit.audit.record(
            "R", stored.type, entity_id=stored.id, patient_id=stored.patient_id, detail="history"
        )
