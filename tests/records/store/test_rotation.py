"""records/README.md "Rotation": every key level, online, with no failed read."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from records.classes import DataClass, columns_of
from records.erasure import ErasureBasis
from records.errors import CannotOpen, KeyDestroyed, NotFound
from records.store.accounts import NewAccount
from records.store.database import Database
from records.store.key_file import drop_old_keys, load_keyring, rotate_key_file
from records.store.rotation import SETTLED_AFTER, Rotation, Step
from records.store.sealed_cells import SEALED_TABLES
from records.store.visits import Place

from .conftest import SYSTEM, WANG, Store


async def filled(store: Store) -> UUID:
    """A patient with something in every kind of row."""
    visit = await store.visit()
    async with store.database.unit(SYSTEM) as unit:
        await unit.visits.set_place(visit.id, Place("here", "1", "2", "3", "4"))
        await unit.intakes.put(visit.id, {"complaint": "cough"}, final=True)
        await unit.triage_notes.append(visit.id, {"level": "urgent"})
        await unit.notes.put_draft(visit.id, {"plan": "rest"}, 0)
        for key in ("1", "2"):
            await unit.chat.append(visit.id, seat="s_1", role="patient", text=key, key=key, at=store.clock.now())
    return visit.patient_id


async def versions_in_use(store: Store) -> set[int]:
    """The key versions in the headers of a patient's sealed values."""
    found = set()
    async with store.database.unit(SYSTEM) as unit:
        for sealed in SEALED_TABLES:
            for column in sealed.columns if sealed.patient is not None else []:
                versions = f"select substring({column} from 4 for 4) from {sealed.table.name}"
                rows = await unit.connection.execute(text(f"{versions} where {column} is not null"))
                found |= {int.from_bytes(each) for each in rows.scalars()}
    return found


class TestSealedCells:
    """No sealed column is forgotten by a rotation."""

    def test_every_sealed_table_is_listed(self) -> None:
        classified = {table for each in (DataClass.SEALED, DataClass.GRADED) for table, _ in columns_of(each)}
        assert {sealed.table.name for sealed in SEALED_TABLES} == classified


class TestKeyEncryptionKey:
    """A new KEK wraps three rows a tenant; nothing else is touched."""

    async def test_reads_go_on_before_between_and_after(self, store: Store) -> None:
        patient_id = await filled(store)
        rotate_key_file(store.key_file)
        serving = store.database  # a process that loaded the old file
        rotating = Database(store.database.engine, load_keyring(store.key_file), store.clock)
        assert (await Rotation(rotating, SYSTEM).rewrap()).done == 3
        for database in (serving, rotating):
            database.keyring.cache.forget()
            async with database.unit(SYSTEM) as unit:
                assert (await unit.patients.get(patient_id)).name == WANG.name
        drop_old_keys(store.key_file)
        fresh = await store.reopen()
        async with fresh.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == WANG.name
        await fresh.close()

    async def test_second_run_has_nothing_to_do(self, store: Store) -> None:
        assert await Rotation(store.database, SYSTEM).rewrap() == Step(0, 0)


class TestTenantKey:
    """A new tenant key takes over patient keys in batches; the old one goes when nothing needs it."""

    async def test_sweep_then_retire(self, store: Store) -> None:
        patients = [await store.patient() for _ in range(3)]
        async with store.database.unit(SYSTEM) as unit:
            await unit.accounts.create(NewAccount("a@b.c", "Dr A", None, "doctor", "hash"))
        rotation = Rotation(store.database, SYSTEM)
        assert await rotation.add("tenant_key") == 2
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire("tenant_key") == 0  # still needed
        assert await rotation.sweep_tenant() == Step(4, 0)
        assert await rotation.sweep_tenant() == Step(0, 0)
        assert await rotation.retire("tenant_key") == 1
        other = await store.reopen()
        async with other.unit(SYSTEM) as unit:
            assert [(await unit.patients.get(each)).name for each in patients] == [WANG.name] * 3
            assert await unit.accounts.by_email("a@b.c") is not None
        await other.close()

    async def test_not_retired_while_another_process_may_hold_it(self, store: Store) -> None:
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("tenant_key")
        await rotation.sweep_tenant()
        assert await rotation.retire("tenant_key") == 0

    async def test_signing_keys_stay(self, store: Store) -> None:
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("signing_key")
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire("signing_key") == 0


