"""Rows of the resource tables: sealing, index rows, and the statements that write them. Used by resources.py only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.fhir.errors import TooCostly
from records.fhir.index import MAX_ENTRIES, Index
from records.store.resource_blinds import Blinds
from records.store.resource_tokens import INDEXED, Indexed, digests
from records.store.sealing import Cell

if TYPE_CHECKING:
    from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as the client sees it."""

    type: str
    id: str
    version: int
    updated_at: datetime
    content: bytes
    """JSON text, UTF-8, meta.versionId and meta.lastUpdated inside; empty when deleted."""
    deleted: bool = False
    patient_id: UUID | None = None
    row: int = 0
    origin: str = "client"
    is_new: bool = False
    """This call created the resource (201 rather than 200)."""
    is_changed: bool = False
    """This call made a new version."""
    indexed: Indexed | None = None
    """What it is found by, where the query asked for it."""


def cell(type_: str, id_: str, version: int) -> Cell:
    """Name the sealed cell of one version; the same in `resource` and `resource_history`."""
    return Cell("resource", f"{type_}/{id_}/{version}", "content")


async def opened(unit: Unit, record: Any) -> Stored:
    """Give a row with its content opened. Raises KeyDestroyed."""
    content = b""
    if record["content"] is not None:
        place = cell(record["type"], record["id"], record["version"])
        content = await unit.open(record["patient_id"], place, record["content"])
    return Stored(
        record["type"], record["id"], record["version"], record["updated_at"], content, record["deleted"],
        record["patient_id"], record["row"], record["origin"],
        indexed=Indexed(record["tokens"], record["ranges"]) if "ranges" in record else None,
    )  # fmt: skip


async def opened_all(unit: Unit, records: Sequence[Any]) -> list[Stored]:
    """Give rows with their content opened, keys fetched in one query; those of erased patients are left out."""
    readable = await load_keys(unit, [record["patient_id"] for record in records])
    return [await opened(unit, r) for r in records if r["patient_id"] is None or r["patient_id"] in readable]


async def load_keys(unit: Unit, patient_ids: Iterable[UUID | None]) -> set[UUID]:
    """Have the keys of many patients at hand, by one query for those that are not; give whose there are."""
    owners = {each for each in patient_ids if each is not None}
    missing = [owner for owner in owners if not unit.keys.has(owner)]
    if not missing:
        return owners
    rows: dict[UUID, list[tuple[int, int, bytes]]] = {}
    for row in await unit.raw.fetch(KEYS_OF_MANY, unit.actor.tenant_id, missing):
        rows.setdefault(row["patient_id"], []).append((row["version"], row["tenant_key_version"], row["wrapped"]))
    for owner, keys in rows.items():
        await unit.keys.adopt(owner, keys)
    return (owners - set(missing)) | rows.keys()


class IndexRows:
    """The Indexes of some resources with everything blinded; None has no index rows."""

    def __init__(self, unit: Unit, indexes: Sequence[Index | None]) -> None:
        for index in indexes:
            _refuse_too_many(index)
        blinds, some = Blinds(unit.index_keys), [Index() if index is None else index for index in indexes]
        self.present = blinds.marks(some)
        self.tokens = blinds.rows(some)
        kinds = [(n, (i.dates, i.references, i.quantities)) for n, i in enumerate(some, 1)]
        keys = _keys(blinds, [row[0] for _, own in kinds for kind in own for row in kind])
        ranges = [
            [(n, key, low, high) for n, own in kinds for text, low, high in own[place] for key in keys[text]]
            for place in range(3)
        ]
        self.arrays = [column for rows in ranges for column in _columns(rows)]
        """Dates, references and quantities, each row led by its resource's ordinal, as columns for one statement."""
        self.ranges = digests(ranges, len(some))


