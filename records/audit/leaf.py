"""
One audit entry as the chain keeps it: canonical JSON of who did what to whose record, why and with what outcome.

Ids only; names, numbers and texts never stand here, so that the chain outlives an erasure (FHIR R4 AuditEvent, BALP).
"""

import enum
import json
from collections.abc import Iterable
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
    return _leaf(event, actor, _about(actor, at))


def leaves(events: Iterable[tuple[AuditEvent, Actor]], at: datetime) -> list[str]:
    """Return the canonical JSON of many entries of one instant: what tells of an actor is written once for each."""
    known: dict[int, tuple[str, str]] = {}
    found = []
    for event, actor in events:
        about = known.get(id(actor))
        if about is None:
            about = known[id(actor)] = _about(actor, at)
        found.append(_leaf(event, actor, about))
    return found


def _about(actor: Actor, at: datetime) -> tuple[str, str]:
    """Give the members between `action` and `detail`, and those between `patient` and `visit`."""
    first = f'"actor":{_text(actor.id)},"actor_kind":"{actor.kind.value}","at":"{at.isoformat()}"'
    purpose, request = actor.purpose.value, _text(actor.request_id)
    return first, f'"purpose":"{purpose}","request":{request},"tenant":"{actor.tenant_id}"'


def _leaf(event: AuditEvent, actor: Actor, about: tuple[str, str]) -> str:
    visit_id = event.visit_id or actor.visit_id
    return "".join((
        f'{{"action":"{event.action.value}",{about[0]}',
        f',"detail":{_text(event.detail)}' if event.detail is not None else "",
        f',"entity":{_text(event.entity_id)}' if event.entity_id is not None else "",
        f',"entity_type":{_text(event.entity_type)},"outcome":"{event.outcome.value}"',
        f',"patient":"{event.patient_id}"' if event.patient_id else "",
        f",{about[1]}",
        f',"visit":"{visit_id}"' if visit_id else "",
        "}",
    ))  # fmt: skip


_text = json.JSONEncoder(ensure_ascii=False).encode
