"""
Provenance of every version, found without a row of its own: each clause asks the version's row and its resource's.

In the SQL here `r` is the resource that was written, `v` one of its versions, in `resource` or `resource_history`. Who
may see the resource, and has a scope for Provenance, sees it. Made ones come after stored ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from records.actors import ActorKind
from records.fhir import provenance as p
from records.fhir import text
from records.fhir.errors import ResourceUnknown
from records.fhir.index import SEPARATOR
from records.fhir.interactions import INTERACTIONS
from records.fhir.query import (
    AllOf,
    AnyOf,
    Chain,
    Clause,
    Dates,
    Has,
    Ids,
    Order,
    Present,
    Quantities,
    References,
    Strings,
    Tokens,
    Updated,
)
from records.fhir.terminology import OURS, PARTICIPANT
from records.store.consent_rules import EXEMPT, Looked, consented, flag_broken_glass
from records.store.resource_rows import Stored, load_keys, opened_all

if TYPE_CHECKING:
    from records.store.search_sql import Statement
    from records.store.unit import Unit

# Row numbers of Provenances begin here, above any that the database will draw.
FIRST = 1 << 62
_VERSIONS = 1 << 20
MAX_ABOUT = 1000  # as many as includes may bring (search_run.py)
_CURRENT = "resource r cross join lateral (select r.version, r.patient_id, r.author, r.updated_at, r.deleted) v"
_OLDER = "resource_history v join resource r on r.tenant_id = $1 and r.row = v.row"
_ROW = f"({FIRST} + r.row * {_VERSIONS} + v.version)"
# A Provenance of a Provenance tells nothing; AuditEvents are no rows.
_TARGETS = tuple(sorted(set(INTERACTIONS) - {p.TYPE, "AuditEvent"}))


@dataclass(frozen=True, slots=True)
class Versions:
    """Predicates on (r, v) as parts of one statement."""

    statement: Statement

    def sources(self, conditions: Sequence[str]) -> list[str]:
        """Give FROM and WHERE of current and of superseded versions that the client may see."""
        where = " and ".join([f"r.tenant_id = $1 and {self.visible()}", *conditions])
        return [f"{_CURRENT} where {where}", f"{_OLDER} where v.tenant_id = $1 and {where}"]

    def visible(self) -> str:
        """Give the predicate that the client's scopes cover the Provenance and it sees what was written."""
        access, interaction = self.statement.access, self.statement.interaction
        grants = access.conditions(p.TYPE, interaction)
        if not grants:
            return "false"
        scoped = "true" if () in grants else _either(_all(self.holds(c) for c in where) for where in grants)
        return f"({scoped} and {_either(self._target_seen(t) for t in _TARGETS if access.permits(t, interaction))})"

    def _target_seen(self, type_: str) -> str:
        statement = self.statement
        covered = f"(not r.deleted and {statement.covered('r', type_)})"
        if statement.access.sees_deleted(type_):
            covered = f"(r.deleted or {covered})"
        if type_ in EXEMPT or statement.access.breaks_glass:
            return f"(r.type = '{type_}' and {covered})"
        hidden = consented(Looked("r", at_history=True), statement.access, statement.bind_once)
        return f"(r.type = '{type_}' and {covered} and {hidden})"

    def holds(self, clause: Clause) -> str:  # noqa: PLR0911  # one line a kind
        """Give the predicate of one clause. What a made Provenance never has is never found."""
        match clause:
            case Tokens(texts, is_negated):
                either = _either(self._token(each) for each in texts)
                return f"not coalesce({either}, false)" if is_negated else either
            case Present(keys, is_negated):
                return "true" if bool(p.PRESENT & set(keys)) != is_negated else "false"
            case Dates(keys, comparator, low, high):
                is_known = p.RECORDED in keys
                return self.statement.compared(comparator, _AT, (low, high)) if is_known else "false"
            case Updated(comparator, low, high):
                return self.statement.compared(comparator, _AT, (low, high))
            case References():
                return self._references(clause)
            case Ids(ids, is_negated):
                return f"{'not ' * is_negated}{self._ids(ids)}"
            case Chain(keys, type_, where):
                return self._chain(keys, type_, where)
            case AnyOf(clauses):
                return _either(map(self.holds, clauses))
            case AllOf(clauses):
                return _all(map(self.holds, clauses))
            case Strings() | Quantities() | Has():
                return "false"

    def _ids(self, ids: Iterable[str]) -> str:
        places = [place for id_ in ids if (place := p.place_of(p.TYPE, id_))]
        return _either(map(self._place, places))

    def _place(self, place: p.Place) -> str:
        type_, version, id_ = map(self.statement.bind, (place.type, place.version, place.id))
        which = f"r.id = {id_}"
        if place.is_hash:  # such long ids are rare, and nobody looks for one by chance
            hashed = f"left(encode(sha256(convert_to(r.id, 'UTF8')), 'hex'), {p.HASH_DIGITS})"
            which = f"length(r.id) > {p.longest_told(place.type, place.version)} and {hashed} = {id_}"
        return f"(r.type = {type_} and v.version = {version} and {which})"

    def _token(self, text_: str) -> str:
        key, _, rest = text_.partition(SEPARATOR)
        system, bar, value = rest[1:].rpartition("|")
        if key == p.AGENT_TYPE:
            kinds = [k for k, role in p.ROLES.items() if value in (role, "") and system in (PARTICIPANT, "")]
            return self._of_kinds(kinds) if not (bar and not system) else "false"
        if key != p.WHO_IDENTIFIER or (bar and not system.startswith(OURS)):
            return "false"
        kind = system.removeprefix(OURS)
        if not bar:
            return f"lower(substr(v.author, strpos(v.author, ':') + 1)) = {self.statement.bind(value)}"
        if not value:
            return self._of_kinds([kind])
        return f"lower(v.author) = {self.statement.bind(f'{kind}:{value}')}"

    def _of_kinds(self, kinds: Sequence[str]) -> str:
        return f"split_part(v.author, ':', 1) = any({self.statement.bind(list(kinds))})"

    def _references(self, clause: References) -> str:
        tests, bind = [], self.statement.bind
        if p.TARGET in clause.keys:
            tests.append(f"(r.type = any({bind(list(clause.target_types))}) and r.id = {bind(clause.target_id)})")
        if p.WHO in clause.keys and "Practitioner" in clause.target_types:
            tests.append(f"v.author = {bind(f'{ActorKind.PRACTITIONER.value}:{clause.target_id}')}")
        if p.WHO in clause.keys and "Patient" in clause.target_types:
            tests.append(
                f"({self._of_kinds([ActorKind.PATIENT.value])} and v.patient_id::text = {bind(clause.target_id)})"
            )
        return _either(tests)

    def _chain(self, keys: Sequence[str], type_: str, where: Sequence[Clause]) -> str:
        statement = self.statement
        if p.TARGET in keys and type_ != p.TYPE:
            met = [statement.holds("r", type_, clause) for clause in where]
            return _all([f"r.type = {statement.bind(type_)} and not r.deleted", *met])
        if p.WHO in keys and type_ == "Practitioner":
            who = statement.alias()
            met = [statement.holds(who, type_, clause) for clause in where]
            found = _all([f"{who}.type = 'Practitioner' and not {who}.deleted", statement.visible(who, type_), *met])
            those = f"select 'practitioner:' || {who}.id from resource {who} where {who}.tenant_id = $1 and {found}"
            return f"v.author in ({those})"
        return "false"