def _refuse_too_many(index: Index | None) -> None:
    kinds = () if index is None else (index.tokens, index.strings, index.dates, index.references, index.quantities)
    if sum(len(kind) for kind in kinds) > MAX_ENTRIES:
        raise TooCostly(f"the resource needs more than {MAX_ENTRIES} index entries; split it")


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


def _keys(blinds: Blinds, texts: Iterable[str]) -> dict[str, list[bytes]]:
    """Give the blinded key of each text, under every live index key."""
    return {text: blinds.tokens([text]) for text in set(texts)}


# One statement for one resource or a thousand: new patients with their keys, resources, index rows by ordinal.
INSERT = """with p as (
    insert into patient (tenant_id, id, lang, created_at, updated_at)
    select $1, u.id, 'en', $2, $2 from unnest($4::uuid[]) u(id)
), k as (
    insert into patient_key (tenant_id, patient_id, version, tenant_key_version, wrapped, created_at)
    select $1, u.id, 1, u.root, u.wrapped, $2 from unnest($4::uuid[], $5::int[], $6::bytea[]) u(id, root, wrapped)
), r as (
    insert into resource (tenant_id, type, id, version, patient_id, origin, updated_at, content, present, author,
        ranges, tokens, tokens_of)
    select $1, u.type, u.id, 1, u.owner, $3, $2, u.content, u.present, $28, u.ranges, ($13::bytea[])[u.first:u.last], 1
    from unnest($7::text[], $8::text[], $9::uuid[], $10::bytea[], $11::bytea[], $12::bytea[], $14::int[], $15::int[])
    u(type, id, owner, content, present, ranges, first, last)
    on conflict (tenant_id, type, id) do nothing returning row, type, id, tokens
), n as (
    select r.row, u.n from r join unnest($7::text[], $8::text[]) with ordinality u(type, id, n) using (type, id)
), t as (
    insert into resource_token (tenant_id, token, row) select $1, t.token, r.row from r, unnest(r.tokens) t(token)
), d as (
    insert into resource_date (tenant_id, key, low, high, row) select $1, u.key, u.low, u.high, n.row
    from unnest($16::int[], $17::bytea[], $18::timestamptz[], $19::timestamptz[]) u(n, key, low, high) join n using (n)
), f as (
    insert into resource_reference (tenant_id, key, target_type, target_id, row)
    select $1, u.key, u.type, u.id, n.row
    from unnest($20::int[], $21::bytea[], $22::text[], $23::text[]) u(n, key, type, id) join n using (n)
), q as (
    insert into resource_quantity (tenant_id, key, low, high, row) select $1, u.key, u.low, u.high, n.row
    from unnest($24::int[], $25::bytea[], $26::numeric[], $27::numeric[]) u(n, key, low, high) join n using (n)
) select n.n, n.row from n"""


def _token_changes(first: int) -> str:
    """Give the CTEs that delete and insert `changed` rows of resource_token of `u (n, row)`, arrays from `first` on."""
    gone, made = (f"unnest(${first + place}::int[], ${first + place + 1}::bytea[]) w(n, token)" for place in (0, 2))
    # By lookups in the primary key, whatever the planner thinks of the table: OFFSET keeps it from joining.
    return f"""td as (delete from resource_token x where x.ctid = any(array(select y.ctid
    from {gone} join u using (n) cross join lateral (select y.ctid from resource_token y
    where y.tenant_id = $1 and y.token = w.token and y.row = u.row offset 0) y))
), ti as (insert into resource_token (tenant_id, token, row) select $1, w.token, u.row from {made} join u using (n))"""


