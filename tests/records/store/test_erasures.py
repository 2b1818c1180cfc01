"""records/README.md "Erasure": a patient's keys are destroyed once, with a receipt, when nothing forbids it."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from records.erasure import ErasureBasis
from records.errors import AccessDenied, CannotOpen, KeyDestroyed, LegalHold, NotFound, RetentionNotOver
from records.store.audit_log import verify
from records.store.database import DEFAULT_TENANT
from records.store.erasure_watch import ErasureWatch
from records.store.rotation import SETTLED_AFTER, Rotation

from .conftest import SYSTEM, Store, doctor

pytestmark = pytest.mark.oldest_postgres

FIFTEEN_YEARS_S = timedelta(days=15 * 366).total_seconds()


async def erase(store: Store, patient_id: UUID, basis: ErasureBasis = ErasureBasis.RETENTION_OVER) -> None:
    async with store.database.unit(SYSTEM) as unit:
        await unit.erasures.erase(patient_id, basis)


class TestOtherProcesses:
    """A process that had the patient's key in its cache lets it go at its next look."""

    async def test_cached_key_is_forgotten(self, store: Store) -> None:
        patient_id = await store.patient()
        other = await store.reopen()
        watch = ErasureWatch(other, SYSTEM)
        assert await watch.look() == 0
        async with other.unit(SYSTEM) as unit:
            await unit.patients.get(patient_id)
        await erase(store, patient_id, ErasureBasis.GDPR_ARTICLE_17)
        assert [await watch.look(), await watch.look()] == [1, 0]
        with pytest.raises(KeyDestroyed):
            async with other.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)
        await other.close()


class TestWhatRemains:
    """A wrapped key in an old backup, in WAL or in a dead row outlives an erasure; a new tenant key ends it."""

    async def test_a_stolen_key_row_opens_until_the_tenant_key_is_rotated_and_retired(self, store: Store) -> None:
        visit = await store.visit()
        patient_id = visit.patient_id
        async with store.database.unit(SYSTEM) as unit:
            (row,) = (await unit.connection.execute(text("select * from patient_key"))).mappings()
        await erase(store, patient_id, ErasureBasis.GDPR_ARTICLE_17)
        await self._put_back(store, dict(row))
        async with store.database.unit(SYSTEM) as unit:
            assert (await unit.patients.get(patient_id)).name  # so key copies must expire, as the README says
            await unit.connection.execute(text("delete from patient_key"))
        rotation = Rotation(store.database, SYSTEM)
        await rotation.add("tenant_key")
        await rotation.sweep_tenant()
        store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
        assert await rotation.retire("tenant_key") == 1
        await self._put_back(store, dict(row))
        store.database.keyring.cache.forget()
        with pytest.raises(CannotOpen):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)

    async def _put_back(self, store: Store, row: dict[str, object]) -> None:
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        async with store.database.unit(SYSTEM) as unit:
            await unit.connection.execute(text(f"insert into patient_key ({columns}) values ({values})"), row)


class TestRefusals:
    """Not before the term, not under a hold, not by just anyone."""

    async def test_before_the_term_ends(self, store: Store) -> None:
        visit = await store.visit("completed")
        with pytest.raises(RetentionNotOver) as caught:
            await erase(store, visit.patient_id)
        assert caught.value.until == "2041-11-22"

    async def test_under_a_hold_even_after_the_term(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            hold_id = await unit.erasures.hold(patient_id, "court order 42")
        store.clock.advance(FIFTEEN_YEARS_S)
        with pytest.raises(LegalHold):
            await erase(store, patient_id)
        async with store.database.unit(SYSTEM) as unit:
            assert [hold.id for hold in await unit.erasures.holds(patient_id)] == [hold_id]
            await unit.erasures.lift(hold_id)
        await erase(store, patient_id)

    async def test_practitioner_may_not(self, store: Store) -> None:
        patient_id = await store.patient()
        with pytest.raises(AccessDenied):
            async with store.database.unit(doctor()) as unit:
                await unit.erasures.erase(patient_id, ErasureBasis.GDPR_ARTICLE_17)

    async def test_unknown_patient_and_hold(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await erase(store, uuid4())
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.erasures.lift(uuid4())


class TestErased:
    """Nothing can be read, found or erased again; the chain and the receipt stay."""

    async def erased(self, store: Store) -> UUID:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.intakes.put(visit.id, {"complaint": "cough"}, final=True)
        await erase(store, visit.patient_id, ErasureBasis.GDPR_ARTICLE_17)
        return visit.patient_id

    async def test_identity_and_documents_are_unreadable(self, store: Store) -> None:
        patient_id = await self.erased(store)
        with pytest.raises(KeyDestroyed):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)
        with pytest.raises(KeyDestroyed):
            async with store.database.unit(SYSTEM) as unit:
                await unit.intakes.get((await unit.visits.of_patient(patient_id))[0].id)

    async def test_not_found_by_search_and_left_out_of_lists(self, store: Store) -> None:
        patient_id = await self.erased(store)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_phone("13800138000") == []
            assert await unit.patients.of_queue([patient_id]) == {}

    async def test_no_key_and_no_index_row_is_left(self, store: Store) -> None:
        await self.erased(store)
        async with store.database.unit(SYSTEM) as unit:
            for table in ("patient_key", "patient_index"):
                assert (await unit.connection.execute(text(f"select count(*) from {table}"))).scalar() == 0

    async def test_receipt_is_signed(self, store: Store) -> None:
        patient_id = await self.erased(store)
        async with store.database.unit(SYSTEM) as unit:
            message, is_ours = await unit.erasures.receipt(patient_id)
        assert is_ours and str(patient_id) in message.decode()

    async def test_forged_receipt_is_told(self, store: Store) -> None:
        await self.erased(store)
        other = await store.patient()
        copy = "insert into erasure select tenant_id, gen_random_uuid(), :other, erased_at, basis, :forged from erasure"
        async with store.database.unit(SYSTEM) as unit:
            stored = (await unit.connection.execute(text("select receipt from erasure"))).scalar_one()
            forged = json.dumps({**stored, "signature": "00" * 64})
            await unit.connection.execute(text(copy), {"other": other, "forged": forged})
            assert (await unit.erasures.receipt(other))[1] is False

    async def test_not_erased_twice(self, store: Store) -> None:
        patient_id = await self.erased(store)
        with pytest.raises(KeyDestroyed):
            await erase(store, patient_id)

    async def test_audit_chain_keeps_the_pseudonym_and_stays_sound(self, store: Store) -> None:
        patient_id = await self.erased(store)
        async with store.database.unit(SYSTEM) as unit:
            entries = await unit.audit.search(patient_id=patient_id)
        assert [entry.fields["action"] for entry in entries][-1] == "D"
        assert (await verify(store.database, DEFAULT_TENANT, store.folder)).is_sound

    async def test_a_visit_of_an_erased_patient_takes_nothing_new(self, store: Store) -> None:
        patient_id = await self.erased(store)
        with pytest.raises(KeyDestroyed):
            async with store.database.unit(SYSTEM) as unit:
                visit = (await unit.visits.of_patient(patient_id))[0]
                await unit.intakes.put(visit.id, {}, final=False)
