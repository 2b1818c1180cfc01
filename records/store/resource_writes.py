"""Writes resources: sealed, indexed and audited, one or a thousand in one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.actors import Actor
from records.fhir import text
from records.fhir.errors import BusinessRule
from records.fhir.identity import key_owner, patient_id_of, says_the_same, with_meta
from records.fhir.index import Index, index_of
from records.fhir.provenance import author_of
from records.store.consent_rules import write_rules
from records.store.resource_rows import (
    INSERT,
    KEY_ROWS,
    SUPERSEDE,
    SUPERSEDE_TOKENS,
    IndexRows,
    Stored,
    cell,
    load_keys,
)
from records.store.resource_tokens import changed, listed, tokens_of

if TYPE_CHECKING:
    from records.store.unit import Unit

Json = dict[str, Any]
AT_ONCE = 200  # resources; each step of writing them takes 5 ms at most


async def insert_all(
    unit: Unit, resources: Sequence[Json], origin: str = "client", *, is_fresh: bool, actors: Sequence[Actor] = ()
) -> list[Stored | None]:
    """
    Create valid resources; None where the id exists already.

    `is_fresh` says that the ids were drawn at random just now; `actors` whose each is, when they are not the unit's.
    """
    now = unit.now
    fresh = [owner for r in resources if (owner := _own_key(r)) and is_fresh]
    root, wrapped = await unit.keys.draw(fresh)
    owners = await _key_owners(unit, resources)
    contents = [text.dumps(with_meta(r, 1, now)) for r in resources]
    await _let_others(resources)
    places = [cell(r["resourceType"], r["id"], 1) for r in resources]
    sealed = await unit.seal_all(list(zip(owners, places, contents, strict=True)))
    new_patients = [fresh, [root] * len(fresh), wrapped]
    columns = [[r["resourceType"] for r in resources], [r["id"] for r in resources], owners, sealed]
    index = IndexRows(unit, await _indexes(unit, resources, contents))
    columns += [index.present, index.ranges, *listed(index.tokens)]
    found = await unit.raw.fetch(
        INSERT, unit.actor.tenant_id, now, origin, *new_patients, *columns, *index.arrays, author_of(unit.actor)
    )
    rows = {record["n"]: record["row"] for record in found}
    created: list[Stored | None] = []
    for number, (resource, owner, content) in enumerate(zip(resources, owners, contents, strict=True)):
        row = rows.get(number + 1)
        if row is None:
            created.append(None)
            continue
        type_, id_ = resource["resourceType"], resource["id"]
        stored = Stored(type_, id_, 1, now, content, False, owner, row, origin, is_new=True, is_changed=True)
        _audit(unit, actors[number] if actors else unit.actor, "C", stored)
        if type_ == "Consent":
            await write_rules(unit, stored, resource)
        created.append(stored)
    return created


async def _indexes(unit: Unit, resources: Sequence[Json], contents: Sequence[bytes]) -> list[Index]:
    found: list[Index] = []
    for begin in range(0, len(resources), AT_ONCE):
        await _let_others(resources)
        portion = slice(begin, begin + AT_ONCE)
        found += [index_of(r, unit.fhir_base, c) for r, c in zip(resources[portion], contents[portion], strict=True)]
    return found


async def _let_others(resources: Sequence[Json]) -> None:
    """Let other requests have the event loop while many resources are made ready: 2,000 take 0.2 s."""
    if len(resources) > AT_ONCE:
        await asyncio.sleep(0)


async def replace_all(
    unit: Unit, changes: Sequence[tuple[Json, Stored]], origin: str = "client", actors: Sequence[Actor] = ()
) -> list[Stored]:
    """Give (resource, its current version, locked) a new version each, or the current one where only meta would change.

    Raises BusinessRule when a resource would move to another patient.
    """
    saved = [current for _, current in changes]
    differing = [
        n for n, (resource, current) in enumerate(changes)
        if current.deleted or not says_the_same(resource, text.loads(current.content))
    ]  # fmt: skip
    owners = await _key_owners(unit, [changes[n][0] for n in differing])
    values = []
    for n, owner in zip(differing, owners, strict=True):
        resource, current = changes[n]
        if current.patient_id is not None and owner != current.patient_id:
            raise BusinessRule("a resource stays with its patient; delete it and create another")
        saved[n] = _next_version(unit, resource, current, owner)
        place = cell(current.type, current.id, saved[n].version)
        values.append((owner, place, saved[n].content))
    sealed = await unit.seal_all(values)
    if differing:
        index = IndexRows(unit, [index_of(changes[n][0], unit.fhir_base, saved[n].content) for n in differing])
        versions = Versions(owners, sealed, index.present, index)
        await supersede(unit, origin, [changes[n][1] for n in differing], versions)
    for n in differing:
        _audit(unit, actors[n] if actors else unit.actor, "U", saved[n])
        if saved[n].type == "Consent":
            await write_rules(unit, saved[n], changes[n][0])
    return saved


@dataclass(frozen=True, slots=True)
class Versions:
    """What comes in place of some resources, each list in their order."""

    owners: Sequence[UUID | None]
    sealed: Sequence[bytes | None]
    """None deletes."""
    present: Sequence[bytes | None]
    index: IndexRows


async def supersede(unit: Unit, origin: str, current: Sequence[Stored], to: Versions) -> None:
    """Write the next version of resources that are locked, and of their index rows those that differ."""
    had = await tokens_of(unit, [(each.row, each.indexed) for each in current])
    are_ranges_same = [each.indexed and each.indexed.ranges for each in current] == to.index.ranges
    rows = ([each.row for each in current], [each.version + 1 for each in current], to.owners, to.sealed)
    await unit.raw.execute(
        SUPERSEDE_TOKENS if are_ranges_same else SUPERSEDE,
        unit.actor.tenant_id, unit.now, origin, author_of(unit.actor), *rows, to.present, to.index.ranges,
        *changed(had, to.index.tokens), *([] if are_ranges_same else to.index.arrays),
    )  # fmt: skip


def _next_version(unit: Unit, resource: Json, current: Stored, owner: UUID | None) -> Stored:
    version = current.version + 1
    return replace(
        current, version=version, updated_at=unit.now, content=text.dumps(with_meta(resource, version, unit.now)),
        deleted=False, patient_id=owner, is_new=current.deleted, is_changed=True, indexed=None,
    )  # fmt: skip


async def _key_owners(unit: Unit, resources: Sequence[Json]) -> list[UUID | None]:
    """Give the patients whose keys seal the resources; a patient that only FHIR knows gets a key here."""
    owners = [key_owner(patient_id_of(r, unit.fhir_base)) for r in resources]
    known = await load_keys(unit, owners)
    for owner in dict.fromkeys(owners):
        if owner is not None and owner not in known:
            await _make_key(unit, owner)
    return owners


async def _make_key(unit: Unit, owner: UUID) -> None:
    sql = (
        "insert into patient (tenant_id, id, lang, created_at, updated_at) values ($1, $2, 'en', $3, $3)"
        " on conflict do nothing returning id"
    )
    if await unit.raw.fetchval(sql, unit.actor.tenant_id, owner, unit.now):
        await unit.keys.create_patient(owner, unit.now)
        return
    rows = await unit.raw.fetch(KEY_ROWS, unit.actor.tenant_id, owner)  # of another writer, or of an erased patient
    await unit.keys.adopt(owner, [tuple(row) for row in rows])


def _own_key(resource: Json) -> UUID | None:
    """The key that a new Patient brings."""
    return key_owner(resource["id"]) if resource["resourceType"] == "Patient" else None


def _audit(unit: Unit, actor: Actor, action: str, stored: Stored) -> None:
    unit.audit.record_of(actor, action, stored.type, entity_id=stored.id, patient_id=stored.patient_id)
