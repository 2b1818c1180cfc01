"""Index rows of FHIR resources: written with their resource, changed no more than needed, gone with it."""

from collections.abc import Set as AbstractSet
from typing import Any
from uuid import uuid4

import pytest

from records.store.resources import Write
from records.store.unit import Unit
from tests.records.store.conftest import SYSTEM, Store

NAMES = {"resourceType": "Patient", "name": [{"family": "王", "given": ["小明"]}], "birthDate": "1953-07-21"}
EVENT = {
    "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "urn:x", "code": "hr"}]},
    "effectiveDateTime": "2026-11-22", "valueQuantity": {"value": 80, "unit": "/min"},
}  # fmt: skip
TABLES = ("resource_token", "resource_date", "resource_reference", "resource_quantity")


async def _saved(unit: Unit, resource: dict[str, Any], **changes: Any) -> int:
    return (await unit.resources.save({**resource, **changes}, Write())).row


async def _index(unit: Unit, row: int) -> AbstractSet[tuple[str, str]]:
    """Each index row as (where it lies on disk, what it says), the disk part changing when a row is written anew."""
    found: set[tuple[str, str]] = set()
    for table in TABLES:
        sql = f"select ctid::text, x::text from {table} x where row = $1"
        found |= {(table + r[0], r[1]) for r in await unit.raw.fetch(sql, row)}
    return found


class TestIndexRows:
    async def test_an_update_writes_only_the_rows_that_differ(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            id_ = str(uuid4())
            row = await _saved(unit, NAMES, id=id_)
            before = await _index(unit, row)
            await _saved(unit, NAMES, id=id_, birthDate="1954-07-21")
            after = await _index(unit, row)
        assert len(before - after) == 3  # year, month and day of birth
        assert len(after - before) == 3

    @pytest.mark.parametrize("resource", [NAMES, EVENT], ids=["Patient", "Observation"])
    async def test_an_update_leaves_what_a_creation_of_the_same_would(
        self, store: Store, resource: dict[str, Any]
    ) -> None:
        async with store.database.unit(SYSTEM) as unit:
            changed = await _saved(unit, {"resourceType": resource["resourceType"], **_valid(resource)}, id="changed")
            assert changed == await _saved(unit, resource, id="changed")
            fresh = await _saved(unit, resource, id="fresh")
            kept, made = [
                {text.replace(f"{row})", "") for _, text in await _index(unit, row)} for row in (changed, fresh)
            ]
        assert kept == made

    async def test_a_deletion_takes_them_all(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, EVENT, id="o1")
            assert await _index(unit, row)
            await unit.resources.delete("Observation", "o1", Write())
            assert not await _index(unit, row)

    async def test_they_go_with_a_resource_whose_row_is_deleted(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row, other = await _saved(unit, EVENT, id="o1"), await _saved(unit, EVENT, id="o2")
            await unit.raw.execute("delete from resource where row = $1", row)
            assert not await _index(unit, row)
            assert await _index(unit, other)


def _valid(resource: dict[str, Any]) -> dict[str, Any]:
    """What the type needs at least, and says something else."""
    return {"gender": "male"} if resource["resourceType"] == "Patient" else {**EVENT, "effectiveDateTime": "2020"}
