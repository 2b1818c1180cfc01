"""Runs a Query: one page of matches by keyset, their includes, the total when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from records.actors import Actor
from records.fhir import text
from records.fhir.index import reference_target
from records.fhir.interactions import SERVED_TYPES
from records.fhir.parameters import Source, values
from records.fhir.provenance import TARGET
from records.fhir.provenance import TYPE as PROVENANCE
from records.fhir.query import Include, Order, Query, References, Tokens
from records.store.consent_rules import flag_broken_glass
from records.store.pages import Page, seal_page
from records.store.resource_rows import COLUMNS, Stored, opened_all
from records.store.search_provenance import FIRST, Versions, beyond, count_sql, made_about, opened_any, page_sql
from records.store.search_sql import Statement, compartment_keys

if TYPE_CHECKING:
    from records.store.unit import Unit

# Includes come on top of a page; a page of Encounters brings at most a few each.
MAX_INCLUDED = 1000
MAX_ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page, with sealed tokens of those around it; None where there is none."""

    matches: Sequence[Stored]
    included: Sequence[Stored]
    total: int | None
    next_page: str | None
    previous_page: str | None = None
    first_page: str | None = None


async def run_search(unit: Unit, statement: Statement, queries: Sequence[Query], page: Page) -> SearchResult:
    """Give one page of what any of the queries, one a type, matches; they differ in nothing but type and criteria."""
    shape = queries[0]
    branches = [(query, _conditions(statement, query, page)) for query in queries]
    raw = unit.raw
    wants_total = shape.total == "accurate" or shape.summary == "count" or shape.count == 0
    total = await raw.fetchval(_counting(statement, branches, page), *statement.values) if wants_total else None
    records: list[Any] = []
    if shape.count and shape.summary != "count":
        sql = _page_sql(statement, branches, page)
        records = await raw.fetch(sql, *statement.values)
    has_more = len(records) > shape.count
    records = records[: shape.count]
    if page.is_backwards:
        records.reverse()
    matches = await opened_any(unit, records)
    if not wants_total and not has_more and not page.position:
        total = len(matches)
    included = await _included(unit, statement, queries, matches)
    _audit(unit, unit.actor, shape.type if len(queries) == 1 else "Resource", [*matches, *included])
    await flag_broken_glass(unit, statement.access, [*matches, *included])
    ends = [_position(record, shape.order) for record in records[:1] + records[-1:]]
    return SearchResult(matches, included, total, *await _around(unit, page, has_more, ends))


@dataclass(frozen=True, slots=True)
class Asked:
    """One of several searches of a client."""

    actor: Actor
    query: Query
    page: Page


def is_plain(query: Query, page: Page) -> bool:
    """Whether the search is answered by its matches in the usual order alone, so that it can share a statement."""
    wants_total = query.total == "accurate" or query.summary == "count" or not query.count
    return not (wants_total or query.includes or query.order or page.position or page.compartment)


def token_asked(query: Query) -> str | None:
    """Give the text of the token that a search asks for when that is all it asks for, as one by identifier."""
    match query.where:
        case (Tokens((text,), False),):
            return text
        case _:
            return None


async def run_plain(unit: Unit, statement: Statement, asked: Sequence[Asked], *, by_token: bool) -> list[SearchResult]:
    """
    Give the first pages of several plain searches of one type in one statement; keys fetched by one query.

    `by_token` says that each is by one token, of one live index key, that few resources have.
    """
    sql = (_by_tokens_sql if by_token else _branches_sql)(statement, asked)
    records = await unit.raw.fetch(sql, *statement.values)
    opened = {s.row: s for s in await opened_all(unit, list({r["row"]: r for r in records}.values()))}
    by_number: dict[int, list[Any]] = {}
    for record in records:
        by_number.setdefault(record["n"], []).append(record)
    found = []
    for number, each in enumerate(asked):
        mine = by_number.get(number, [])
        page = mine[: each.query.count]
        matches = [opened[r["row"]] for r in page if r["row"] in opened]
        has_more = len(mine) > len(page)
        _audit(unit, each.actor, each.query.type, matches)
        around = await _around(unit, each.page, has_more, [_position(r, ()) for r in page[:1] + page[-1:]])
        found.append(SearchResult(matches, [], None if has_more else len(matches), *around))
    return found


