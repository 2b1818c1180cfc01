"""Index rows of FHIR resources: written with their resource, changed no more than needed, gone with it."""

from collections.abc import Set as AbstractSet
from typing import Any
from uuid import uuid4

import pytest

from records.store.resource_rows import LOCKED, Stored, opened
from records.store.resource_writes import replace_all
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

    @pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "looked up"])
    async def test_they_go_with_a_resource_whose_row_is_deleted(self, store: Store, is_listed: bool) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row, other = await _saved(unit, EVENT, id="o1"), await _saved(unit, EVENT, id="o2")
            if not is_listed:
                await _written_by_the_program_before(unit, row)
            await unit.raw.execute("delete from resource where row = $1", row)
            assert not await _index(unit, row)
            assert await _index(unit, other)


class TestLists:
    """A resource lists its rows of resource_token, and a digest of the others: an update looks nothing up."""

    @pytest.mark.parametrize("resource", [NAMES, EVENT], ids=["Patient", "Observation"])
    async def test_a_list_is_what_is_there(self, store: Store, resource: dict[str, Any]) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, resource, id="r1")
            assert await _listed(unit, row) == await _tokens(unit, row) != set()
            await _saved(unit, resource, id="r1", language="de")
            assert await _listed(unit, row) == await _tokens(unit, row)
            await unit.resources.delete(resource["resourceType"], "r1", Write())
            assert await _listed(unit, row) == await _tokens(unit, row) == set()

    async def test_a_version_of_the_program_before_is_looked_up(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, NAMES, id="p1")
            await _written_by_the_program_before(unit, row)
            await _saved(unit, NAMES, id="p1", birthDate="1954-07-21")
            fresh = await _saved(unit, NAMES, id="p2", birthDate="1954-07-21")
            assert await _tokens(unit, row) == await _tokens(unit, fresh) == await _listed(unit, row)

    @pytest.mark.parametrize("when", ["2026-11-22", "2025"], ids=["same", "other"])
    async def test_dates_and_numbers_are_written_when_they_differ(self, store: Store, when: str) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, EVENT, id="o1")
            before = await _index(unit, row)
            await _saved(unit, EVENT, id="o1", effectiveDateTime=when, language="de")
            after = await _index(unit, row)
        dates = {each for each in before ^ after if each[0].startswith("resource_date")}
        assert bool(dates) is (when == "2025")

    async def test_one_statement_serves_resources_whose_dates_differ_and_others(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            ids = ["o1", "o2"]
            rows = [await _saved(unit, EVENT, id=each) for each in ids]
            current = [await _current(unit, each) for each in ids]
            wanted = [{**EVENT, "id": "o1", "language": "de"}, {**EVENT, "id": "o2", "effectiveDateTime": "2025"}]
            await replace_all(unit, list(zip(wanted, current, strict=True)))
            fresh = [await _saved(unit, {**each, "id": f"fresh {each['id']}"}) for each in wanted]
            for row, same in zip(rows, fresh, strict=True):
                assert await _said(unit, row) == await _said(unit, same)


async def _said(unit: Unit, row: int) -> AbstractSet[str]:
    return {text.replace(f"{row})", "") for _, text in await _index(unit, row)}


async def _current(unit: Unit, id_: str) -> Stored:
    return await opened(unit, await unit.raw.fetchrow(LOCKED, unit.actor.tenant_id, "Observation", id_))


async def _tokens(unit: Unit, row: int) -> set[bytes]:
    return {r["token"] for r in await unit.raw.fetch("select token from resource_token where row = $1", row)}


async def _listed(unit: Unit, row: int) -> set[bytes]:
    sql = "select unnest(tokens) as token from resource where row = $1 and tokens_of = version"
    return {r["token"] for r in await unit.raw.fetch(sql, row)}


async def _written_by_the_program_before(unit: Unit, row: int) -> None:
    """It makes a version and leaves the list as it was, of the version before."""
    await unit.raw.execute("update resource set tokens_of = version - 1, tokens = '{x}' where row = $1", row)


def _valid(resource: dict[str, Any]) -> dict[str, Any]:
    """What the type needs at least, and says something else."""
    return {"gender": "male"} if resource["resourceType"] == "Patient" else {**EVENT, "effectiveDateTime": "2020"}
