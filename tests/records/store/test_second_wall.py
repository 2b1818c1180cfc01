"""
records/README.md "Units of work": attacks on the second wall with raw SQL, in the application's own roles.

What the walls cannot do stands in "What a security officer checks": the tenant and the visit are settings of the
transaction, so whoever can run any statement can name others. They catch forgotten conditions, not a stolen connection.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from records.store.accounts import NewAccount
from records.store.database import Database
from records.store.key_file import load_keyring
from records.store.migrate import upgrade
from records.store.tables import metadata
from server.adapters.embedded_postgres import LOGIN_ROLE, WEB_ROLE

from .conftest import SYSTEM, Store, in_tenant, patient_of
from .test_swaps import everything_about

pytestmark = pytest.mark.oldest_postgres

OTHER_TENANT = UUID("00000000-0000-4000-8000-0000000000ff")
REFUSAL = re.compile("must be owner|permission denied|must be superuser")
# Of these a patient may see rows: of the one visit and patient, and what a tenant must share to work at all.
SHARED = {"tenant", "tenant_key", "index_key", "signing_key", "setting", "event", "job", "idempotency", "audit_head",
          "consent_rule",
          "resource", "resource_history", "resource_token", "resource_date", "resource_reference",
          "resource_quantity"}  # fmt: skip


@pytest.fixture
async def web(store: Store) -> AsyncIterator[asyncpg.Connection]:
    """A connection as web makes it: its own login, then the app role."""
    await everything_about(store)
    url = store.url.replace(f"//{LOGIN_ROLE}", f"//{WEB_ROLE}")
    connection = await asyncpg.connect(url, server_settings={"role": "teleconsult_app"})
    yield connection
    await connection.close()


async def refused(connection: asyncpg.Connection, statement: str) -> str:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await connection.execute(statement)
    return str(caught.value)


class TestWithoutATenant:
    """Each table, function and sequence of the schema, as web logs in, before any tenant is named."""

    async def test_row_security_cannot_be_switched_off(self, web: asyncpg.Connection) -> None:
        await web.execute("set row_security = off")
        said = {table: await refused(web, f"select * from {table}") for table in metadata.tables}
        assert [table for table, words in said.items() if "row-level security" not in words] == []

    async def test_no_view_and_no_readable_sequence(self, web: asyncpg.Connection) -> None:
        views = "select count(*) from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
        open_ = "select count(*) from pg_sequences where schemaname = 'public' and last_value is not null"
        assert (await web.fetchval(views), await web.fetchval(open_)) == (0, 0)

    async def test_functions_are_not_leakproof_and_refuse(self, web: asyncpg.Connection) -> None:
        leaky = "select count(*) from pg_proc where pronamespace = 'public'::regnamespace and proleakproof"
        assert await web.fetchval(leaky) == 0
        assert "outside a unit" in await refused(web, "select append_audit(array['{}'])")
        assert "trigger" in await refused(web, "select drop_index_rows()")

    async def test_statistics_show_nothing(self, web: asyncpg.Connection, store: Store, cluster: Any) -> None:
        admin = await asyncpg.connect(cluster.admin(store.url.partition("?")[0].rpartition("/")[2]))
        await admin.execute("analyze")
        await admin.close()
        shown = "select tablename from pg_stats where schemaname = 'public' and tablename <> 'alembic_version'"
        assert await web.fetch(shown) == []
        assert "permission denied" in await refused(web, "select * from pg_statistic")

    async def test_a_function_of_ones_own_sees_no_row(self, web: asyncpg.Connection) -> None:
        """The planner may run a cheap condition first, but never before the wall: it is not leakproof, nor can be."""
        leak = ("create function pg_temp.leak(text) returns boolean language plpgsql cost 0.0000001 {} as"
                " $$ begin raise exception 'saw %', $1; end $$")  # fmt: skip
        assert "superuser" in await refused(web, leak.format("leakproof"))
        await web.execute(leak.format(""))
        assert await web.fetch("select * from patient where pg_temp.leak(id::text)") == []


class TestRoles:
    """Web's login owns nothing, so nothing brings an owner back."""

    async def test_nobody_who_may_take_a_wall_down(self, web: asyncpg.Connection) -> None:
        for change in ("reset role", f"set role {LOGIN_ROLE}", "set role postgres", "set role none",
                       "set session authorization postgres"):  # fmt: skip
            with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
                await web.execute(change)
            for attack in ("alter table patient disable row level security", "drop policy tenant_wall on patient",
                           "alter table audit_entry disable trigger all", "create table public.x (a int)"):  # fmt: skip
                assert REFUSAL.search(await refused(web, attack))

    async def test_it_starts_on_a_migrated_database(self, store: Store) -> None:
        """With somebody's own PostgreSQL the owner migrates, and `serve` gets this role's address."""
        url = store.url.replace(f"//{LOGIN_ROLE}", f"//{WEB_ROLE}")
        await upgrade(url)
        database = await Database.open(url, load_keyring(store.key_file), clock=store.clock)
        async with database.unit(SYSTEM) as unit:
            assert await unit.patients.find_by_phone("13800138000") == []
        await database.close()

    async def test_nothing_of_the_machine(self, web: asyncpg.Connection) -> None:
        for attack in ("select pg_read_file('/etc/passwd')", "copy patient to program 'id'",
                       "select lo_import('/etc/passwd')"):  # fmt: skip
            assert REFUSAL.search(await refused(web, attack))


class TestAnotherTenant:
    """Errors are no oracle: what exists elsewhere clashes with nothing here."""

    async def test_the_same_ids_are_free(self, store: Store) -> None:
        patient_id = await store.patient()
        await store.database.add_tenant(OTHER_TENANT, "other")
        async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
            row = f"('{OTHER_TENANT}', '{patient_id}', 'zh', now(), now())"
            await unit.connection.execute(
                text(f"insert into patient (tenant_id, id, lang, created_at, updated_at) values {row}")
            )

    async def test_a_foreign_key_does_not_reach_across(self, store: Store) -> None:
        patient_id = await store.patient()
        await store.database.add_tenant(OTHER_TENANT, "other")
        row = f"('{OTHER_TENANT}', gen_random_uuid(), '{patient_id}', 'waiting', 'video', 'zh', now(), now())"
        columns = "tenant_id, id, patient_id, state, mode, lang, created_at, updated_at"
        with pytest.raises(Exception, match="foreign key"):  # the same as for an id that nobody has
            async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
                await unit.connection.execute(text(f"insert into visit ({columns}) values {row}"))


class TestOneVisit:
    """Raw SQL in a patient's transaction: nobody else's row, and no account, session, client or audit entry."""

    async def test_every_table(self, store: Store) -> None:
        mine = await store.visit()
        await everything_about(store)
        async with store.database.unit(SYSTEM) as unit:
            await unit.accounts.create(NewAccount("a@b.c", "Dr A", None, "doctor", "hash"))
            await unit.sessions.create({"kind": "staff"}, 3600, 600)
        seen = set()
        async with store.database.unit(patient_of(mine)) as unit:
            for table in set(metadata.tables) - SHARED:
                rows = (await unit.connection.execute(text(f"select to_jsonb(t) from {table} t"))).scalars()
                seen |= {table for row in rows if str(mine.id) not in str(row) and str(mine.patient_id) not in str(row)}
        assert seen == set()
