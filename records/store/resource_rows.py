"""Rows of the resource tables: sealing, index rows, and the statements that write them. Used by resources.py only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.fhir.errors import TooCostly
from records.fhir.index import MAX_ENTRIES, Index
from records.store.resource_blinds import Blinds
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
    """The Indexes of some resources with everything blinded, as arrays for one statement; None has no index rows."""

    def __init__(self, unit: Unit, indexes: Sequence[Index | None]) -> None:
        for index in indexes:
            _refuse_too_many(index)
        blinds, some = Blinds(unit.index_keys), [index for index in indexes if index is not None]
        numbers = [n for n, index in enumerate(indexes, 1) if index is not None]
        self.present = blinds.marks(some)
        rows = blinds.rows(some)
        self.arrays: list[list[Any]] = [
            [n for n, own in zip(numbers, rows, strict=True) for _ in own],
            list(chain.from_iterable(rows)),
        ]
        ranges = [(n, (i.dates, i.references, i.quantities)) for n, i in zip(numbers, some, strict=True)]
        keys = _keys(blinds, [row[0] for _, kinds in ranges for kind in kinds for row in kind])
        for place in range(3):
            found = [
                (n, key, low, high) for n, kinds in ranges for text, low, high in kinds[place] for key in keys[text]
            ]
            self.arrays += map(list, zip(*found, strict=True)) if found else ([], [], [], [])


def _refuse_too_many(index: Index | None) -> None:
    kinds = () if index is None else (index.tokens, index.strings, index.dates, index.references, index.quantities)
    if sum(len(kind) for kind in kinds) > MAX_ENTRIES:
        raise TooCostly(f"the resource needs more than {MAX_ENTRIES} index entries; split it")


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
    insert into resource (tenant_id, type, id, version, patient_id, origin, updated_at, content, present, author)
    select $1, u.type, u.id, 1, u.owner, $3, $2, u.content, u.present, $26
    from unnest($7::text[], $8::text[], $9::uuid[], $10::bytea[], $11::bytea[]) u(type, id, owner, content, present)
    on conflict (tenant_id, type, id) do nothing returning row, type, id
), n as (
    select r.row, u.n from r join unnest($7::text[], $8::text[]) with ordinality u(type, id, n) using (type, id)
), t as (
    insert into resource_token (tenant_id, token, row)
    select $1, u.token, n.row from unnest($12::int[], $13::bytea[]) u(n, token) join n using (n)
), d as (
    insert into resource_date (tenant_id, key, low, high, row) select $1, u.key, u.low, u.high, n.row
    from unnest($14::int[], $15::bytea[], $16::timestamptz[], $17::timestamptz[]) u(n, key, low, high) join n using (n)
), f as (
    insert into resource_reference (tenant_id, key, target_type, target_id, row)
    select $1, u.key, u.type, u.id, n.row
    from unnest($18::int[], $19::bytea[], $20::text[], $21::text[]) u(n, key, type, id) join n using (n)
), q as (
    insert into resource_quantity (tenant_id, key, low, high, row) select $1, u.key, u.low, u.high, n.row
    from unnest($22::int[], $23::bytea[], $24::numeric[], $25::numeric[]) u(n, key, low, high) join n using (n)
) select n.n, n.row from n"""


def _index_changes(first: int) -> str:
    """
    Give the CTEs that bring the index rows of `u (n, row)` in line with IndexRows.arrays from parameter `first` on.

    Rows that stay are not touched: an update changes a few of a Patient's twenty. What is deleted and what is inserted
    are disjoint, so that one statement may do both.
    """
    parts, place = [], first
    for name, table, columns in _INDEX_COLUMNS:
        types = [f"${place + n}::{kind}[]" for n, (_, kind) in enumerate(columns, 1)]
        names = ", ".join(column for column, _ in columns)
        wanted, found = f"{name}w", f"{name}f"
        same = " and ".join(f"y.{column} = g.{column}" for column, _ in columns)
        parts.append(
            f"{wanted} as materialized (select u.row, {names}"
            f" from unnest(${place}::int[], {', '.join(types)}) w(n, {names}) join u using (n)),"
            f" {found} as materialized (select x.row, {names}"
            f" from u join {table} x on x.tenant_id = $1 and x.row = u.row),"
            # By lookups in the primary key, whatever the planner thinks of the table: OFFSET keeps it from joining.
            f" {name}d as (delete from {table} x where x.ctid = any(array(select y.ctid"
            f" from (select * from {found} except select * from {wanted}) g cross join lateral"
            f" (select y.ctid from {table} y where y.tenant_id = $1 and y.row = g.row and {same} offset 0) y))),"
            f" {name}i as (insert into {table} (tenant_id, row, {names})"
            f" select $1, g.* from (select * from {wanted} except select * from {found}) g)"
        )
        place += 1 + len(columns)
    return ", ".join(parts)


_RANGE = (("key", "bytea"), ("low", "timestamptz"), ("high", "timestamptz"))
_INDEX_COLUMNS = (
    ("t", "resource_token", (("token", "bytea"),)),
    ("d", "resource_date", _RANGE),
    ("f", "resource_reference", (("key", "bytea"), ("target_type", "text"), ("target_id", "text"))),
    ("q", "resource_quantity", (("key", "bytea"), ("low", "numeric"), ("high", "numeric"))),
)

# One statement for one resource or a thousand: the old version into history, the new one in its place, its index rows.
SUPERSEDE = f"""with u as (
    select * from unnest($4::bigint[], $5::int[], $6::uuid[], $7::bytea[], $8::bytea[])
    with ordinality u(row, version, owner, content, present, n)
), h as (
    insert into resource_history (tenant_id, row, version, patient_id, updated_at, deleted, content, author)
    select r.tenant_id, r.row, r.version, r.patient_id, r.updated_at, r.deleted, r.content, r.author
    from resource r join u on r.tenant_id = $1 and r.row = u.row
), {_index_changes(9)}
update resource r set version = u.version, patient_id = u.owner, origin = $3, updated_at = $2, content = u.content,
    present = u.present, deleted = u.content is null, author = $23
from u where r.tenant_id = $1 and r.row = u.row"""

REINDEX = f"""with u as (select * from unnest($2::bigint[], $3::bytea[]) with ordinality u(row, present, n)),
    {_index_changes(4)}
update resource r set present = u.present from u where r.tenant_id = $1 and r.row = u.row"""

KEYS_OF_MANY = (
    "select patient_id, version, tenant_key_version, wrapped from patient_key"
    " where tenant_id = $1 and patient_id = any($2::uuid[])"
)
KEY_ROWS = "select version, tenant_key_version, wrapped from patient_key where tenant_id = $1 and patient_id = $2"
COLUMNS = "r.row, r.type, r.id, r.version, r.patient_id, r.origin, r.updated_at, r.deleted, r.content"
_HAS_RULES = "exists (select from consent_rule k where k.tenant_id = $1 and k.patient_id = r.patient_id) as has_rules"
LOCKED = f"select {COLUMNS}, {_HAS_RULES} from resource r where tenant_id = $1 and type = $2 and id = $3 for update"