class TestPatientKey:
    """A new data key seals everything of the patient anew."""

    async def test_every_sealed_value_moves(self, store: Store) -> None:
        patient_id = await filled(store)
        await Rotation(store.database, SYSTEM).rotate_patient(patient_id)
        assert await versions_in_use(store) == {2}

    async def test_nobody_and_an_erased_patient_get_no_key(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.erase(patient_id, ErasureBasis.GDPR_ARTICLE_17)
        for nobody, error in ((uuid4(), NotFound), (patient_id, KeyDestroyed)):
            with pytest.raises(error):
                await Rotation(store.database, SYSTEM).rotate_patient(nobody)

    async def test_another_process_with_the_old_key_cached_reads_on(self, store: Store) -> None:
        patient_id = await filled(store)
        other = await store.reopen()
        async with other.unit(SYSTEM) as unit:
            await unit.patients.get(patient_id)
        await Rotation(store.database, SYSTEM).rotate_patient(patient_id)
        async with other.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == WANG.name
        await other.close()

    async def test_retired_when_settled_and_swept(self, store: Store) -> None:
        patient_id = await filled(store)
        rotation = Rotation(store.database, SYSTEM)
        await rotation.rotate_patient(patient_id)
        assert await rotation.retire_patient(patient_id) == 0
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire_patient(patient_id) == 1
        async with store.database.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name == WANG.name

    async def test_what_a_late_writer_sealed_with_the_old_key_is_swept_first(self, store: Store) -> None:
        patient_id = await filled(store)
        late = await store.reopen()
        async with late.unit(SYSTEM) as unit:
            await unit.patients.get(patient_id)
        rotation = Rotation(store.database, SYSTEM)
        await rotation.rotate_patient(patient_id)
        async with late.unit(SYSTEM) as unit:
            await unit.patients.update(patient_id, WANG)
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire_patient(patient_id) == 0
        await rotation.sweep_patient(patient_id)
        assert await rotation.retire_patient(patient_id) == 1
        await late.close()

    async def test_no_read_fails_under_load_whichever_level_rotates(self, store: Store) -> None:
        patient_id = await filled(store)
        done = asyncio.Event()

        async def read() -> int:
            count = 0
            while not done.is_set():
                async with store.database.unit(SYSTEM) as unit:
                    assert (await unit.patients.get(patient_id)).name == WANG.name
                    assert await unit.patients.find_by_phone("13800138000") == [patient_id]
                count += 1
            return count

        readers = [asyncio.create_task(read()) for _ in range(4)]
        rotation = Rotation(store.database, SYSTEM)
        for _ in range(3):
            rotate_key_file(store.key_file)
            await rotation.rewrap()
            await rotation.rotate_patient(patient_id)
            await rotation.sweep_patient(patient_id)
            await rotation.add("tenant_key")
            await rotation.sweep_tenant()
            await rotation.add("index_key")
            await rotation.sweep_index()
        done.set()
        assert all(count > 0 for count in await asyncio.gather(*readers))


class TestIndexKey:
    """Two keys are searched until every row is written under the newest."""

    async def test_found_before_between_and_after(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            account_id = await unit.accounts.create(NewAccount("a@b.c", "Dr A", None, "doctor", "hash"))
        other = await store.reopen()
        async with other.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_phone("13800138000") == [patient_id]
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("index_key")
        newcomer = await store.patient()
        for step in (rotation.sweep_index, rotation.sweep_index):
            for database in (store.database, other):
                async with database.unit(SYSTEM) as unit:
                    assert set(await unit.patients.find_by_phone("13800138000")) == {patient_id, newcomer}
            left = (await step()).left
        assert left == 0
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire("index_key") == 1
        async with store.database.unit(SYSTEM) as unit:
            assert set(await unit.patients.find_by_phone("13800138000")) == {patient_id, newcomer}
            found = await unit.accounts.by_email("a@b.c")
            assert found is not None and found.id == account_id
            old = "select count(*) from patient_index where key_version = 1"
            assert (await unit.connection.execute(text(old))).scalar() == 0
        await other.close()


class TestDestroyedMeansGone:
    """What was sealed with a destroyed version does not open: the copy in a backup is worth nothing."""

    async def test_value_of_a_retired_version(self, store: Store) -> None:
        patient_id = await filled(store)
        async with store.database.unit(SYSTEM) as unit:
            stolen = (await unit.connection.execute(text("select name from patient"))).scalar_one()
        rotation = Rotation(store.database, SYSTEM)
        await rotation.rotate_patient(patient_id)
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        await rotation.retire_patient(patient_id)
        with pytest.raises(CannotOpen):
            async with store.database.unit(SYSTEM) as unit:
                await unit.connection.execute(text("update patient set name = :name"), {"name": stolen})
                await unit.patients.get(patient_id)
