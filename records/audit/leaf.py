"""
One audit entry as the chain keeps it: canonical JSON of who did what to whose record, why and with what outcome.

Ids only; names, numbers and texts never stand here, so that the chain outlives an erasure (FHIR R4 AuditEvent, BALP).
"""

import enum
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from records.actors import Actor


class AuditAction(enum.Enum):
    """FHIR R4 AuditEvent.action."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class AuditOutcome(enum.Enum):
    """FHIR R4 AuditEvent.outcome."""

    SUCCESS = "0"
    REFUSED = "4"  # the request was well formed, the state or version was not; also a write that was rolled back
    DENIED = "8"  # the policy does not permit it


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened to one entity."""

    action: AuditAction
    entity_type: str
    entity_id: str | None = None
    patient_id: UUID | None = None
    visit_id: UUID | None = None
    outcome: AuditOutcome = AuditOutcome.SUCCESS
    detail: str | None = None
    """A stable code, such as an error's; never free text."""


def leaf(event: AuditEvent, actor: Actor, at: datetime) -> str:
    """Return the entry's canonical JSON: keys sorted, no white space, absent values left out (RFC 8785 for strings)."""
    visit_id = event.visit_id or actor.visit_id
    fields = {
        "action": event.action.value,
        "actor": actor.id,
        "actor_kind": actor.kind.value,
        "at": at.isoformat(),
        "detail": event.detail,
        "entity": event.entity_id,
        "entity_type": event.entity_type,
        "outcome": event.outcome.value,
        "patient": str(event.patient_id) if event.patient_id else None,
        "purpose": actor.purpose.value,
        "request": actor.request_id,
        "tenant": str(actor.tenant_id),
        "visit": str(visit_id) if visit_id else None,
    }
    return _CANONICAL.encode({name: value for name, value in fields.items() if value is not None})


_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
