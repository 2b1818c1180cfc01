"""Runs a Query: one page of matches by keyset, their includes, the total when asked for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from records.errors import CannotOpen
from records.fhir.errors import BadSearch
from records.fhir.interactions import SERVED_TYPES
from records.fhir.query import Include, Order, Query
from records.store.resource_rows import COLUMNS, Stored, opened_all
from records.store.sealing import Cell
from records.store.search_sql import Statement

if TYPE_CHECKING:
    from records.store.unit import Unit

# Includes come on top of a page; a page of Encounters brings at most a few each.
MAX_INCLUDED = 1000
MAX_ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of which search. The whole of it travels sealed in the `next` link: no query text in URLs and logs."""

    client_id: str
    pairs: tuple[tuple[str, str], ...] = ()
    """The search parameters as the client sent them."""
    compartment: tuple[str, str] | None = None
    """(Patient or Encounter, id) when the search is inside a compartment."""
    position: tuple[Any, ...] = ()
    """Sort keys and row of the last match of the page before; empty for the first page."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page."""

    matches: Sequence[Stored]
    included: Sequence[Stored]
    total: int | None
    next_page: str | None
    """Sealed token for the next page; None on the last."""


async def run_search(unit: Unit, statement: Statement, query: Query, page: Page) -> SearchResult:
    """Give one page."""
    conditions = _conditions(statement, query, page)
    raw = unit.raw
    wants_total = query.total == "accurate" or query.summary == "count" or query.count == 0
    counting = f"select count(*) from resource r where {conditions}"
    total = await raw.fetchval(counting, *statement.values) if wants_total else None
    records: list[Any] = []
    if query.count and query.summary != "count":
        sql = _page_sql(statement, query, conditions, page.position)
        records = await raw.fetch(sql, *statement.values)
    has_more = len(records) > query.count
    records = records[: query.count]
    following = replace(page, position=_position(records[-1], query.order)) if has_more else None
    next_page = await _seal_page(unit, following) if following else None
    matches = await opened_all(unit, records)
    if not wants_total and not has_more and not page.position:
        total = len(matches)
    included = await _included(unit, statement, query, matches)
    await _audit(unit, query, [*matches, *included])
    return SearchResult(matches, included, total, next_page)


def _conditions(statement: Statement, query: Query, page: Page) -> str:
    parts = [f"r.tenant_id = $1 and r.type = {statement.bind(query.type)} and not r.deleted"]
    parts.append(statement.visible("r", query.type))
    if page.compartment is not None:
        parts.append(statement.in_compartment("r", *page.compartment, query.type))
    parts += [statement.holds("r", query.type, clause) for clause in query.where]
    return " and ".join(parts)


# --- order and pages --------------------------------------------------------------------------------------------------


def _page_sql(statement: Statement, query: Query, conditions: str, after: Sequence[Any]) -> str:
    keys = [_order_key(statement, o) for o in query.order]
    columns = "".join(f", {key} as k{n}" for n, key in enumerate(keys))
    names = [*(f"s.k{n}" for n in range(len(keys))), "s.row"]
    descending = [*(o.is_descending for o in query.order), False]
    order = ", ".join(f"{n} {'desc' if d else 'asc'}" for n, d in zip(names, descending, strict=True))
    beyond = f"where {_beyond(statement, names, descending, after)}" if after else ""
    inner = f"select {COLUMNS}{columns} from resource r where {conditions}"
    return f"select * from ({inner}) s {beyond} order by {order} limit {query.count + 1}"


def _order_key(statement: Statement, order: Order) -> str:
    """Missing values come last in either direction (§3.1.1.5.1 leaves it open)."""
    if order.kind == "id":
        return "r.id"
    if order.kind == "updated":
        return "r.updated_at"
    keys = statement.tokens(order.keys)
    table = "resource_date" if order.kind == "date" else "resource_quantity"
    value = "max(x.high)" if order.is_descending else "min(x.low)"
    missing = {
        ("date", False): "'infinity'::timestamptz",
        ("date", True): "'-infinity'::timestamptz",
        ("quantity", False): "1e40",
        ("quantity", True): "-1e40",
    }[(order.kind, order.is_descending)]
    inner = f"select {value} from {table} x where x.tenant_id = $1 and x.row = r.row and x.key = any({keys})"
    return f"coalesce(({inner}), {missing})"


def _beyond(statement: Statement, names: Sequence[str], descending: Sequence[bool], after: Sequence[Any]) -> str:
    """Rows after a position in mixed directions: (a > x) or (a = x and b > y) or …"""
    places = [statement.bind(value) for value in after]
    branches = []
    for n, name in enumerate(names):
        equal = [f"{names[m]} = {places[m]}" for m in range(n)]
        branches.append(" and ".join([*equal, f"{name} {'<' if descending[n] else '>'} {places[n]}"]))
    return " or ".join(f"({b})" for b in branches)


