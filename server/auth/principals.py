"""Who is asking: the authenticated parties of the HTTP API. They come from session rows, never from a message."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose


class StaffRole(enum.Enum):
    """What an account may do."""

    DOCTOR = "doctor"  # sees patients
    DESK = "desk"  # creates visits and links, sees no clinical content
    PRIVACY = "privacy"  # reviews broken glass, holds and erases records; sees no clinical content


class LinkRole(enum.Enum):
    """What the bearer of a join link is in the visit."""

    PATIENT = "patient"
    CAREGIVER = "caregiver"
    INTERPRETER = "interpreter"
    EXPERT = "expert"


# A caregiver fills the form for a mother who cannot; an interpreter or expert never speaks for the patient.
SPEAKS_FOR_PATIENT = frozenset({LinkRole.PATIENT, LinkRole.CAREGIVER})


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """The browser that redeemed a join link of one visit."""

    tenant_id: UUID
    session_id: str
    visit_id: UUID
    role: LinkRole
    bearer: str
    """The browser that the link is bound to: the same over re-joins, unlike the session."""

    def to_row(self) -> dict[str, Any]:
        """Return what the session row keeps."""
        row = {"kind": "link", "visit_id": str(self.visit_id), "role": self.role.value}
        return {**row, "bearer": self.bearer}

    def actor(self, request_id: str) -> Actor:
        """Return the subject of decisions and audit entries."""
        return Actor(self.tenant_id, ActorKind.PATIENT, self.session_id, Purpose.PATRQT, request_id, self.visit_id)

    @property
    def seat(self) -> str:
        """The seat's id: the same for every tab, reload and re-join of this browser in this role."""
        return seat_id(f"{self.bearer}/{self.role.value}", self.visit_id)


@dataclass(frozen=True, slots=True)
class Staff:
    """A practitioner or desk clerk with an account."""

    tenant_id: UUID
    session_id: str
    account_id: UUID
    role: StaffRole
    expires_at: datetime
    display: str = field(repr=False)
    registration_number: str | None = field(repr=False, default=None)

    def actor(self, request_id: str, purpose: Purpose = Purpose.TREAT) -> Actor:
        """Return the subject of decisions and audit entries."""
        return Actor(self.tenant_id, ActorKind.PRACTITIONER, str(self.account_id), purpose, request_id)

    def seat_in(self, visit_id: UUID) -> str:
        """The seat's id in a visit: the same after a new login, so that a doctor comes back to their own seat."""
        return seat_id(str(self.account_id), visit_id)


Principal = LinkHolder | Staff


def seat_id(principal: str, visit_id: UUID) -> str:
    """Return `s_` and 12 hexadecimal digits; says nothing about the principal."""
    return "s_" + hashlib.sha256(f"{principal}/{visit_id}".encode()).hexdigest()[:12]


def system_actor(tenant_id: UUID, component: str, request_id: str) -> Actor:
    """Return the program itself as subject, for look-ups before anyone is authenticated."""
    return Actor(tenant_id, ActorKind.SYSTEM, component, Purpose.OPERAT, request_id)
