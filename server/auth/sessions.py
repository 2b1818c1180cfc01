"""Sessions: rows in the database, found by the cookie's token, revocable at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from records.store.accounts import Account
from records.store.database import DEFAULT_TENANT, Database
from records.store.sessions import Session
from records.store.unit import Unit
from server.auth.access import Gate
from server.auth.principals import LinkHolder, LinkRole, Principal, Staff, StaffRole, system_actor
from server.http import cookies
from server.keys import DATABASE, SETTINGS

STAFF_IDLE_S = 15 * 60  # HIPAA 164.312(a)(2)(iii) names no figure; 15 min is the field's (security.md §13, 8)
STAFF_ABSOLUTE_S = 12 * 3_600  # ASVS 7.3.2: a shift
# After its link has ended a patient still reads the summary; then the link's bearer is nobody.
LINK_GRACE_S = 24 * 3_600


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session."""

    token: str
    principal: Principal


async def principal_of(app: web.Application, jar: Mapping[str, str], gate: Gate, request_id: str) -> Principal | None:
    """Return who holds the cookie that this gate reads, or None. With `EITHER` a login goes before a link."""
    bases = {
        Gate.STAFF: (cookies.SESSION,),
        Gate.LINK: (cookies.VISIT,),
        Gate.EITHER: (cookies.SESSION, cookies.VISIT),
    }.get(gate, ())
    for base in bases:
        token = cookies.read(jar, base, app[SETTINGS].is_secure)
        found = None if token is None else await find(app[DATABASE], token, request_id)
        if isinstance(found, Staff if base == cookies.SESSION else LinkHolder):
            return found
    return None


async def find(database: Database, token: str, request_id: str) -> Principal | None:
    """Return the principal of a live session, and note that it was used."""
    async with database.unit(system_actor(DEFAULT_TENANT, "sessions", request_id)) as unit:
        session = await unit.sessions.find(token)
    return None if session is None else _principal(session)


def _principal(session: Session) -> Principal | None:
    row = session.principal
    match row.get("kind"):
        case "link":
            visit_id = UUID(row["visit_id"])
            return LinkHolder(DEFAULT_TENANT, session.id, visit_id, LinkRole(row["role"]), row["bearer"])
        case "staff":
            display, number = row["display"], row["registration_number"]
            role = StaffRole(row["role"])
            return Staff(DEFAULT_TENANT, session.id, UUID(row["account_id"]), role, session.expires_at, display, number)
        case _:
            return None  # a kind of a newer release, during an upgrade


async def open_link(unit: Unit, holder: LinkHolder, lives_s: float) -> str:
    """Return the token of a link holder's new session. A patient's page may be idle for as long as the link lives."""
    life_s = int(lives_s) + LINK_GRACE_S
    return await unit.sessions.create(holder.to_row(), life_s, life_s)


async def open_staff(unit: Unit, account: Account) -> str:
    """
    Return the token of a new login: always a new one, whatever cookie came (security.md §13, 10).

    The row keeps the professional name, which a register publishes, so that no call needs the account again. Whoever
    disables an account must end its sessions (server/auth/accounts.py does).
    """
    row: dict[str, str | None] = {"kind": "staff", "account_id": str(account.id), "role": StaffRole(account.role).value}
    row |= {"display": account.display, "registration_number": account.registration_number}
    return await unit.sessions.create(row, STAFF_ABSOLUTE_S, STAFF_IDLE_S)


async def revoke(database: Database, token: str, request_id: str) -> None:
    """End a session. Its sockets and streams end within 2 s."""
    async with database.unit(system_actor(DEFAULT_TENANT, "sessions", request_id)) as unit:
        await unit.sessions.revoke(token)
