"""records/README.md "Access": breaking the glass is flagged, its reason kept sealed, and reviewed within 72 hours."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from records.actors import Purpose
from records.errors import AccessDenied, NotFound
from records.store.break_glass import Breakage, Verdict
from records.store.visit_rows import Visit

from .conftest import DOCTOR_ID, OTHER_DOCTOR_ID, SYSTEM, Store, doctor

pytestmark = pytest.mark.oldest_postgres

REASON = "unconscious, allergies needed"


async def broken(store: Store) -> Visit:
    """A visit of one doctor, read by another who breaks the glass."""
    visit = await store.visit()
    async with store.database.unit(doctor()) as unit:
        await unit.visits.claim(visit.id, DOCTOR_ID)
    async with store.database.unit(doctor(OTHER_DOCTOR_ID, Purpose.BTG, REASON)) as unit:
        await unit.visits.get(visit.id)
        await unit.patients.get(visit.patient_id)
    return visit


async def pending(store: Store) -> list[Breakage]:
    async with store.database.unit(SYSTEM) as unit:
        return await unit.break_glass.pending()


class TestBreakGlass:
    """One row for a patient and unit, an audit entry for each access."""

    async def test_waits_for_review_with_its_reason(self, store: Store) -> None:
        visit = await broken(store)
        assert [(each.patient_id, each.actor_id, each.reason) for each in await pending(store)] == [
            (visit.patient_id, str(OTHER_DOCTOR_ID), REASON)
        ]

    async def test_every_access_is_flagged_in_the_chain(self, store: Store) -> None:
        visit = await broken(store)
        async with store.database.unit(SYSTEM) as unit:
            entries = await unit.audit.search(patient_id=visit.patient_id)
        flagged = [each.fields["entity_type"] for each in entries if each.fields.get("detail") == "break-glass"]
        assert flagged == ["visit", "patient"]

    async def test_reason_is_sealed(self, store: Store) -> None:
        await broken(store)
        async with store.database.unit(SYSTEM) as unit:
            rows = (await unit.connection.execute(text("select t::text from break_glass t"))).scalars().all()
        assert REASON.encode().hex() not in str(rows) and "unconscious" not in str(rows)

    async def test_overdue_after_72_hours(self, store: Store) -> None:
        await broken(store)
        store.clock.advance(72 * 3600 + 1)
        assert [each.is_overdue for each in await pending(store)] == [True]

    async def test_reviewed_waits_no_more(self, store: Store) -> None:
        await broken(store)
        breakage = (await pending(store))[0]
        async with store.database.unit(SYSTEM) as unit:
            await unit.break_glass.review(breakage.id, Verdict.JUSTIFIED)
        assert await pending(store) == []
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.break_glass.review(breakage.id, Verdict.JUSTIFIED)

    async def test_verdict_stands_in_the_chain_and_the_note_is_sealed(self, store: Store) -> None:
        visit = await broken(store)
        (breakage,) = await pending(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.break_glass.review(breakage.id, Verdict.UNJUSTIFIED, "a neighbour of hers")
        async with store.database.unit(SYSTEM) as unit:
            (judged,) = await unit.break_glass.reviewed()
            entries = await unit.audit.search(patient_id=visit.patient_id, entity_type="break_glass")
            rows = (await unit.connection.execute(text("select note from break_glass"))).scalars().all()
        assert (judged.verdict, judged.note, judged.reviewed_by) == (
            Verdict.UNJUSTIFIED, "a neighbour of hers", SYSTEM.id,
        )  # fmt: skip
        assert "unjustified" in [each.fields.get("detail") for each in entries]
        assert b"neighbour" not in rows[0]

    async def test_tells_what_was_read(self, store: Store) -> None:
        await broken(store)
        assert [each.objects for each in await pending(store)] == [("patient", "visit")]

    async def test_unknown_entry(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.break_glass.review(uuid4(), Verdict.JUSTIFIED)

    async def test_practitioner_does_not_review(self, store: Store) -> None:
        await broken(store)
        with pytest.raises(AccessDenied):
            async with store.database.unit(doctor(OTHER_DOCTOR_ID)) as unit:
                await unit.break_glass.pending()

    async def test_own_care_needs_no_glass(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor(purpose=Purpose.BTG, reason=REASON)) as unit:
            await unit.visits.get(visit.id)
        assert await pending(store) == []
