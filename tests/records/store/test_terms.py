"""records/README.md "Retention": nothing goes before its term is over; what ends by itself does, in virtual time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from records.erasure import ErasureBasis
from records.errors import RetentionNotOver
from records.retention import TABLE_CLASSES
from records.store.resources import Write
from records.store.terms import NOT_ASKED, USED_AT

from .conftest import SYSTEM, Store
from .test_rotation import filled

pytestmark = pytest.mark.oldest_postgres

SIXTEEN_YEARS_S = timedelta(days=16 * 366).total_seconds()
LONG_AGO = datetime(2019, 5, 1, tzinfo=UTC)
SEAT: dict[str, Any] = {"seat": "s_1", "role": "patient", "text": "x"}


async def kept(store: Store) -> UUID:
    """A patient with a row in every table that a term governs, all of this day."""
    patient_id = await filled(store)
    observation = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
                   "subject": {"reference": f"Patient/{patient_id}"}}  # fmt: skip
    async with store.database.unit(SYSTEM) as unit:
        await unit.resources.save(observation, Write())
    return patient_id


async def touch(store: Store, cluster: Any, table: str, at: datetime) -> int:
    """Have one table's rows be used at a time; only a superuser can."""
    connection = await asyncpg.connect(cluster.admin(store.url.partition("?")[0].rpartition("/")[2]))
    try:
        return int((await connection.execute(f"update {table} set {USED_AT[table]} = $1", at)).split()[-1])
    finally:
        await connection.close()


class TestErasureWaits:
    """The newest use of any table counts, not the patient's and the visit's alone."""

    def test_every_table_of_a_class_is_asked(self) -> None:
        assert set(TABLE_CLASSES) == set(USED_AT) | NOT_ASKED

    @pytest.mark.parametrize("table", ["patient", "visit", "intake", "note", "triage_note", "resource", "chat_entry"])
    async def test_a_late_use_forbids_it(self, store: Store, cluster: Any, table: str) -> None:
        patient_id = await kept(store)
        store.clock.advance(SIXTEEN_YEARS_S)
        assert await touch(store, cluster, table, store.clock.now()) > 0
        with pytest.raises(RetentionNotOver):
            async with store.database.unit(SYSTEM) as unit:
                await unit.erasures.erase(patient_id, ErasureBasis.RETENTION_OVER)

    async def test_when_every_term_is_over_it_may_be(self, store: Store) -> None:
        patient_id = await kept(store)
        store.clock.advance(SIXTEEN_YEARS_S)
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.erase(patient_id, ErasureBasis.RETENTION_OVER)


class TestChat:
    """Three years after it was said a line goes, unless a legal hold keeps it."""

    async def test_an_old_line_goes_and_a_young_one_stays(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            for key, at in (("old", LONG_AGO), ("young", store.clock.now())):
                await unit.chat.append(visit.id, **SEAT, key=key, at=at)
            assert await unit.chat.sweep() == 1
            assert [line.key for line in await unit.chat.last(visit.id)] == ["young"]
            entries = await unit.audit.search(patient_id=visit.patient_id)
        assert not [each for each in entries if each.fields["action"] == "D"]  # of this unit: appended at its end
        async with store.database.unit(SYSTEM) as unit:
            gone = [each.fields for each in await unit.audit.search(patient_id=visit.patient_id)]
        assert [(each["entity_type"], each["detail"]) for each in gone if each["action"] == "D"] == [
            ("chat", "term over")
        ]

    async def test_a_hold_keeps_it(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.chat.append(visit.id, **SEAT, key="old", at=LONG_AGO)
            hold = await unit.erasures.hold(visit.patient_id, "court order 42")
            assert await unit.chat.sweep() == 0
            await unit.erasures.lift(hold)
            assert await unit.chat.sweep() == 1

    async def test_raw_sql_of_the_app_role_cannot_delete_a_young_one(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.chat.append(visit.id, **SEAT, key="young", at=datetime.now(UTC))
            assert (await unit.connection.execute(text("delete from chat_entry"))).rowcount == 0


class TestNetworkLog:
    """Sessions and links stay for six months after they were over: who came in, when, from which link."""

    @pytest.mark.parametrize(("days", "swept"), [(180, 0), (186, 1)])
    async def test_session(self, store: Store, days: int, swept: int) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.sessions.create({"kind": "staff"}, 3600, 600)
        store.clock.advance(timedelta(days=days).total_seconds())
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.sessions.sweep() == swept

    @pytest.mark.parametrize(("days", "swept"), [(180, 0), (186, 1)])
    async def test_link(self, store: Store, days: int, swept: int) -> None:
        visit, now = await store.visit(), store.clock.now()
        async with store.database.unit(SYSTEM) as unit:
            await unit.links.issue(visit.id, "patient", now, now + timedelta(hours=1))
        store.clock.advance(timedelta(days=days).total_seconds())
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.links.sweep() == swept