def _position(record: Any, order: Sequence[Order]) -> tuple[Any, ...]:
    return (*(record[f"k{n}"] for n in range(len(order))), record["row"])


async def _seal_page(unit: Unit, page: Page) -> str:
    body = [page.pairs, page.compartment, [_typed(v) for v in page.position]]
    sealed = await unit.seal(None, _page_cell(page.client_id), json.dumps(body).encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def open_page(unit: Unit, client_id: str, token: str) -> Page:
    """Give the page that a token of this client stands for. Raises BadSearch for any other text."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        text = await unit.open(None, _page_cell(client_id), sealed)
    except (CannotOpen, binascii.Error, ValueError):
        raise BadSearch("_page is not a page of this client's search; start again without it") from None
    pairs, compartment, position = json.loads(text)
    return Page(
        client_id,
        tuple((n, v) for n, v in pairs),
        (compartment[0], compartment[1]) if compartment else None,
        tuple(_untyped(v) for v in position),
    )


def _page_cell(client_id: str) -> Cell:
    return Cell("page", hashlib.sha256(client_id.encode()).hexdigest(), "position")


def _typed(value: Any) -> list[Any]:
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    if isinstance(value, Decimal):
        return ["d", str(value)]
    return ["v", value]


def _untyped(pair: list[Any]) -> Any:
    kind, value = pair
    if kind == "t":
        return datetime.fromisoformat(value)
    return Decimal(value) if kind == "d" else value


# --- includes ---------------------------------------------------------------------------------------------------------


async def _included(unit: Unit, statement: Statement, query: Query, matches: Sequence[Stored]) -> list[Stored]:
    found: dict[int, Stored] = {}
    seen = {m.row for m in matches}
    frontier = list(matches)
    for depth in range(MAX_ITERATIONS):
        includes = [i for i in query.includes if depth == 0 or i.is_iterated]
        if not includes or not frontier:
            break
        fresh: list[Stored] = []
        for include in includes:
            for stored in await _follow(unit, statement, include, frontier):
                if stored.row not in seen and len(found) < MAX_INCLUDED:
                    seen.add(stored.row)
                    found[stored.row] = stored
                    fresh.append(stored)
        frontier = fresh
    return list(found.values())


async def _follow(unit: Unit, before: Statement, include: Include, frontier: Sequence[Stored]) -> list[Stored]:
    statement = Statement(before.tenant_id, before.access, before.blinds, before.interaction)
    make = _reverse_sql if include.is_reverse else _forward_sql
    sql = make(statement, include, frontier)
    if sql is None:
        return []
    records = await unit.raw.fetch(sql, *statement.values)
    return await opened_all(unit, records)


def _forward_sql(statement: Statement, include: Include, frontier: Sequence[Stored]) -> str | None:
    rows = [s.row for s in frontier if s.type == include.source]
    if not rows:
        return None
    types = [include.target] if include.target else sorted(SERVED_TYPES)
    branches = " or ".join(
        f"(r.type = {statement.bind(t)} and {statement.visible('r', t)})"
        for t in types
        if statement.access.grants.get(t)
    )
    keys = statement.tokens(include.keys)
    return (
        f"select distinct on (r.row) {COLUMNS} from resource_reference y join resource r"
        f" on r.tenant_id = $1 and r.type = y.target_type and r.id = y.target_id and not r.deleted"
        f" where y.tenant_id = $1 and y.row = any({statement.bind(rows)}) and y.key = any({keys})"
        f" and ({branches or 'false'}) limit {MAX_INCLUDED}"
    )


def _reverse_sql(statement: Statement, include: Include, frontier: Sequence[Stored]) -> str | None:
    wanted = [s for s in frontier if not include.target or s.type == include.target]
    if not wanted:
        return None
    types, ids = statement.bind([s.type for s in wanted]), statement.bind([s.id for s in wanted])
    keys = statement.tokens(include.keys)
    return (
        f"select distinct on (r.row) {COLUMNS} from unnest({types}::text[], {ids}::text[]) w(type, id)"
        f" join resource_reference y on y.tenant_id = $1 and y.target_type = w.type and y.target_id = w.id"
        f" join resource r on r.tenant_id = $1 and r.row = y.row and not r.deleted"
        f" where y.key = any({keys}) and r.type = {statement.bind(include.source)}"
        f" and {statement.visible('r', include.source)} limit {MAX_INCLUDED}"
    )


async def _audit(unit: Unit, query: Query, found: Sequence[Stored]) -> None:
    """One entry for the query, one for each patient whose data was in the answer (IHE BALP)."""
    await unit.audit.record("E", query.type, detail=f"search, {len(found)} found")
    for patient_id in dict.fromkeys(s.patient_id for s in found if s.patient_id is not None):
        await unit.audit.record("R", query.type, patient_id=patient_id, detail="search")
