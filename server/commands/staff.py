"""`staff add`: a login for a member of staff. `staff disable`: its end, at once and everywhere."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys

from records.actors import Actor, ActorKind, Purpose
from records.store.accounts import NewAccount
from records.store.database import DEFAULT_TENANT
from server.auth import accounts
from server.auth.passwords import Passwords, PasswordTooShort
from server.commands.reach import opened, reachable
from server.config import Settings
from server.faults import StartFault


class PasswordRefused(StartFault):
    """The password read from standard input is too short."""

    code = "password-refused"


class NoSuchLogin(StartFault):
    """`staff disable` names nobody."""

    code = "no-such-login"


def add(settings: Settings, arguments: argparse.Namespace) -> int:
    """Read the password, twice at a terminal, and make the account."""
    password_hash = _hashed(_password())
    display = arguments.display or arguments.email.partition("@")[0]
    account = NewAccount(arguments.email, display, arguments.registration_number, arguments.role, password_hash)
    with reachable(settings) as reached:
        asyncio.run(_add(reached, account))
    print(f"{arguments.email} may log in at {settings.public_url}/console.")
    return 0


def disable(settings: Settings, arguments: argparse.Namespace) -> int:
    """End the account and every session of it; visits and signatures stay."""
    with reachable(settings) as reached:
        is_known = asyncio.run(_disable(reached, arguments.email))
    if not is_known:
        raise NoSuchLogin("No login has this e-mail address.", "check the spelling; a disabled login is none.")
    print(f"{arguments.email} may no longer log in; every open session has ended.")
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


async def _disable(settings: Settings, email: str) -> bool:
    async with opened(settings) as database:
        return await accounts.disable(database, email)


async def _add(settings: Settings, account: NewAccount) -> None:
    actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "command-line", Purpose.SYSADMIN, "staff-add")
    async with opened(settings) as database, database.unit(actor) as unit:
        await unit.accounts.create(account)
