"""`staff add`: a login for a member of staff."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys

from records.actors import Actor, ActorKind, Purpose
from records.store.accounts import NewAccount
from records.store.database import DEFAULT_TENANT
from server.auth.passwords import Passwords, PasswordTooShort
from server.commands.reach import opened, reachable
from server.config import Settings
from server.faults import StartFault


class PasswordRefused(StartFault):
    """The password read from standard input is too short."""

    code = "password-refused"


def add(settings: Settings, arguments: argparse.Namespace) -> int:
    """Read the password, twice at a terminal, and make the account."""
    password_hash = _hashed(_password())
    account = NewAccount(
        arguments.email, arguments.display, arguments.registration_number, arguments.role, password_hash
    )
    with reachable(settings) as reached:
        asyncio.run(_add(reached, account))
    print(f"{arguments.email} may log in at {settings.public_url}/console.")
    return 0


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise PasswordRefused("The two passwords differ.", "run the command again.")
    return first


def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return passwords.hash(password)
    except PasswordTooShort as error:
        raise PasswordRefused(str(error), "choose a longer one; a sentence is easy to keep.") from None
    finally:
        passwords.close()


async def _add(settings: Settings, account: NewAccount) -> None:
    actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "command-line", Purpose.SYSADMIN, "staff-add")
    async with opened(settings) as database, database.unit(actor) as unit:
        await unit.accounts.create(account)
