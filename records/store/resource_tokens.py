"""The index rows that a resource has, as it knows itself, and how they differ from those that it is to have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from records.store.unit import Unit

# `tokens_of` is another version where a program wrote that knows no lists, or where a migration made none.
INDEXED = (
    "case when r.tokens_of = r.version then r.tokens end as tokens,"
    " case when r.tokens_of = r.version then r.ranges end as ranges"
)
_LOOK_UP = "select row, token from resource_token where tenant_id = $1 and row = any($2::bigint[])"

_OF_PATIENT = f"select r.row, {INDEXED} from resource r where r.tenant_id = $1 and r.patient_id = $2 for update"
# By lookups in the primary key, whatever the planner thinks of the table: OFFSET keeps it from joining.
_DELETE = """delete from resource_token x where x.ctid = any(array(select y.ctid
    from unnest($2::bigint[], $3::bytea[]) w(row, token) cross join lateral (select y.ctid from resource_token y
    where y.tenant_id = $1 and y.token = w.token and y.row = w.row offset 0) y)) returning 1"""
_FORGET = (
    "update resource set present = null, ranges = null, tokens = '{}', tokens_of = version"
    " where tenant_id = $1 and patient_id = $2"
)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a resource says of its index rows, None where it does not know."""

    tokens: Sequence[bytes] | None
    """Its rows of resource_token."""
    ranges: bytes | None
    """One of `digests` of its rows in the other three tables."""


def digests(ranges: Sequence[Sequence[tuple[Any, ...]]], resources: int) -> list[bytes]:
    """Give 16 bytes a resource that are equal for equal rows, led by its ordinal, of each table; none for no rows."""
    found: dict[int, list[str]] = {}
    for place, rows in enumerate(ranges):
        for n, *row in rows:
            found.setdefault(n, []).append(f"{place} {row!r}")
    texts = ("\n".join(sorted(found[n])) if n in found else "" for n in range(1, resources + 1))
    return [hashlib.sha256(text.encode()).digest()[:16] if text else b"" for text in texts]


async def tokens_of(unit: Unit, resources: Sequence[tuple[int, Indexed | None]]) -> list[set[bytes]]:
    """Give the rows of resource_token of (row, what it knows); one query for those that do not know."""
    known = {row: set(each.tokens) for row, each in resources if each is not None and each.tokens is not None}
    missing = [row for row, _ in resources if row not in known]
    if missing:
        known |= {row: set() for row in missing}
        for record in await unit.raw.fetch(_LOOK_UP, unit.actor.tenant_id, missing):
            known[record["row"]].add(record["token"])
    return [known[row] for row, _ in resources]


def listed(tokens: Sequence[Sequence[bytes] | None]) -> list[list[Any]]:
    """Give all tokens as one array, and the place of each resource's first and last; None keeps the list that is."""
    every: list[bytes] = []
    first: list[int | None] = []
    last: list[int | None] = []
    for own in tokens:
        first.append(None if own is None else len(every) + 1)
        every += own or ()
        last.append(None if own is None else len(every))
    return [every, first, last]


def changed(had: Sequence[set[bytes]], wanted: Sequence[Sequence[bytes]]) -> list[list[Any]]:
    """Give `listed` arrays, then ordinal and token of each row to delete, then of each to insert."""
    pairs = [(own, set(new)) for own, new in zip(had, wanted, strict=True)]
    gone = [(n, token) for n, (own, new) in enumerate(pairs, 1) for token in own - new]
    made = [(n, token) for n, (own, new) in enumerate(pairs, 1) for token in new - own]
    lists = listed([None if own == new else sorted(new) for own, new in pairs])
    return [*lists, *([row[place] for row in rows] for rows in (gone, made) for place in range(2))]


async def forget_tokens(unit: Unit, patient_id: UUID) -> int:
    """Delete the rows of resource_token of a patient's resources, and their lists; return how many rows went."""
    tenant_id = unit.actor.tenant_id
    records = await unit.raw.fetch(_OF_PATIENT, tenant_id, patient_id)
    found = await tokens_of(unit, [(r["row"], Indexed(r["tokens"], r["ranges"])) for r in records])
    pairs = [(record["row"], token) for record, own in zip(records, found, strict=True) for token in own]
    gone = await unit.raw.fetch(_DELETE, tenant_id, [row for row, _ in pairs], [token for _, token in pairs])
    await unit.raw.execute(_FORGET, tenant_id, patient_id)
    return len(gone)
