"""Who acts, in what role, for what purpose: the subject of every decision and of every audit entry."""

import enum
from dataclasses import dataclass
from uuid import UUID


class ActorKind(enum.Enum):
    """What kind of party acts. Drawn in records/README.md, which a test compares."""

    PATIENT = "patient"  # the person a join link was given to, helpers of the visit included
    PRACTITIONER = "practitioner"  # staff with an account
    SYSTEM = "system"  # this program itself: jobs, clocks, migrations
    DEVICE = "device"  # a WHIP or WHEP device of one visit
    SERVICE = "service"  # a hospital system with SMART Backend Services credentials


class Purpose(enum.Enum):
    """Why the actor acts (HL7 v3 PurposeOfUse)."""

    TREAT = "TREAT"  # treatment
    ETREAT = "ETREAT"  # emergency treatment
    BTG = "BTG"  # break the glass
    PATRQT = "PATRQT"  # patient requested
    OPERAT = "OPERAT"  # healthcare operations
    SYSADMIN = "SYSADMIN"  # system administration
    HRESCH = "HRESCH"  # healthcare research


@dataclass(frozen=True, slots=True)
class Actor:
    """One authenticated party in one request. Comes from the session or token, never from a message."""

    tenant_id: UUID
    kind: ActorKind
    id: str  # opaque: account id, client id, session id, or a component's name
    purpose: Purpose
    request_id: str  # joins audit entries and log lines of one request
    visit_id: UUID | None = None  # the one visit that a patient or device may touch
    reason: str | None = None  # required for BTG; free text, kept sealed for the review (unit.break_glass)
