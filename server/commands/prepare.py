"""`make-key`, `prepare`: what must be there before web starts: the key file and the schema."""

from __future__ import annotations

import asyncio

from records.actors import Actor, ActorKind, Purpose
from records.errors import CannotOpen, KeyServiceUnavailable
from records.store.database import DEFAULT_TENANT
from records.store.faults import FAULTS
from records.store.keys import ROOT_KINDS
from records.store.migrate import upgrade
from server import key_service
from server.commands.reach import opened
from server.config import Settings
from server.faults import DatabaseUnavailable, KeyWrong

ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "prepare", Purpose.SYSADMIN, "prepare")


def make_key(settings: Settings) -> None:
    """Make the key file of an empty data folder, unless the operator has put one there or keeps keys elsewhere."""
    key_service.make(settings)


def prepare(settings: Settings) -> None:
    """
    Check the key file, bring the database to this program's schema, and check that the two belong together.

    Raises:
        KeyFileInvalid, DatabaseUnavailable, KeyWrong: each says what to do.
    """
    key_service.check(settings)
    migrate(settings)
    asyncio.run(open_keys(settings))


async def open_keys(settings: Settings) -> None:
    """Better no start than a second key in records that the first one sealed."""
    async with opened(settings) as database:
        try:
            async with database.unit(ACTOR) as unit:
                for kind in ROOT_KINDS:
                    await unit.keys.root(kind)
        except CannotOpen:
            raise _wrong_key(settings) from None
        except KeyServiceUnavailable as error:
            raise key_service.unusable(settings, error) from None


def _wrong_key(settings: Settings) -> KeyWrong:
    if settings.key_service == "vault":
        return KeyWrong(
            f"The key {settings.vault_key} of the key service is not the one that this database was sealed with.",
            "name the right one by TELECONSULT_VAULT_KEY, or lower its min_decryption_version.",
        )
    if settings.key_service == "pkcs11":
        return KeyWrong(
            f"The key {settings.pkcs11_key} of the token is not the one that this database was sealed with.",
            "name the right token and key by TELECONSULT_PKCS11_TOKEN and _KEY, or restore the token from its backup.",
        )
    return KeyWrong(
        f"The key file {settings.key_file} is not the one that this database was sealed with.",
        "put the right one in its place from its backup, or name it by TELECONSULT_KEY_FILE.",
    )


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
