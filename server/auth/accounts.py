"""Staff accounts: logging in without helping a guesser or locking out a third party, making and disabling accounts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from records.audit.leaf import AuditOutcome
from records.store.accounts import Account, NewAccount
from records.store.admission import Throttle
from records.store.database import DEFAULT_TENANT, Database
from records.store.unit import Unit
from server.auth import sessions
from server.auth.passwords import Passwords
from server.auth.principals import StaffRole, system_actor
from server.errors import TooManyRequests, WrongCredentials

log = logging.getLogger("teleconsult.auth")

WINDOW = timedelta(minutes=15)
# A person mistypes three or four times; ten wrong guesses a quarter of an hour find no 12-character password.
PER_ACCOUNT = 10  # from browsers that this account never logged in with
PER_KNOWN_BROWSER = 10  # its own budget: strangers that guess cannot lock the doctor out of the usual computer
PER_ADDRESS = 50  # a clinic behind one address
KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login."""

    email: str
    password: str
    browser: str
    """Its binding (server/http/cookies.py); a new one for a browser without our cookie."""
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that succeeded."""

    account: Account
    token: str


async def log_in(database: Database, passwords: Passwords, attempt: Attempt) -> LoggedIn:
    """
    Check a password and open a session. The counters are in the database: a restart gives no new budget.

    Raises WrongCredentials (the same for an unknown account, after the same time), TooManyRequests.
    """
    actor = system_actor(DEFAULT_TENANT, "login", attempt.request_id)
    async with database.unit(actor) as unit:
        # Counted before the check: parallel guesses do not outrun the counter. A right password gives it back.
        await _count(Throttle(unit), attempt)
        account = await unit.accounts.by_email(attempt.email)
    is_right = await passwords.verify(account.password_hash if account else None, attempt.password)
    if account is None or not is_right:
        log.info("login.refused", extra={"request_id": attempt.request_id})
        async with database.unit(actor) as unit:  # for an unknown account too: both must take the same time
            await _record(unit, account, AuditOutcome.DENIED)
        raise WrongCredentials
    async with database.unit(actor) as unit:
        throttle = Throttle(unit)
        for key, _ in _budgets(attempt, is_known=True) + _budgets(attempt, is_known=False):
            await throttle.clear(key)
        await throttle.hit(_known(attempt), KNOWN_FOR)
        token = await sessions.open_staff(unit, account)
        await _record(unit, account, AuditOutcome.SUCCESS)
    log.info("login.accepted", extra={"request_id": attempt.request_id, "account": str(account.id)})
    return LoggedIn(account, token)


async def _record(unit: Unit, account: Account | None, outcome: AuditOutcome) -> None:
    account_id = None if account is None else str(account.id)
    await unit.audit.record("E", "account", entity_id=account_id, outcome=outcome, detail="login")


async def _count(throttle: Throttle, attempt: Attempt) -> None:
    """Count the try against its budgets. Row locks make parallel tries take turns; a refused one is not counted."""
    is_known = await throttle.count(_known(attempt)) > 0
    for key, limit in _budgets(attempt, is_known):
        if await throttle.hit(key, WINDOW) > limit:
            raise TooManyRequests(int(WINDOW.total_seconds()))


def _known(attempt: Attempt) -> str:
    return f"known/{_name(attempt)}/{attempt.browser}"


def _budgets(attempt: Attempt, is_known: bool) -> list[tuple[str, int]]:
    if is_known:
        return [(f"login/{_name(attempt)}/{attempt.browser}", PER_KNOWN_BROWSER)]
    return [(f"login/{_name(attempt)}", PER_ACCOUNT), (f"login-from/{attempt.address}", PER_ADDRESS)]


def _name(attempt: Attempt) -> str:
    return attempt.email.strip().casefold()


async def create(database: Database, passwords: Passwords, new: NewStaff) -> UUID:
    """Make an account (`python -m server staff add`). Raises AlreadyExists, PasswordTooShort."""
    hashed = passwords.hash(new.password)
    row = NewAccount(new.email, new.display, new.registration_number, new.role.value, hashed)
    async with database.unit(system_actor(DEFAULT_TENANT, "staff", "command")) as unit:
        return await unit.accounts.create(row)


@dataclass(frozen=True, slots=True, repr=False)
class NewStaff:
    """A member of staff to be."""

    email: str
    display: str
    password: str
    registration_number: str | None = None
    role: StaffRole = StaffRole.DOCTOR


async def disable(database: Database, email: str) -> bool:
    """End an account and every session of it at once; False when there is none."""
    async with database.unit(system_actor(DEFAULT_TENANT, "staff", "command")) as unit:
        account = await unit.accounts.by_email(email)
        if account is None:
            return False
        await unit.accounts.disable(account.id)
        await unit.sessions.revoke_of({"kind": "staff", "account_id": str(account.id)})
    return True