_AT = ("v.updated_at", "v.updated_at")


def _either(alternatives: Iterable[str]) -> str:
    return f"({' or '.join(found)})" if (found := list(alternatives)) else "false"


def _all(conditions: Iterable[str]) -> str:
    return f"({' and '.join(found)})" if (found := list(conditions)) else "true"


def columns() -> str:
    """Give the columns of `resource` that stand for a Provenance; `origin` is its version's author."""
    return (
        f"{_ROW} as row, r.type, r.id, v.version, v.patient_id, v.author as origin, v.updated_at,"
        " v.deleted, null::bytea as content"
    )


def order_key(order: Order) -> str:
    """Give what a Provenance is sorted by."""
    if order.kind == "id":
        return "'w.' || r.type || '.' || v.version || '.' || r.id"
    if order.kind == "updated" or p.RECORDED in order.keys:
        return "v.updated_at"
    return "'-infinity'::timestamptz" if order.is_descending else "'infinity'::timestamptz"


def page_sql(statement: Statement, conditions: Sequence[str], order: Sequence[Order], limit: int | None) -> list[str]:
    """Give branches of a page; `limit` lets each end early where rows alone are the order."""
    keys = "".join(f", {order_key(each)} as k{n}" for n, each in enumerate(order))
    ends = f" order by r.row, v.version limit {limit}" if limit is not None and not order else ""
    return [f"(select {columns()}{keys} from {s}{ends})" for s in Versions(statement).sources(conditions)]


