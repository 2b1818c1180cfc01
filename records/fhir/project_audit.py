"""An audit entry as AuditEvent, after IHE BALP 1.1: who, on whose record, why, with what outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from records.fhir import terminology as t
from records.fhir.model import is_resource_type

Json = dict[str, Any]

_SUBTYPES = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "operation"}
_OUTCOMES = {"0": "success", "4": "refused", "8": "denied"}
# Our own kinds of record, by the FHIR type that mirrors them.
_MIRRORS = {"visit": "Encounter", "patient": "Patient", "account": "Practitioner"}
_AGENT_KINDS = {
    "service": ("110153", "Source Role ID"),
    "practitioner": ("110152", "Destination Role ID"),
    "patient": ("110152", "Destination Role ID"),
    "device": ("110150", "Application"),
    "system": ("110150", "Application"),
}


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry of the chain."""

    number: int
    recorded_at: datetime
    leaf: Mapping[str, str]


def audit_event(record: AuditRecord) -> Json:
    """Give the AuditEvent; its id is the entry's number in the chain."""
    leaf = record.leaf
    subtype = "search" if (leaf.get("detail") or "").startswith("search") else _SUBTYPES[leaf["action"]]
    instant = record.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found: Json = {
        "resourceType": "AuditEvent",
        "id": str(record.number),
        "meta": {"versionId": "1", "lastUpdated": instant},
        "type": t.coding(t.AUDIT_TYPE, "rest", "RESTful Operation"),
        "subtype": [t.coding(t.RESTFUL, subtype)],
        "action": leaf["action"],
        "recorded": instant,
        "outcome": leaf["outcome"],
        "outcomeDesc": leaf.get("detail") or _OUTCOMES.get(leaf["outcome"], "unknown"),
        "purposeOfEvent": [t.concept(t.PURPOSE, leaf["purpose"])],
        "agent": [_agent(leaf)],
        "source": {"observer": {"display": "Teleconsult"}, "type": [t.coding(_SOURCE_TYPE, "4", "Application Server")]},
    }
    found["entity"] = [_request(leaf), *_entities(leaf)]
    return found


_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"


def _agent(leaf: Mapping[str, str]) -> Json:
    code, display = _AGENT_KINDS[leaf["actor_kind"]]
    return {
        "type": t.concept(t.DICOM, code, display),
        "who": {"identifier": {"system": t.OURS + leaf["actor_kind"], "value": leaf["actor"]}},
        "requestor": True,
    }


def _request(leaf: Mapping[str, str]) -> Json:
    """BALP's transaction entity: the same id stands in the log lines and in the answer's X-Request-Id."""
    return {
        "what": {"identifier": {"system": t.OURS + "request", "value": leaf["request"]}},
        "type": t.coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId"),
    }


def _entities(leaf: Mapping[str, str]) -> list[Json]:
    found: list[Json] = []
    if patient := leaf.get("patient"):
        found.append({
            "what": {"reference": f"Patient/{patient}"},
            "type": t.coding(t.ENTITY_TYPE, "1", "Person"),
            "role": t.coding(t.OBJECT_ROLE, "1", "Patient"),
        })  # fmt: skip
    type_ = _MIRRORS.get(leaf["entity_type"], leaf["entity_type"])
    what: Json = {"display": leaf["entity_type"]}
    if is_resource_type(type_) and leaf.get("entity"):
        what = {"reference": f"{type_}/{leaf['entity']}"}
    if what.get("reference") != f"Patient/{leaf.get('patient')}":
        role = t.coding(t.OBJECT_ROLE, "4", "Domain Resource")
        found.append({"what": what, "type": t.coding(t.ENTITY_TYPE, "2", "System Object"), "role": role})
    return found
