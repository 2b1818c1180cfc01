"""WebSocket tickets: one use, 30 s, for the seat that the session says (ASVS 4.4.2)."""

from __future__ import annotations

from uuid import UUID

from records.errors import NotFound
from records.store.database import Database
from records.store.tickets import TICKET_LIFE_S
from server.auth.principals import LinkHolder, Principal, Staff, system_actor

EXPIRES_S = TICKET_LIFE_S
# What the others see of a helper whose link carries no name; a page words it in its own language by the role.
_LINK_DISPLAYS = {"patient": "", "caregiver": "", "interpreter": "", "expert": ""}


async def issue(database: Database, principal: Principal, visit_id: UUID | None, request_id: str) -> str:
    """
    Return a ticket for the principal's own seat.

    A link holder's visit is the link's; naming another is not found. A practitioner names a visit in their care.
    """
    match principal:
        case LinkHolder(visit_id=own):
            if visit_id not in (None, own):
                raise NotFound("visit")
            return await _issue_link(database, principal, request_id)
        case Staff():
            if visit_id is None:
                raise NotFound("visit")
            return await _issue_staff(database, principal, visit_id, request_id)


async def _issue_link(database: Database, holder: LinkHolder, request_id: str) -> str:
    async with database.unit(holder.actor(request_id)) as unit:
        visit = await unit.visits.get(holder.visit_id)
        display = _LINK_DISPLAYS[holder.role.value]
        if holder.role.value == "patient":
            display = (await unit.patients.get(visit.patient_id)).name
        return await unit.tickets.issue(
            session_id=holder.session_id, visit_id=visit.id, seat=holder.seat, role=holder.role.value, display=display
        )


async def _issue_staff(database: Database, staff: Staff, visit_id: UUID, request_id: str) -> str:
    async with database.unit(staff.actor(request_id)) as unit:
        await unit.visits.get(visit_id)  # NotFound or AccessDenied for a visit that is not in their care
    async with database.unit(system_actor(staff.tenant_id, "tickets", request_id)) as unit:
        return await unit.tickets.issue(
            session_id=staff.session_id, visit_id=visit_id, seat=staff.seat_in(visit_id), role=staff.role.value,
            display=staff.display,
        )  # fmt: skip
