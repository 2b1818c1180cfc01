"""Live consultations of this process: one task and one bounded inbox each. Executes the core's effects in order."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from signaling.messages import ServerEnvelope
from signaling.states import Presence as SeatPresence
from signaling.states import Role


@dataclass(frozen=True, slots=True)
class SeatTicket:
    """Who takes which seat, as server/auth authenticated it."""

    tenant_id: UUID
    visit_id: UUID
    role: Role
    principal: str
    """Stable over reloads and new sockets: account id of staff, session id of a link's bearer."""
    session_id: str
    """Its revocation closes the socket within 2 s."""
    display: str = field(repr=False, default="")


class SeatSocket(Protocol):
    """One connected page. `send` never waits: a full queue closes the socket with 1013."""

    def send(self, envelope: ServerEnvelope) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is there, for the console's queue."""

    patient: SeatPresence
    practitioner: SeatPresence


class Rooms:
    """Every live consultation of this process. `run` must be running."""

    async def run(self) -> None:
        """Own every task of the rooms until cancelled."""
        raise NotImplementedError

    async def join(self, ticket: SeatTicket, socket: SeatSocket) -> None:
        """Seat an authenticated page; its messages follow by `receive`."""
        raise NotImplementedError

    async def visit_changed(self, visit_id: UUID) -> None:
        """Read the visit's state again after an HTTP change and tell its seats."""
        raise NotImplementedError

    async def queue_changed(self) -> None:
        """Work out every waiting patient's place again and tell them; at most once a second."""
        raise NotImplementedError

    def presence(self, visit_id: UUID) -> Presence:
        """Return who is present; away for a visit without live seats."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every socket with 1001 and stop; the relays keep the media."""
        raise NotImplementedError