def beyond(statement: Statement, position: int) -> list[str]:
    """Give the conditions of what comes after a row number."""
    if position < FIRST:
        return []
    row, version = map(statement.bind, divmod(position - FIRST, _VERSIONS))
    return [f"r.row >= {row} and (r.row, v.version) > ({row}, {version})"]


def count_sql(statement: Statement, conditions: Sequence[str]) -> list[str]:
    """Give the terms of a count."""
    return [f"(select count(*) from {s})" for s in Versions(statement).sources(conditions)]


def written_about(statement: Statement, alias: str, type_: str, where: Sequence[Clause]) -> str:
    """Give the predicate that a version of the resource `alias` has a Provenance like that (for `_has`)."""
    versions = Versions(statement)
    found = versions.sources([_all(map(versions.holds, where)), f"r.type = {statement.bind(type_)}"])
    return _either(f"{alias}.row in (select r.row from {each})" for each in found)


async def opened_any(unit: Unit, records: Sequence[Any]) -> list[Stored]:
    """Give stored resources and Provenances in the order of their rows; those of erased patients are left out."""
    made = [record for record in records if record["row"] >= FIRST]
    if not made:
        return await opened_all(unit, records)
    stored = {s.row: s for s in await opened_all(unit, [r for r in records if r["row"] < FIRST])}
    readable = await load_keys(unit, [record["patient_id"] for record in made])
    organizations = await _organizations(unit, [record["origin"] for record in made])
    for record in made:
        if record["patient_id"] is None or record["patient_id"] in readable:
            stored[record["row"]] = _stored(record, organizations)
    return [stored[record["row"]] for record in records if record["row"] in stored]


def _stored(record: Any, organizations: dict[str, str]) -> Stored:
    version = (record["row"] - FIRST) % _VERSIONS
    owner, author = record["patient_id"], record["origin"]
    made = p.provenance(p.Written(
        record["type"], record["id"], version, record["updated_at"], record["deleted"], author,
        str(owner) if owner else None, organizations.get(author or ""),
    ))  # fmt: skip
    content = text.dumps(made)
    return Stored(p.TYPE, made["id"], 1, record["updated_at"], content, False, owner, record["row"])


async def _organizations(unit: Unit, authors: Iterable[str | None]) -> dict[str, str]:
    prefix = f"{ActorKind.SERVICE.value}:"
    clients = {a.removeprefix(prefix) for a in authors if a and a.startswith(prefix)}
    sql = "select id, organization from client where tenant_id = $1 and id = any($2) and organization is not null"
    rows = await unit.raw.fetch(sql, unit.actor.tenant_id, list(clients)) if clients else []
    return {prefix + row["id"]: row["organization"] for row in rows}


async def read_made(unit: Unit, statement: Statement, id_: str) -> Stored:
    """Give one by the id that the server made. Raises ResourceUnknown."""
    branches = page_sql(statement, [Versions(statement).holds(Ids((id_,)))], (), None)
    found = await opened_any(unit, await unit.raw.fetch(" union all ".join(branches), *statement.values))
    if not found:
        raise ResourceUnknown("there is no such Provenance, or none that this client may see")
    await unit.audit.record("R", p.TYPE, entity_id=id_, patient_id=found[0].patient_id)
    await flag_broken_glass(unit, statement.access, found)
    return found[0]


async def made_about(
    unit: Unit, statement: Statement, resources: Sequence[Stored], *, only_shown: bool = False
) -> list[Stored]:
    """Give those of some resources, oldest first: of the versions that are shown, or of all."""
    rows = [s.row for s in resources if s.row < FIRST]
    if not rows:
        return []
    branches = page_sql(statement, [f"r.row = any({statement.bind(rows)})"], (), MAX_ABOUT)
    shown = branches[:1] if only_shown else branches
    sql = f"select * from ({' union all '.join(shown)}) m order by row limit {MAX_ABOUT}"
    return await opened_any(unit, await unit.raw.fetch(sql, *statement.values))