def _by_tokens_sql(statement: Statement, asked: Sequence[Asked]) -> str:
    """
    One plan for any number of searches: a branch for each costs PostgreSQL its own start.

    It does not know how many rows a token has that is no constant, so `gender=female` would be sorted as a whole.
    """
    tokens = statement.blinds.tokens(text for each in asked if (text := token_asked(each.query)) is not None)
    conditions = _conditions(statement, replace(asked[0].query, where=()), asked[0].page)
    most = statement.bind(max(each.query.count for each in asked) + 1)
    return (
        f"select (w.n - 1)::int as n, p.* from unnest({statement.bind(tokens)}::bytea[]) with ordinality w(token, n)"
        f" cross join lateral (select {COLUMNS} from resource_token t join resource r on r.row = t.row"
        f" where t.tenant_id = $1 and t.token = w.token and {conditions} order by r.row limit {most}) p order by n, row"
    )


def _branches_sql(statement: Statement, asked: Sequence[Asked]) -> str:
    branches = []
    for number, each in enumerate(asked):
        conditions = _conditions(statement, each.query, each.page)
        branches.append(
            f"(select {number} as n, p.* from ({_page_sql(statement, [(each.query, conditions)], each.page)}) p)"
        )
    return f"{' union all '.join(branches)} order by n, row"


async def _around(
    unit: Unit, page: Page, has_more: bool, ends: Sequence[tuple[Any, ...]]
) -> tuple[str | None, str | None, str | None]:
    """Give the tokens of the next, the previous and the first page; `ends` are where this page begins and ends."""
    next_page = previous_page = first_page = None
    if ends and (page.is_backwards or has_more):
        next_page = await seal_page(unit, replace(page, position=ends[-1], is_backwards=False))
    if ends and page.position and (has_more or not page.is_backwards):
        previous_page = await seal_page(unit, replace(page, position=ends[0], is_backwards=True))
    if page.position:
        first_page = await seal_page(unit, replace(page, position=(), is_backwards=False))
    return next_page, previous_page, first_page


def _conditions(statement: Statement, query: Query, page: Page) -> str:
    parts = [f"r.tenant_id = $1 and r.type = {statement.bind(query.type)} and not r.deleted"]
    parts.append(statement.visible("r", query.type))
    if page.compartment is not None:
        parts.append(statement.in_compartment("r", *page.compartment, query.type))
    parts += [statement.holds("r", query.type, clause) for clause in query.where]
    return " and ".join(parts)


def _counting(statement: Statement, branches: Sequence[tuple[Query, str]], page: Page) -> str:
    counts = [f"(select count(*) from resource r where {conditions})" for _, conditions in branches]
    for query, _ in branches:
        if _asks_for_made(query, branches, page):
            counts += count_sql(statement, _of_versions(statement, query, page))
    return "select " + " + ".join(counts)


# --- order and pages --------------------------------------------------------------------------------------------------


def _asks_for_made(query: Query, branches: Sequence[Any], page: Page) -> bool:
    """A search over all types that does not name this one would bring everything twice."""
    is_named = len(branches) == 1 or any(name == "_type" for name, _ in page.pairs)
    return query.type == PROVENANCE and is_named


def _of_versions(statement: Statement, query: Query, page: Page) -> list[str]:
    """Give the conditions of a search on the Provenances that nobody stored."""
    versions = Versions(statement)
    wanted = list(query.where)
    if page.compartment is not None:
        type_, id_ = page.compartment
        wanted.append(References(compartment_keys(type_, PROVENANCE), (type_,), id_))
    found = [versions.holds(clause) for clause in wanted]
    if page.position and not page.is_backwards and not query.order:
        found += beyond(statement, page.position[-1])
    return found


