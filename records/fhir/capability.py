"""CapabilityStatement: what the server does, read from the tables that make it do so."""

from __future__ import annotations

from typing import Any

from records.fhir.interactions import COMPARTMENTS, INTERACTIONS, OPERATIONS, SYSTEM_INTERACTIONS
from records.fhir.parameters import parameters
from records.fhir.search_results import includes_of, reverse_includes_of

Json = dict[str, Any]
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
# The date of the software's statement, not of the request: the same version always says the same.
DATE = "2026-11-22"


def capability_statement(base_url: str, token_url: str, version: str) -> Json:
    """Give the statement of this instance."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Teleconsult", "version": version},
        "implementation": {"description": "Teleconsult records", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json", "application/merge-patch+json"],
        "rest": [_rest(base_url, token_url)],
    }


def _rest(base_url: str, token_url: str) -> Json:
    found: Json = {
        "mode": "server",
        "security": _security(token_url),
        "resource": [_resource(type_) for type_ in sorted(INTERACTIONS)],
        "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS],
    }
    found["compartment"] = [f"http://hl7.org/fhir/CompartmentDefinition/{c.lower()}" for c in COMPARTMENTS]
    return found


def _security(token_url: str) -> Json:
    return {
        "extension": [{"url": OAUTH_URIS, "extension": [{"url": "token", "valueUri": token_url}]}],
        "cors": False,
        "service": [{"coding": [{"system": SERVICE, "code": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services 2.2: private_key_jwt with RS384 or ES384; access tokens live 300 s",
    }


def _resource(type_: str) -> Json:
    codes = INTERACTIONS[type_]
    found: Json = {"type": type_, "interaction": [{"code": code} for code in codes]}
    if "update" in codes:
        found |= {
            "versioning": "versioned-update",
            "readHistory": True,
            "updateCreate": True,
            "conditionalCreate": True,
            "conditionalRead": "full-support",
            "conditionalUpdate": True,
            "conditionalDelete": "single",
            "referencePolicy": ["literal", "logical"],
        }
        if includes := includes_of(type_):
            found["searchInclude"] = ["*", *includes]
        if includes := reverse_includes_of(type_):
            found["searchRevInclude"] = ["*", *includes]
    found["searchParam"] = [
        {"name": c, "definition": p.url, "type": p.kind} for c, p in sorted(searchable(type_).items())
    ]
    operations = [
        {"name": n.removeprefix("$"), "definition": u} for n, (types, u) in OPERATIONS.items() if type_ in types
    ]
    if operations:
        found["operation"] = operations
    return found


def searchable(type_: str) -> dict[str, Any]:
    """Give the search parameters that work on a type; the audit trail has its own short list."""
    found = dict(parameters(type_))
    if type_ == "AuditEvent":
        return {c: found[c] for c in AUDIT_PARAMETERS}
    return found


AUDIT_PARAMETERS = (
    "_id", "_lastUpdated", "action", "agent", "date", "entity", "outcome", "patient", "subtype", "type",
)  # fmt: skip
