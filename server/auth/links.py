"""Join links: redeemed once by POST, bound to the first browser; GET never touches them (security.md §7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from records.store.database import DEFAULT_TENANT, Database
from records.store.unit import Unit
from records.store.visit_rows import Visit
from server.auth import sessions
from server.auth.principals import LinkHolder, LinkRole, system_actor

# Join from 30 min before to 4 h after the appointment (consultation.md §4, VA); a walk-in's link serves that day.
OPENS_BEFORE = timedelta(minutes=30)
CLOSES_AFTER = timedelta(hours=4)
WALK_IN_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Joined:
    """A redeemed link."""

    visit_id: UUID
    role: LinkRole
    token: str
    """Of the new session."""


def window(visit: Visit, now: datetime) -> tuple[datetime, datetime]:
    """Return when a link of this visit opens and closes."""
    if visit.scheduled_at is None:
        return now, now + WALK_IN_LIFE
    # A link made after the appointment (the patient called late) serves from now on.
    return visit.scheduled_at - OPENS_BEFORE, max(visit.scheduled_at, now) + CLOSES_AFTER


async def join(database: Database, token: str, bearer: str, request_id: str, now: datetime) -> Joined:
    """
    Bind a link to a browser and open a session.

    Of many browsers at once one wins. The same browser may come again: after a lost answer, a reload, a closed tab.
    Raises LinkUnknown, LinkNotYet, LinkExpired, LinkRevoked, LinkUsedElsewhere.
    """
    async with database.unit(system_actor(DEFAULT_TENANT, "join", request_id)) as unit:
        link = await unit.links.redeem(token, bearer)
        holder = LinkHolder(DEFAULT_TENANT, "", link.visit_id, LinkRole(link.role), bearer)
        session = await sessions.open_link(unit, holder, (link.expires_at - now).total_seconds())
    return Joined(link.visit_id, holder.role, session)


async def issue(unit: Unit, visit: Visit, role: LinkRole, now: datetime) -> tuple[str, datetime]:
    """Return a new join token and when it ends. A new link of a role ends the older ones; a patient's sessions too."""
    opens, closes = window(visit, now)
    if role is LinkRole.PATIENT:
        await unit.sessions.revoke_of({"kind": "link", "visit_id": str(visit.id), "role": role.value})
    return await unit.links.issue(visit.id, role.value, opens, closes), closes


async def revoke_all(unit: Unit, visit_id: UUID) -> None:
    """End every join link of a visit, the sessions that they opened, and its devices' tokens."""
    await unit.links.revoke(visit_id)
    await unit.sessions.revoke_of({"kind": "link", "visit_id": str(visit_id)})


def link_url(public_url: str, token: str) -> str:
    """Return the address to hand to a person. The token is in the fragment: no server, proxy or log sees it."""
    return f"{public_url}/visit#t={token}"
