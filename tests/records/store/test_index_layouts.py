"""records/fhir/README.md "Index rows": two layouts, and how an installation comes from the first to the second."""

from typing import Any
from uuid import uuid4

import pytest

from records.erasure import ErasureBasis
from records.fhir.query import Access, Clause, Grant, Present, Query, Strings
from records.store.pages import Page
from records.store.resources import Write
from records.store.rotation import SETTLED_AFTER, Rotation
from records.store.unit import Unit
from tests.records.store.conftest import SYSTEM, Store, use_first_layout

pytestmark = pytest.mark.oldest_postgres

ALL = Access("client-1", {"Patient": (Grant(frozenset("cruds")),)})
FAMILY, TEXT = "Patient.name.family", "Patient.name.text"
LONG = "Wolfeschlegelsteinhausen"


async def _saved(unit: Unit, id_: str, **more: Any) -> int:
    return (await unit.resources.save({"resourceType": "Patient", "id": id_, **more}, Write())).row


async def _found(unit: Unit, *where: Clause) -> set[str]:
    found = await unit.resources.search(ALL, [Query("Patient", where)], Page("client-1"))
    return {stored.id for stored in found.matches}


async def _rows(unit: Unit, row: int) -> list[bytes]:
    return [r["token"] for r in await unit.raw.fetch("select token from resource_token where row = $1", row)]


class TestOneRowAString:
    """The second layout: a string is one row, which shows its length in steps of four letters."""

    @pytest.mark.parametrize(
        ("text", "found"),
        [("w", True), ("wolf", True), ("wolfeschlege", True), (LONG.lower(), True), ("x", False), ("wolg", False),
         ("wolfeschlegx", False), ("wolfeschlegel", False), (LONG.lower() + "s", False), ("", False)],
    )  # fmt: skip
    async def test_beginnings_of_12_letters_and_the_whole_find_it(self, store: Store, text: str, found: bool) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await _saved(unit, "p1", name=[{"family": LONG}])
            assert (await _found(unit, Strings(((FAMILY, text),))) == {"p1"}) is found

    @pytest.mark.parametrize(("text", "found"), [("Ли", True), ("ли", False), ("Ли ", False)])
    async def test_exact_asks_for_every_letter_as_it_was_written(self, store: Store, text: str, found: bool) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await _saved(unit, "p1", name=[{"family": "Ли"}])
            assert (await _found(unit, Strings(((FAMILY, text),), is_exact=True)) == {"p1"}) is found

    async def test_a_name_is_one_row(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            assert len(await _rows(unit, await _saved(unit, "p1", name=[{"family": LONG}]))) == 1

    async def test_words_of_a_text_are_beginnings(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await _saved(unit, "p1", name=[{"text": "Anna Maria Lopez"}])
            for text in ("anna m", "maria", "lop"):
                assert await _found(unit, Strings(((TEXT, text),))) == {"p1"}

    async def test_lengths_show_in_steps_of_four(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            names = ["王", "王小", "王小明", "王小明大", "王小明大山"]
            rows = [await _rows(unit, await _saved(unit, str(uuid4()), name=[{"family": n}])) for n in names]
        lengths = [len(row) for (row,) in rows]
        assert lengths == [lengths[0]] * 4 + [lengths[0] + 32]


class TestFromTheFirstToTheSecond:
    """`keys rotate index`, `keys retire index`: searched by both until the last row is written anew."""

    async def test_found_before_between_and_after(self, store: Store) -> None:
        await use_first_layout(store.database)
        named, has_name = Strings(((FAMILY, "wol"),)), Present((FAMILY,))

        async def check(*ids: str) -> None:
            async with store.database.unit(SYSTEM) as unit:
                assert await _found(unit, named) == await _found(unit, has_name) == set(ids)
                assert await _found(unit, Present((FAMILY,), is_negated=True)) == {"q"}

        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, "p1", name=[{"family": LONG}])
            await _saved(unit, "q", gender="male")
            assert len(await _rows(unit, row)) == 15  # 12 beginnings, the whole, as written, that there is one
        await check("p1")
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("index_key")
        await check("p1")
        async with store.database.unit(SYSTEM) as unit:
            await _saved(unit, "p2", name=[{"family": LONG}])
        await check("p1", "p2")
        assert (await rotation.sweep_index()).left == 0
        await check("p1", "p2")
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire("index_key") == 1
        await check("p1", "p2")
        async with store.database.unit(SYSTEM) as unit:
            assert [r[0] for r in await _rows(unit, row)] == [2]

    async def test_a_second_rotation_leaves_marks_of_the_newest_key_only(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await _saved(unit, "p1", name=[{"family": LONG}])
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("index_key")
        assert (await rotation.sweep_index()).done == 1
        assert (await rotation.sweep_index()).done == 0
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        await rotation.retire("index_key")
        async with store.database.unit(SYSTEM) as unit:
            marks = await unit.raw.fetchval("select present from resource where id = 'p1'")
            assert {marks[n] for n in range(0, len(marks), 8)} == {2}
            assert {t[0] for t in await unit.raw.fetchval("select tokens from resource where id = 'p1'")} == {2}
            assert await _found(unit, Present((FAMILY,))) == {"p1"}


class TestEnd:
    """Marks go with what they tell of."""

    async def test_a_deleted_resource_has_none(self, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, "p1", gender="male")
            await unit.resources.delete("Patient", "p1", Write())
            assert await unit.raw.fetchval("select present from resource where row = $1", row) is None

    async def test_an_erased_patient_has_none_and_is_not_behind(self, store: Store) -> None:
        id_ = uuid4()
        async with store.database.unit(SYSTEM) as unit:
            row = await _saved(unit, str(id_), gender="male")
            await unit.erasures.erase(id_, ErasureBasis.GDPR_ARTICLE_17)
            kept = await unit.raw.fetchrow("select present, tokens, ranges from resource where row = $1", row)
            assert tuple(kept) == (None, [], None)
            assert await _rows(unit, row) == []
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("index_key")
        assert (await rotation.sweep_index()).left == 0
