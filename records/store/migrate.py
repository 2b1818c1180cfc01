"""Brings a database to the schema of this program: alembic under one advisory lock."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from records.store.address import asyncpg_url

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

# Any constant that nothing else in the database uses; two nodes that start together take turns.
ADVISORY_LOCK = 0x7465_6C65_636F
# A migration that waits longer for a table lock would queue every query behind itself (security.md §1).
LOCK_TIMEOUT_MS = 2_000
# Another node's migrations run this long at most before we give up and say so.
WAIT_FOR_OTHERS_S = 120.0


async def upgrade(url: str, revision: str = "head") -> None:
    """Run every migration that the database lacks. The URL's role must own the database or its tables."""

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    await locked(url, run)


async def locked(url: str, run: Callable[[Connection], None]) -> None:
    """Call `run` on an owner connection, in one transaction, while no one else migrates."""
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            async with asyncio.timeout(WAIT_FOR_OTHERS_S):
                await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.execute(text(f"set local lock_timeout = {LOCK_TIMEOUT_MS}"))
            await connection.run_sync(run)
            await connection.commit()
    finally:
        await engine.dispose()


def head() -> str:
    """Return the revision this program was built for."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert revision is not None, "the migrations folder is part of the program"
    return revision


async def current(url: str) -> str | None:
    """Return the revision of a database; None when it has never been migrated."""
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()
