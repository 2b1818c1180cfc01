"""An audit entry as AuditEvent, after IHE BALP 1.1: who, on whose record, why, with what outcome. Pure."""

from __future__ import annotations

import base64
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
# Who the data goes to: a reader is the destination; a query and a write go the other way (BALP, after DICOM).
_SOURCE, _DESTINATION = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_PROFILES = {"C": "Create", "R": "Read", "U": "Update", "D": "Delete"}
# The profiles want the client's address; ours keeps none beside what somebody read.
_MASKED = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
_URI = "5"  # network-type


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry of the chain."""

    number: int
    recorded_at: datetime
    leaf: Mapping[str, str]


def audit_event(record: AuditRecord, base_url: str) -> Json:
    """Give the AuditEvent of this server; its id is the entry's number in the chain."""
    leaf = record.leaf
    subtype = "search" if (leaf.get("detail") or "").startswith("search") else _SUBTYPES[leaf["action"]]
    instant = record.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found: Json = {
        "resourceType": "AuditEvent",
        "id": str(record.number),
        "meta": {"versionId": "1", "lastUpdated": instant, **_profile(leaf, subtype)},
        "type": t.coding(t.AUDIT_TYPE, "rest", "RESTful Operation"),
        "subtype": [t.coding(t.RESTFUL, subtype)],
        "action": leaf["action"],
        "recorded": instant,
        "outcome": leaf["outcome"],
        "outcomeDesc": leaf.get("detail") or _OUTCOMES.get(leaf["outcome"], "unknown"),
        "purposeOfEvent": [t.concept(t.PURPOSE, leaf["purpose"])],
        "agent": [_client(leaf), _server(leaf, base_url)],
        "source": {"observer": {"display": "Teleconsult"}, "type": [t.coding(_SOURCE_TYPE, "4", "Application Server")]},
    }
    found["entity"] = [_request(leaf), *_entities(leaf, subtype == "search" and leaf["action"] == "E")]
    return found


def _profile(leaf: Mapping[str, str], subtype: str) -> Json:
    """Name the profile that the event keeps: successes of systems at resources; refusals are recorded differently."""
    if leaf["outcome"] != "0" or leaf["actor_kind"] != "service" or not is_resource_type(leaf["entity_type"]):
        return {}
    if subtype == "search":
        return {"profile": [BALP + "Query"]} if leaf["action"] == "E" else {}
    name = _PROFILES.get(leaf["action"])
    if name is None or "entity" not in leaf:
        return {}
    return {"profile": [BALP + ("Patient" if "patient" in leaf else "") + name]}


_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"


def _client(leaf: Mapping[str, str]) -> Json:
    return {
        "type": t.concept(t.DICOM, *(_DESTINATION if leaf["action"] == "R" else _SOURCE)),
        "who": {"identifier": {"system": t.OURS + leaf["actor_kind"], "value": leaf["actor"]}},
        "requestor": True,
        "network": _MASKED,
        "purposeOfUse": [t.concept(t.PURPOSE, leaf["purpose"])],
    }


def _server(leaf: Mapping[str, str], base_url: str) -> Json:
    return {
        "type": t.concept(t.DICOM, *(_SOURCE if leaf["action"] == "R" else _DESTINATION)),
        "who": {"display": "Teleconsult"},
        "requestor": False,
        "network": {"address": base_url, "type": _URI},
    }


def _request(leaf: Mapping[str, str]) -> Json:
    """BALP's transaction entity: the same id stands in the log lines and in the answer's X-Request-Id."""
    return {
        "what": {"identifier": {"system": t.OURS + "request", "value": leaf["request"]}},
        "type": t.coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId"),
    }


def _entities(leaf: Mapping[str, str], is_query: bool) -> list[Json]:
    found: list[Json] = []
    if patient := leaf.get("patient"):
        found.append({
            "what": {"reference": f"Patient/{patient}"},
            "type": t.coding(t.ENTITY_TYPE, "1", "Person"),
            "role": t.coding(t.OBJECT_ROLE, "1", "Patient"),
        })  # fmt: skip
    if is_query:
        # The type alone: the chain outlives an erasure, so it keeps no word of what was searched for.
        role = t.coding(t.OBJECT_ROLE, "24", "Query")
        query = base64.b64encode(leaf["entity_type"].encode()).decode()
        return [*found, {"type": t.coding(t.ENTITY_TYPE, "2", "System Object"), "role": role, "query": query}]
    type_ = _MIRRORS.get(leaf["entity_type"], leaf["entity_type"])
    what: Json = {"display": leaf["entity_type"]}
    if is_resource_type(type_) and leaf.get("entity"):
        what = {"reference": f"{type_}/{leaf['entity']}"}
    # The profiles want it beside the patient even where it is the patient.
    role = t.coding(t.OBJECT_ROLE, "4", "Domain Resource")
    return [*found, {"what": what, "type": t.coding(t.ENTITY_TYPE, "2", "System Object"), "role": role}]
