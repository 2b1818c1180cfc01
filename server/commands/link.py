"""`link`: a new patient link for a visit, when the page that made the first one is not at hand."""

from __future__ import annotations

import asyncio
from uuid import UUID

from records.store.database import DEFAULT_TENANT
from server.auth import links
from server.auth.principals import LinkRole, system_actor
from server.clock import Clock
from server.commands.reach import opened, reachable
from server.config import Settings
from server.faults import StartFault


class NoSuchVisit(StartFault):
    """The argument is no visit's id."""

    code = "no-such-visit"


def link(settings: Settings, visit: str) -> int:
    """Print the link."""
    try:
        visit_id = UUID(visit)
    except ValueError:
        raise NoSuchVisit(
            f"{visit[:60]!r} is no visit's id.", "copy it from the console's address: 8-4-4-4-12 hex digits."
        ) from None
    with reachable(settings) as reached:
        print(asyncio.run(issue(reached, visit_id)))
    return 0


async def issue(settings: Settings, visit_id: UUID) -> str:
    """Return the address that the patient opens. Raises NotFound."""
    actor = system_actor(DEFAULT_TENANT, "command-line", "link")
    async with opened(settings) as database, database.unit(actor) as unit:
        visit = await unit.visits.get(visit_id)
        token, _ = await links.issue(unit, visit, LinkRole.PATIENT, Clock().now())
    return f"{settings.public_url}/visit#t={token}"
