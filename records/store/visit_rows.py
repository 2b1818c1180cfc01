"""A visit and its history as the rows hold them; open columns only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Visit:
    """One consultation, from booking to signature. Its id is the Encounter's and the relay room's too."""

    id: UUID
    tenant_id: UUID
    patient_id: UUID
    state: str
    level: str | None
    mode: str
    lang: str
    practitioner_id: UUID | None
    lease_until: datetime | None
    rang_at: datetime | None
    waiting_since: datetime | None
    scheduled_at: datetime | None
    promised_low_min: int | None
    promised_high_min: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    epoch: int
    relay: str | None
    line_check: dict[str, Any] | None
    """What the patient's test of the line found (server/http/README.md)."""
    line_record: list[dict[str, Any]] | None
    """What each participant's line was fit for in the call (signaling/fitness.py)."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state. Append-only."""

    from_state: str
    """'' for the first."""
    to_state: str
    trigger: str
    actor_kind: str
    actor_id: str
    cause: str | None
    at: datetime
    version: int


def visit_of(row: Row[Any]) -> Visit:
    """Return a row as a Visit."""
    return Visit(**{name: getattr(row, name) for name in Visit.__dataclass_fields__})


def transition_of(row: Row[Any]) -> Transition:
    """Return a row as a Transition."""
    return Transition(**{name: getattr(row, name) for name in Transition.__dataclass_fields__})