def _range_changes(first: int) -> str:
    """
    Give the CTEs that bring dates, references and quantities of `u (n, row)` in line with arrays from `first` on.

    What is deleted and what is inserted are disjoint, so that one statement may do both.
    """
    parts, place = [], first
    for name, table, columns in _RANGE_COLUMNS:
        types = [f"${place + n}::{kind}[]" for n, (_, kind) in enumerate(columns, 1)]
        names = ", ".join(column for column, _ in columns)
        wanted, found = f"{name}w", f"{name}f"
        same = " and ".join(f"y.{column} = g.{column}" for column, _ in columns)
        parts.append(
            f"{wanted} as materialized (select u.row, {names}"
            f" from unnest(${place}::int[], {', '.join(types)}) w(n, {names}) join u using (n)),"
            f" {found} as materialized (select x.row, {names}"
            f" from u join {table} x on x.tenant_id = $1 and x.row = u.row),"
            f" {name}d as (delete from {table} x where x.ctid = any(array(select y.ctid"
            f" from (select * from {found} except select * from {wanted}) g cross join lateral"
            f" (select y.ctid from {table} y where y.tenant_id = $1 and y.row = g.row and {same} offset 0) y))),"
            f" {name}i as (insert into {table} (tenant_id, row, {names})"
            f" select $1, g.* from (select * from {wanted} except select * from {found}) g)"
        )
        place += 1 + len(columns)
    return ", ".join(parts)


_RANGE = (("key", "bytea"), ("low", "timestamptz"), ("high", "timestamptz"))
_RANGE_COLUMNS = (
    ("d", "resource_date", _RANGE),
    ("f", "resource_reference", (("key", "bytea"), ("target_type", "text"), ("target_id", "text"))),
    ("q", "resource_quantity", (("key", "bytea"), ("low", "numeric"), ("high", "numeric"))),
)


def _supersede(more: str = "") -> str:
    """Give the statement for one resource or a thousand: the old version into history, the new one in its place."""
    return f"""with u as (
    select * from unnest($5::bigint[], $6::int[], $7::uuid[], $8::bytea[], $9::bytea[], $10::bytea[], $12::int[],
    $13::int[]) with ordinality u(row, version, owner, content, present, ranges, first, last, n)
), h as (
    insert into resource_history (tenant_id, row, version, patient_id, updated_at, deleted, content, author)
    select r.tenant_id, r.row, r.version, r.patient_id, r.updated_at, r.deleted, r.content, r.author
    from resource r join u on r.tenant_id = $1 and r.row = u.row
), {_token_changes(14)}{more}
update resource r set version = u.version, patient_id = u.owner, origin = $3, updated_at = $2, content = u.content,
    present = u.present, deleted = u.content is null, author = $4, ranges = u.ranges, tokens_of = u.version,
    tokens = coalesce(($11::bytea[])[u.first:u.last], r.tokens)
from u where r.tenant_id = $1 and r.row = u.row"""


SUPERSEDE = _supersede(f", {_range_changes(18)}")
# Where no date, reference or quantity differs, as for every Patient: a third of the cost.
SUPERSEDE_TOKENS = _supersede()

REINDEX = f"""with u as (
    select * from unnest($2::bigint[], $3::bytea[], $4::bytea[], $6::int[], $7::int[])
    with ordinality u(row, present, ranges, first, last, n)
), {_token_changes(8)}, {_range_changes(12)}
update resource r set present = u.present, ranges = u.ranges, tokens_of = r.version,
    tokens = coalesce(($5::bytea[])[u.first:u.last], r.tokens)
from u where r.tenant_id = $1 and r.row = u.row"""

KEYS_OF_MANY = (
    "select patient_id, version, tenant_key_version, wrapped from patient_key"
    " where tenant_id = $1 and patient_id = any($2::uuid[])"
)
KEY_ROWS = "select version, tenant_key_version, wrapped from patient_key where tenant_id = $1 and patient_id = $2"
COLUMNS = "r.row, r.type, r.id, r.version, r.patient_id, r.origin, r.updated_at, r.deleted, r.content"
_HAS_RULES = "exists (select from consent_rule k where k.tenant_id = $1 and k.patient_id = r.patient_id) as has_rules"
LOCKED = (
    f"select {COLUMNS}, {INDEXED}, {_HAS_RULES} from resource r"
    " where tenant_id = $1 and type = $2 and id = $3 for update"
)
