"""WebSocket tickets: one use, half a minute, so that no cookie or long-lived token travels in a message."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import delete, insert, update

from records.errors import TicketInvalid
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import ticket
from records.store.tokens import new_token, token_hash

TICKET_LIFE_S = 30  # from the answer of POST /api/tickets to the first WebSocket message, on a bad line


class SeatFields(TypedDict):
    """Whose seat a ticket is for; all from the authenticated session."""

    session_id: str
    visit_id: UUID
    seat: str
    role: str
    display: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A redeemed ticket."""

    session_id: str
    visit_id: UUID
    seat: str
    role: str
    display: str


class Tickets(Repository):
    """`unit.tickets`."""

    async def issue(self, **seat: Unpack[SeatFields]) -> str:
        """Return a token for one seat, good once within 30 s."""
        token, hashed = new_token()
        patient_id = await self._unit.patient_of(seat["visit_id"])
        display = await self._seal_text(patient_id, _cell(hashed), seat["display"])  # often the patient's name
        row = {**seat, "display": display, "tenant_id": self._tenant, "token_hash": hashed,
               "expires_at": self._unit.now + timedelta(seconds=TICKET_LIFE_S)}  # fmt: skip
        await self._run(insert(ticket).values(row))
        return token

    async def redeem(self, token: str) -> Ticket:
        """Use a ticket up. Raises TicketInvalid. Race-free: the row changes only while it is unused."""
        now = self._unit.now
        mine = ticket.c.token_hash == token_hash(token)
        is_live = ticket.c.redeemed_at.is_(None) & (ticket.c.expires_at > now)
        used = await self._run(update(ticket).where(mine, is_live).values(redeemed_at=now).returning(ticket))
        row = used.one_or_none()
        if row is None:
            raise TicketInvalid("the ticket is unknown, used or too old")
        patient_id = await self._unit.patient_of(row.visit_id)
        await self._unit.audit.record("E", "ticket", patient_id=patient_id, visit_id=row.visit_id, detail=row.role)
        display = (await self._unit.open(patient_id, _cell(row.token_hash), row.display)).decode()
        return Ticket(row.session_id, row.visit_id, row.seat, row.role, display)

    async def sweep(self) -> int:
        """Delete tickets that are over; return how many."""
        over = ticket.c.expires_at < self._unit.now - timedelta(hours=1)
        return (await self._run(delete(ticket).where(over))).rowcount


def _cell(hashed: bytes) -> Cell:
    return Cell(ticket.name, hashed.hex(), "display")
