"""Alembic's entry: runs on the connection that records.store.migrate hands over, else on TELECONSULT_DATABASE_URL."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from records.store import admission_tables, migrate, resource_tables  # noqa: F401  # they add to the metadata
from records.store.tables import metadata


def run_on(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run_on(handed_over)
else:
    asyncio.run(migrate.locked(os.environ["TELECONSULT_DATABASE_URL"], run_on))
