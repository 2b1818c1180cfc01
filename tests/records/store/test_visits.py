"""records/README.md "Using the store": visits change state once, whoever asks and however often."""

import asyncio
from uuid import UUID, uuid4

import pytest

from records.actors import Purpose
from records.errors import AccessDenied, AlreadyClaimed, NotClaimed, NotFound, StaleState
from records.store.visits import NewVisit, Place

from .conftest import DOCTOR_ID, OTHER_DOCTOR_ID, SYSTEM, Store, doctor, patient_of

pytestmark = pytest.mark.oldest_postgres


class TestTransition:
    """A transition is a compare-and-set with one line of history."""

    async def test_state_changes_when_it_is_expected(self, store: Store) -> None:
        visit = await store.visit("booked")
        async with store.database.unit(SYSTEM) as unit:
            after = await unit.visits.transition(
                visit.id, expected={"booked"}, to="checked_in", trigger="check_in", cause=None, at=store.clock.now()
            )
        assert (after.state, after.version) == ("checked_in", 2)

    async def test_unexpected_state_is_named(self, store: Store) -> None:
        visit = await store.visit("booked")
        with pytest.raises(StaleState) as caught:
            async with store.database.unit(SYSTEM) as unit:
                await unit.visits.transition(
                    visit.id, expected={"waiting"}, to="called", trigger="claim", cause=None, at=store.clock.now()
                )
        assert caught.value.actual == "booked"

    async def test_history_tells_who_and_why(self, store: Store) -> None:
        visit = await store.visit("booked")
        async with store.database.unit(SYSTEM) as unit:
            await unit.visits.transition(
                visit.id, expected={"booked"}, to="no_show", trigger="not_come", cause="late", at=store.clock.now()
            )
            history = await unit.visits.history(visit.id)
        assert [(line.from_state, line.to_state, line.actor_id, line.cause) for line in history] == [
            ("", "booked", "test", None),
            ("booked", "no_show", "test", "late"),
        ]

    async def test_place_in_the_queue_survives_going_away(self, store: Store) -> None:
        visit = await store.visit("triaged")
        first = store.clock.now()
        for state in ("waiting", "away", "waiting"):
            async with store.database.unit(SYSTEM) as unit:
                visit = await unit.visits.transition(
                    visit.id, expected={visit.state}, to=state, trigger="wait", cause=None, at=store.clock.now()
                )
            store.clock.advance(60)
        assert visit.waiting_since == first

    async def test_unknown_visit_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.visits.get(uuid4())


class TestClaim:
    """A claim is atomic, leased, and gives the same place back."""

    async def test_one_of_fifty_parallel_claims_wins(self, store: Store) -> None:
        visit = await store.visit()
        practitioners = [uuid4() for _ in range(50)]

        async def claim(practitioner_id: UUID) -> UUID | None:
            try:
                async with store.database.unit(doctor(practitioner_id)) as unit:
                    claimed = await unit.visits.claim(visit.id, practitioner_id)
            except AlreadyClaimed:
                return None
            return claimed.practitioner_id

        winners = [each for each in await asyncio.gather(*map(claim, practitioners)) if each is not None]
        async with store.database.unit(SYSTEM) as unit:
            assert [(await unit.visits.get(visit.id)).practitioner_id] == winners

    async def test_second_claim_by_the_holder_says_so(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID)
        with pytest.raises(AlreadyClaimed) as caught:
            async with store.database.unit(doctor()) as unit:
                await unit.visits.claim(visit.id, DOCTOR_ID)
        assert caught.value.by_self

    async def test_only_a_waiting_visit_is_claimed(self, store: Store) -> None:
        visit = await store.visit("intake")
        with pytest.raises(StaleState):
            async with store.database.unit(doctor()) as unit:
                await unit.visits.claim(visit.id, DOCTOR_ID)

    async def test_lease_that_is_over_gives_the_visit_back(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID, lease_s=-1)
        async with store.database.unit(SYSTEM) as unit:
            assert [each.state for each in await unit.visits.expire_leases()] == ["waiting"]
        with pytest.raises(NotClaimed):
            async with store.database.unit(doctor()) as unit:
                await unit.visits.renew_lease(visit.id, DOCTOR_ID)

    async def test_renewed_lease_stays(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID, lease_s=-1)
            await unit.visits.renew_lease(visit.id, DOCTOR_ID, 60)
            assert await unit.visits.expire_leases() == []

    async def test_only_the_holder_releases(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID)
        with pytest.raises(NotClaimed):
            async with store.database.unit(doctor(OTHER_DOCTOR_ID)) as unit:
                await unit.visits.release(visit.id, OTHER_DOCTOR_ID)

    async def test_ring_needs_a_called_visit(self, store: Store) -> None:
        visit = await store.visit()
        with pytest.raises(StaleState):
            async with store.database.unit(doctor()) as unit:
                await unit.visits.ring(visit.id)


class TestPlace:
    """Where the patient is: sealed, and shown as exactly as role and purpose allow."""

    PLACE = Place("北京市东城区1号", "+8613800138000", "daughter +8613900139000", "东城区", "北京市")

    async def test_treating_practitioner_sees_it_exactly(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(patient_of(visit)) as unit:
            await unit.visits.set_place(visit.id, self.PLACE)
        async with store.database.unit(doctor()) as unit:
            assert await unit.visits.place(visit.id) == self.PLACE

    async def test_operations_see_the_district_only(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.visits.set_place(visit.id, self.PLACE)
        async with store.database.unit(doctor(purpose=Purpose.OPERAT)) as unit:
            assert await unit.visits.place(visit.id) == Place(None, None, None, "东城区", "北京市")

    async def test_none_before_it_is_given(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.visits.place(visit.id) is None


class TestWhoMay:
    """A patient's link opens one visit; a practitioner's account those in care."""

    async def test_patient_cannot_read_another_visit(self, store: Store) -> None:
        mine, other = await store.visit(), await store.visit()
        with pytest.raises(AccessDenied):
            async with store.database.unit(patient_of(mine)) as unit:
                await unit.visits.get(other.id)

    async def test_practitioner_cannot_read_a_colleagues_visit(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID)
        with pytest.raises(AccessDenied):
            async with store.database.unit(doctor(OTHER_DOCTOR_ID)) as unit:
                await unit.visits.get(visit.id)

    async def test_breaking_the_glass_reads_and_is_flagged(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(doctor()) as unit:
            await unit.visits.claim(visit.id, DOCTOR_ID)
        breaking = doctor(OTHER_DOCTOR_ID, Purpose.BTG, reason="unconscious, allergies needed")
        async with store.database.unit(breaking) as unit:
            await unit.visits.get(visit.id)
        async with store.database.unit(SYSTEM) as unit:
            entries = await unit.audit.search()
        assert [each.fields["actor"] for each in entries if each.fields.get("detail") == "break-glass"] == [
            str(OTHER_DOCTOR_ID)
        ]

    async def test_queue_shows_reason_and_order(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            await unit.visits.create(NewVisit(patient_id, state="waiting", reason="咳嗽"))
            rows = await unit.visits.queue(["waiting"])
        assert [(row.visit.patient_id, row.reason) for row in rows] == [(patient_id, "咳嗽")]