def _page_sql(statement: Statement, branches: Sequence[tuple[Query, str]], page: Page) -> str:
    shape = branches[0][0]
    names = [*(f"s.k{n}" for n in range(len(shape.order))), "s.row"]
    descending = [o != page.is_backwards for o in (*(o.is_descending for o in shape.order), False)]
    order = ", ".join(f"{n} {'desc' if d else 'asc'}" for n, d in zip(names, descending, strict=True))
    inner = " union all ".join(_branch_sql(statement, query, conditions) for query, conditions in branches)
    for query, _ in branches:
        if _asks_for_made(query, branches, page):
            limit = None if page.is_backwards else query.count + 1
            versions = page_sql(statement, _of_versions(statement, query, page), query.order, limit)
            inner = " union all ".join((inner, *versions))
    beyond = f"where {_beyond(statement, names, descending, page.position)}" if page.position else ""
    return f"select * from ({inner}) s {beyond} order by {order} limit {shape.count + 1}"


def _branch_sql(statement: Statement, query: Query, conditions: str) -> str:
    columns = "".join(f", {_order_key(statement, order)} as k{n}" for n, order in enumerate(query.order))
    return f"select {COLUMNS}{columns} from resource r where {conditions}"


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


# --- includes ---------------------------------------------------------------------------------------------------------


async def _included(
    unit: Unit, statement: Statement, queries: Sequence[Query], matches: Sequence[Stored]
) -> list[Stored]:
    found: dict[int, Stored] = {}
    seen = {m.row for m in matches}
    frontier = list(matches)
    for depth in range(MAX_ITERATIONS):
        includes = dict.fromkeys(i for query in queries for i in query.includes if depth == 0 or i.is_iterated)
        if not includes or not frontier:
            break
        fresh: list[Stored] = []
        for include in includes:
            reached = await _follow(unit, statement, include, frontier)
            for stored in [*reached, *await _follow_made(unit, statement, include, frontier)]:
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


async def _follow_made(unit: Unit, before: Statement, include: Include, frontier: Sequence[Stored]) -> list[Stored]:
    """As `_follow`, from and to the Provenances that nobody stored."""
    if include.source != PROVENANCE:
        return []
    statement = Statement(before.tenant_id, before.access, before.blinds, before.interaction)
    if include.is_reverse:
        is_named = include.keys == (TARGET,)  # `_revinclude=*` would bring one for everything
        wanted = [s for s in frontier if include.target in ("", s.type)] if is_named else []
        return await made_about(unit, statement, wanted)
    sql = _named_sql(statement, include, [s for s in frontier if s.row >= FIRST])
    return await opened_all(unit, await unit.raw.fetch(sql, *statement.values)) if sql else []


def _named_sql(statement: Statement, include: Include, made: Sequence[Stored]) -> str | None:
    """What they name has no index rows: it is read from the resources."""
    sources = [Source(key, tuple(key.split(".")[1:])) for key in include.keys]
    found = [v for s in made for source in sources for _, v in values(text.loads(s.content), PROVENANCE, source)]
    places = {p for v in found if (p := reference_target(v.get("reference"))) and include.target in ("", p[0])}
    types = [t for t in sorted({t for t, _ in places}) if statement.access.grants.get(t)]
    if not types:
        return None
    named, ids = statement.bind([t for t, _ in places]), statement.bind([i for _, i in places])
    branches = " or ".join(f"(r.type = {statement.bind(t)} and {statement.visible('r', t)})" for t in types)
    return (
        f"select {COLUMNS} from unnest({named}::text[], {ids}::text[]) w(type, id) join resource r"
        f" on r.tenant_id = $1 and r.type = w.type and r.id = w.id and not r.deleted where ({branches})"
    )


def _forward_sql(statement: Statement, include: Include, frontier: Sequence[Stored]) -> str | None:
    rows = [s.row for s in frontier if s.type == include.source and s.row < FIRST]
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


def _audit(unit: Unit, actor: Actor, type_: str, found: Sequence[Stored]) -> None:
    """One entry for the query, one for each patient whose data was in the answer (IHE BALP)."""
    unit.audit.record_of(actor, "E", type_, detail=f"search, {len(found)} found")
    for patient_id in dict.fromkeys(s.patient_id for s in found if s.patient_id is not None):
        unit.audit.record_of(actor, "R", type_, patient_id=patient_id, detail="search")
