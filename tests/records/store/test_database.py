"""records/README.md "Units of work": one transaction, one tenant, one audit append - also when things go wrong."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy.exc
from sqlalchemy import text

from records.errors import (
    AlreadyExists,
    CannotOpen,
    NotFound,
    RecordsError,
    SchemaOutdated,
    StoreTooSlow,
    StoreUnavailable,
)
from records.store.database import DEFAULT_TENANT, Database
from records.store.faults import translate
from records.store.key_file import create_key_file, load_keyring
from records.store.tables import metadata
from server.http.fhir_call import status_of

from .conftest import OTHER_TENANT, SYSTEM, WANG, Store, TestClock, in_tenant, patient_of


class TestTransaction:
    """Committed as a whole or not at all."""

    async def test_error_rolls_everything_back(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.create(WANG)
                raise NotFound("test")
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_phone("13800138000") == []

    async def test_key_of_a_rolled_back_patient_is_never_used(self, store: Store) -> None:
        created: list[UUID] = []
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                created.append(await unit.patients.create(WANG))
                raise NotFound("test")
        async with store.database.unit(SYSTEM) as unit:
            with pytest.raises(RecordsError):
                await unit.keys.patient(created[0])

    async def test_cancelled_unit_leaves_no_open_transaction(self, store: Store) -> None:
        entered = asyncio.Event()

        async def hang() -> None:
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.create(WANG)
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hang())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with store.database.unit(SYSTEM) as unit:
            sessions = "select count(*) from pg_stat_activity where datname = current_database()"
            assert (await unit.connection.execute(text(f"{sessions} and state like 'idle in%'"))).scalar() == 0
            assert await unit.patients.find_by_phone("13800138000") == []


class TestTenantWall:
    """Row-level security, the second wall: raw SQL as the app role sees one tenant, or nothing."""

    async def test_thousand_interleaved_units_see_their_own_tenant(self, store: Store) -> None:
        await store.database.add_tenant(OTHER_TENANT, "other")
        for tenant_id in (DEFAULT_TENANT, OTHER_TENANT):
            async with store.database.unit(in_tenant(tenant_id)) as unit:
                await unit.settings.put("mine", str(tenant_id))

        async def read(number: int) -> bool:
            tenant_id = (DEFAULT_TENANT, OTHER_TENANT)[number % 2]
            async with store.database.unit(in_tenant(tenant_id)) as unit:
                rows = (await unit.connection.execute(text("select value from setting"))).scalars().all()
                return rows == [str(tenant_id)]

        assert all(await asyncio.gather(*map(read, range(1_000))))

    @pytest.mark.parametrize("table", sorted(metadata.tables))
    async def test_without_a_tenant_no_row_is_seen(self, store: Store, table: str) -> None:
        await store.visit()
        async with store.database.engine.connect() as connection:
            assert (await connection.execute(text(f"select count(*) from {table}"))).scalar() == 0

    async def test_every_table_is_walled_even_for_its_owner(self, store: Store) -> None:
        async with store.database.engine.connect() as connection:
            tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            unwalled = f"{tables} and not (relrowsecurity and relforcerowsecurity)"
            found = set((await connection.execute(text(unwalled))).scalars())
        assert found == {"alembic_version"}

    async def test_row_of_another_tenant_cannot_be_written(self, store: Store) -> None:
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="row-level security"):
            async with store.database.unit(SYSTEM) as unit:
                row = f"('{OTHER_TENANT}', 'x', '1', now())"
                await unit.connection.execute(text(f"insert into setting values {row}"))

    async def test_app_role_owns_nothing_and_bypasses_nothing(self, store: Store) -> None:
        async with store.database.engine.connect() as connection:
            role = (await connection.execute(text(
                "select rolname, rolsuper, rolbypassrls, rolcanlogin,"
                " (select count(*) from pg_class where relowner = r.oid) from pg_roles r where rolname = current_user"
            ))).one()  # fmt: skip
        assert tuple(role) == ("teleconsult_app", False, False, False, 0)

    async def test_connection_comes_back_without_a_tenant(self, store: Store) -> None:
        async with store.database.unit(SYSTEM):
            pass
        async with store.database.engine.connect() as connection:
            assert (await connection.execute(text("select current_setting('app.tenant', true)"))).scalar() in ("", None)

    async def test_connection_inside_a_transaction_is_not_reused(self, store: Store) -> None:
        async with store.database.engine.connect() as connection:
            pid = (await connection.execute(text("select pg_backend_pid()"))).scalar()
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.execute("begin")
        async with store.database.engine.connect() as connection:
            assert (await connection.execute(text("select pg_backend_pid()"))).scalar() != pid

    async def test_tenant_is_added_once(self, store: Store) -> None:
        await store.database.add_tenant(OTHER_TENANT, "other", suite=3)
        with pytest.raises(AlreadyExists):
            await store.database.add_tenant(OTHER_TENANT, "other")

    async def test_patient_of_one_tenant_is_unknown_in_the_other(self, store: Store) -> None:
        patient_id = await store.patient()
        await store.database.add_tenant(OTHER_TENANT, "other")
        with pytest.raises(NotFound):
            async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
                await unit.patients.get(patient_id)

    @pytest.mark.parametrize("suite", [1, 2, 3])
    async def test_every_suite_serves_a_tenant(self, store: Store, suite: int) -> None:
        await store.database.add_tenant(OTHER_TENANT, "other", suite)
        async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
            patient_id = await unit.patients.create(WANG)
            assert (await unit.patients.get(patient_id)).name == WANG.name
            name = (await unit.connection.execute(text("select name from patient"))).scalar_one()
        assert name[2] == suite


class TestOwnVisitWall:
    """A patient's link: raw SQL in its unit sees one visit and one patient, or nothing."""

    async def test_other_visits_and_patients_are_not_there(self, store: Store) -> None:
        mine, other = await store.visit(), await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            for visit in (mine, other):
                await unit.intakes.put(visit.id, {}, final=False)
                await unit.chat.append(visit.id, seat="s", role="patient", text="x", key="k", at=store.clock.now())
        seen = {}
        async with store.database.unit(patient_of(mine)) as unit:
            for table in ("visit", "intake", "chat_entry", "visit_transition", "patient", "patient_key"):
                rows = await unit.connection.execute(text(f"select count(*) from {table}"))
                seen[table] = rows.scalar()
            ids = (await unit.connection.execute(text("select id from patient"))).scalars().all()
        assert (set(seen.values()), ids) == ({1}, [mine.patient_id])

    async def test_nothing_can_be_written_elsewhere(self, store: Store) -> None:
        mine, other = await store.visit(), await store.visit()
        async with store.database.unit(patient_of(mine)) as unit:
            changed = await unit.connection.execute(text("update visit set state = 'completed'"))
            assert changed.rowcount == 1
        async with store.database.unit(SYSTEM) as unit:
            assert (await unit.visits.get(other.id)).state == "waiting"

    async def test_actor_of_one_visit_that_names_none_sees_nothing(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(replace(patient_of(visit), visit_id=None)) as unit:
            assert (await unit.connection.execute(text("select count(*) from visit"))).scalar() == 0

    async def test_the_next_unit_on_the_connection_sees_the_tenant_again(self, store: Store) -> None:
        mine, _ = await store.visit(), await store.visit()
        async with store.database.unit(patient_of(mine)):
            pass
        async with store.database.unit(SYSTEM) as unit:
            assert (await unit.connection.execute(text("select count(*) from visit"))).scalar() == 2


class TestOpening:
    """What is wrong is said at the start."""

    async def test_unmigrated_database(self, empty_database_url: str, tmp_path: Path) -> None:
        create_key_file(tmp_path / "kek.json")
        with pytest.raises(SchemaOutdated):
            await Database.open(empty_database_url, load_keyring(tmp_path / "kek.json"), clock=TestClock())

    async def test_key_file_of_another_installation(self, store: Store, tmp_path: Path) -> None:
        create_key_file(tmp_path / "other.json")
        other = await Database.open(store.url, load_keyring(tmp_path / "other.json"), clock=store.clock)
        with pytest.raises(CannotOpen):
            async with other.unit(SYSTEM):
                pass
        await other.close()

    async def test_database_that_is_away(self, tmp_path: Path) -> None:
        create_key_file(tmp_path / "kek.json")
        url = f"postgresql://nobody@/none?host={tmp_path}"
        with pytest.raises(StoreUnavailable):
            await Database.open(url, load_keyring(tmp_path / "kek.json"), clock=TestClock())

    async def test_ready_names_what_is(self, store: Store) -> None:
        assert (await store.database.ready()).is_ready


class TestFaults:
    """security.md §4: which errors mean "try again"."""

    @pytest.mark.parametrize("error", [
        ConnectionRefusedError(), FileNotFoundError(), TimeoutError(), sqlalchemy.exc.TimeoutError(),
        asyncpg.InternalClientError(), asyncpg.InterfaceError("connection is closed"),
        asyncpg.AdminShutdownError(), asyncpg.CrashShutdownError(), asyncpg.CannotConnectNowError(),
        asyncpg.ConnectionDoesNotExistError(), asyncpg.SerializationError(), asyncpg.DeadlockDetectedError(),
        asyncpg.TooManyConnectionsError(), asyncpg.DiskFullError(), asyncpg.QueryCanceledError(),
        asyncpg.ReadOnlySQLTransactionError(),
    ])  # fmt: skip
    def test_store_is_unavailable(self, error: Exception) -> None:
        assert isinstance(translate(error), StoreUnavailable)

    def test_the_time_limit_of_a_statement_is_told_apart(self) -> None:
        assert isinstance(translate(asyncpg.QueryCanceledError()), StoreTooSlow)
        assert status_of(StoreTooSlow("x"))[1].code == "too-costly"

    @pytest.mark.parametrize("error", [
        asyncpg.UniqueViolationError(), asyncpg.UndefinedTableError(), asyncpg.InsufficientPrivilegeError(),
        asyncpg.PostgresSyntaxError(), ValueError(),
    ])  # fmt: skip
    def test_our_own_bugs_are_not(self, error: Exception) -> None:
        assert translate(error) is None

    async def test_killed_backend_is_unavailable_then_well_again(self, store: Store, cluster: object) -> None:
        with pytest.raises(StoreUnavailable):
            async with store.database.unit(SYSTEM) as unit:
                pid = (await unit.connection.execute(text("select pg_backend_pid()"))).scalar()
                admin = cluster.execute  # type: ignore[attr-defined]  # tests.conftest.Cluster
                await admin(f"select pg_terminate_backend({pid})")
                await unit.settings.put("a", 1)
        async with store.database.unit(SYSTEM) as unit:
            assert await unit.settings.get("a") is None
