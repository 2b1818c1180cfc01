"""A database for a command: the operator's, that of the product that runs, or the embedded one started for a moment."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from records.store.database import Database
from records.store.faults import FAULTS
from server.adapters.embedded_postgres import EmbeddedPostgres, Place, socket_folder, url_at
from server.clock import Clock
from server.config import Settings
from server.datafolder import claim
from server.faults import DatabaseUnavailable, DataFolderInUse, DataFolderUnusable
from server.key_service import keyring
from server.processes import unprivileged_account


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """
    Give settings whose database can be reached; an embedded one that was started for this is stopped again.

    Raises:
        DataFolderUnusable: there is no data folder yet, so there is nothing to work on.
    """
    if settings.database_url is not None:
        yield settings
        return
    if not settings.data_dir.exists():
        raise DataFolderUnusable(
            f"There is no data folder {settings.data_dir}.",
            "run this in the folder where you start Teleconsult, or set TELECONSULT_DATA_DIR.",
        )
    account = unprivileged_account()
    try:
        claim(settings.data_dir, account)
    except DataFolderInUse:  # the product runs: its database answers
        url = url_at(socket_folder(settings.data_dir, account))
        yield dataclasses.replace(settings, database_url=url)
        return
    postgres = EmbeddedPostgres(Place(settings.data_dir, account, settings.postgres_bin))
    postgres.prepare()
    postgres.start()
    try:
        postgres.wait_ready(time.sleep)
        postgres.bootstrap()
        yield dataclasses.replace(settings, database_url=postgres.url())
    finally:
        postgres.stop()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open the record store for a command."""
    assert settings.database_url is not None, "inside reachable()"
    async with keyring(settings) as keys:
        try:
            database = await Database.open(settings.database_url, keys, clock=Clock())
        except FAULTS as error:
            raise DatabaseUnavailable(
                "The database cannot be opened.", "start Teleconsult once, or run: python -m server migrate"
            ) from error
        database.fhir_base = f"{settings.public_url}/fhir"
        try:
            yield database
        finally:
            await database.close()
