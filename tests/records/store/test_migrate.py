"""The migrations make exactly the tables that the code knows, once, whoever runs them."""

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

import records.store.admission_tables
import records.store.resource_tables  # noqa: F401  # these add their tables to the metadata
from records.fhir.provenance import author_of
from records.store.address import asyncpg_url
from records.store.migrate import MIGRATIONS, current, head, locked, upgrade
from records.store.resources import Write
from records.store.tables import metadata
from tests.records.store.conftest import SYSTEM, Store

pytestmark = pytest.mark.oldest_postgres


class TestMigrations:
    """An empty database comes to the head; tables equal the metadata."""

    async def test_tables_equal_the_metadata(self, database_url: str) -> None:
        def differences(connection: Connection) -> list[object]:
            options = {"compare_type": True, "compare_server_default": False}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

        engine = create_async_engine(asyncpg_url(database_url))
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
        await engine.dispose()
        assert found == []

    async def test_four_nodes_that_start_together_take_turns(self, empty_database_url: str) -> None:
        await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)))
        assert await current(empty_database_url) == head()

    async def test_empty_database_has_no_revision(self, empty_database_url: str) -> None:
        assert await current(empty_database_url) is None

    async def test_versions_from_before_get_their_authors_from_the_trail(self, database_url: str, store: Store) -> None:
        authors = "select author from resource union all select author from resource_history"
        for is_active in (True, False):
            async with store.database.unit(SYSTEM) as unit:
                await unit.resources.save({"resourceType": "Device", "id": "d", "lotNumber": str(is_active)}, Write())
        await _down(database_url, "0019")
        await upgrade(database_url)
        async with store.database.unit(SYSTEM) as unit:
            assert [r["author"] for r in await unit.raw.fetch(authors)] == [author_of(SYSTEM)] * 2

    async def test_resources_from_before_list_their_tokens(self, database_url: str, store: Store) -> None:
        async with store.database.unit(SYSTEM) as unit:
            await unit.resources.save({"resourceType": "Device", "id": "d", "lotNumber": "7"}, Write())
            await unit.resources.save({"resourceType": "Patient", "id": "p", "name": [{"family": "Li"}]}, Write())
        await _down(database_url, "0021")
        await upgrade(database_url)
        async with store.database.unit(SYSTEM) as unit:
            listed = await unit.raw.fetch("select row, unnest(tokens) as token from resource where tokens_of = version")
            kept = await unit.raw.fetch("select row, token from resource_token")
        assert kept
        assert sorted(map(tuple, listed)) == sorted(map(tuple, kept))

    async def test_down_and_up_again(self, empty_database_url: str) -> None:
        """Every migration can be taken back: a failed upgrade is undone by hand with alembic downgrade."""
        await upgrade(empty_database_url)
        await _down(empty_database_url, "base")
        await upgrade(empty_database_url)
        assert await current(empty_database_url) == head()


async def _down(url: str, revision: str) -> None:
    def down(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    await locked(url, down)
