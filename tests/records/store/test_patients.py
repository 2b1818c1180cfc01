"""records/README.md "Using the store": patients are sealed column by column and found by blind index."""

from dataclasses import fields, replace
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from records.errors import AccessDenied, CannotOpen, NotFound
from records.store.database import Database
from records.store.patients import IDENTITY_SYSTEM, Identifier, NewPatient
from records.store.tables import metadata, patient

from .conftest import SYSTEM, WANG, Store, patient_of

LI = NewPatient("Li Bo Smith", "1990", "male", "+4420 7946 0958", "AB-12 34", "London", "en")


def known(found: NewPatient) -> NewPatient:
    return NewPatient(**{each.name: getattr(found, each.name) for each in fields(NewPatient)})


class TestIdentity:
    """What goes in comes out, for those who may read it."""

    @pytest.mark.parametrize("new", [WANG, LI, NewPatient("Zoë")])
    async def test_round_trip(self, store: Store, new: NewPatient) -> None:
        patient_id = await store.patient(new)
        async with store.database.unit(SYSTEM) as unit:
            assert known(await unit.patients.get(patient_id)) == new

    async def test_update_replaces_everything(self, store: Store) -> None:
        patient_id = await store.patient(WANG)
        async with store.database.unit(SYSTEM) as unit:
            await unit.patients.update(patient_id, LI)
            found = await unit.patients.get(patient_id)
            assert (known(found), found.version) == (LI, 2)
            assert await unit.patients.find_by_phone("13800138000") == []

    async def test_unknown_patient_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(uuid4())

    async def test_patient_reads_own_identity_only(self, store: Store) -> None:
        mine, other = await store.visit(), await store.visit()
        async with store.database.unit(patient_of(mine)) as unit:
            assert (await unit.patients.get(mine.patient_id)).name == WANG.name
        with pytest.raises(AccessDenied):
            async with store.database.unit(patient_of(mine)) as unit:
                await unit.patients.get(other.patient_id)

    async def test_another_process_reads_it(self, store: Store) -> None:
        patient_id = await store.patient()
        other: Database = await store.reopen()
        async with other.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == WANG.name
        await other.close()

    def test_repr_shows_no_name(self) -> None:
        assert "王" not in repr(WANG)


class TestSearch:
    """By identifier, phone and name, however written; never a stranger who shares the token."""

    @pytest.mark.parametrize(("system", "value"), [
        (None, "11010119530721002X"), (IDENTITY_SYSTEM, "110101 19530721 002x"), (None, "mrn42"),
        ("urn:oid:1.2.3", "MRN-42"),
    ])  # fmt: skip
    async def test_identifier(self, store: Store, system: str | None, value: str) -> None:
        patient_id = await store.patient()
        await store.patient(LI)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_identifier(system, value) == [patient_id]

    async def test_identifier_of_another_system_is_not_found(self, store: Store) -> None:
        await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_identifier("urn:oid:9.9.9", "MRN-42") == []

    @pytest.mark.parametrize("phone", ["13800138000", "+86 138 0013 8000", "8000"])
    async def test_phone(self, store: Store, phone: str) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_phone(phone) == [patient_id]

    @pytest.mark.parametrize(("prefix", "is_found"), [
        ("li", True), ("SMI", True), ("bo", True), ("li bo smith", True), ("smithe", False), ("o", False),
    ])  # fmt: skip
    async def test_name(self, store: Store, prefix: str, is_found: bool) -> None:
        patient_id = await store.patient(LI)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_name(prefix) == ([patient_id] if is_found else [])

    async def test_token_of_a_stranger_is_not_an_answer(self, store: Store) -> None:
        """Thousands of identifiers over 14 bits: some share a token, none is answered for another."""
        ids = {}
        async with store.database.unit(SYSTEM) as unit:
            for number in range(300):
                new = NewPatient("A", identifiers=(Identifier("urn:x", f"N{number}"),))
                ids[number] = await unit.patients.create(new)
        async with store.database.unit(SYSTEM) as unit:
            for number in range(0, 300, 30):
                assert await unit.patients.find_by_identifier("urn:x", f"N{number}") == [ids[number]]


class TestBoundToItsRow:
    """The database's owner may move bytes about; they open nowhere else."""

    async def test_column_moved_to_another_column_is_refused(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            await unit.connection.execute(update(patient).values(address=patient.c.name))
        with pytest.raises(CannotOpen):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)

    async def test_column_moved_to_another_patient_is_refused(self, store: Store) -> None:
        first, second = await store.patient(), await store.patient(replace(WANG, name="李四"))
        async with store.database.unit(SYSTEM) as unit:
            name = (await unit.connection.execute(select(patient.c.name).where(patient.c.id == first))).scalar_one()
            await unit.connection.execute(update(patient).where(patient.c.id == second).values(name=name))
        with pytest.raises(CannotOpen):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(second)


class TestNothingInTheClear:
    """No canary in any column of any table, as text or as bytes."""

    async def test_no_table_holds_a_canary(self, store: Store) -> None:
        canaries = ("王小明", "1953-07-21", "13800138000", "138 0013 8000", "11010119530721002", "东城区", "MRN-42")
        await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            rows = [
                str(row)
                for name in metadata.tables
                for row in (await unit.connection.execute(text(f"select t::text from {name} t"))).scalars()
            ]
        dump = "\n".join(rows)
        encoded = [form for canary in canaries for form in (canary, canary.encode().hex())]
        assert [form for form in encoded if form in dump] == []
        assert len(rows) > 5
