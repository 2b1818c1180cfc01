"""`make-key`, `prepare`: what must be there before web starts: the key file and the schema."""

from __future__ import annotations

import asyncio

from records.store.faults import FAULTS
from records.store.key_file import create_key_file, load_key_file
from records.store.migrate import upgrade
from server.config import Settings
from server.faults import DatabaseUnavailable


def make_key(settings: Settings) -> None:
    """Make the key file of an empty data folder, unless the operator has put one there."""
    if not settings.key_file.exists():
        create_key_file(settings.key_file)


def prepare(settings: Settings) -> None:
    """
    Check the key file, and bring the database to this program's schema.

    Raises:
        KeyFileInvalid, DatabaseUnavailable: each says what to do.
    """
    load_key_file(settings.key_file)
    migrate(settings)


def migrate(settings: Settings) -> None:
    """Run the migrations that the database lacks. Raises DatabaseUnavailable."""
    assert settings.database_url is not None, "the caller has an address"
    try:
        asyncio.run(upgrade(settings.database_url))
    except FAULTS as error:
        raise DatabaseUnavailable(
            f"The database cannot be reached or migrated ({_reason(error)}).",
            "check TELECONSULT_DATABASE_URL and that PostgreSQL 15-18 runs there; its user must own the database.",
        ) from error


def _reason(error: BaseException) -> str:
    """The kind of failure and the driver's words; addresses and user names are the operator's own."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no more is known'}"
