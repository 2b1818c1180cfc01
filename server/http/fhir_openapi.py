"""/fhir and /auth/token in /openapi.json; what each type does in full says /fhir/metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from records.fhir.interactions import COMPARTMENTS, SERVED_TYPES
from records.fhir.search_draft import MAX_COUNT
from server.auth.smart import ASSERTION_TYPE

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
_ID = {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}
_TEXT = {"type": "string"}
_TIME = {"type": "string", "pattern": r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?)?)?$"}
_WEAK_TAG = {"type": "string", "pattern": '^W/"[0-9]{1,9}"$'}

_PATHS = {
    "type": {"type": "string", "enum": sorted(SERVED_TYPES)},
    "compartment": {"type": "string", "enum": list(COMPARTMENTS)},
    "member": {"type": "string", "enum": [*sorted(SERVED_TYPES - {"AuditEvent"}), "*"]},
    "id": _ID,
    "version": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}
_ANSWER = {
    "_pretty": {"type": "boolean"},
    "_format": {"type": "string", "enum": ["json", "application/json", FHIR_JSON]},
    "_summary": {"type": "string", "enum": ["true", "text", "data", "count", "false"]},
    "_elements": _TEXT,
}
_VALIDATE = {
    "mode": {"type": "string", "enum": ["create", "update", "delete", "profile"]},
    "profile": {"type": "string", "format": "uri"},
}
_SEARCH = {
    **_ANSWER,
    "_id": _ID,
    "_lastUpdated": _TEXT,
    "_tag": _TEXT,
    "_profile": _TEXT,
    "_security": _TEXT,
    "_count": _COUNT,
    "_sort": _TEXT,
    "_total": {"type": "string", "enum": ["none", "estimate", "accurate"]},
    "_include": _TEXT,
    "_revinclude": _TEXT,
    "_has": _TEXT,
}
_HISTORY = {"_count": _COUNT, "_since": _TIME, "_at": _TIME}
_PREFER_RETURN = {
    "Prefer": {"type": "string", "enum": ["return=minimal", "return=representation", "return=OperationOutcome"]}
}
_PREFER_HANDLING = {"Prefer": {"type": "string", "enum": ["handling=strict", "handling=lenient"]}}
_IF_MATCH = {"If-Match": _WEAK_TAG}
_READ = {"If-None-Match": _WEAK_TAG, "If-Modified-Since": _TEXT}

RESOURCE: Json = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string", "enum": sorted(SERVED_TYPES)}, "id": _ID},
    "description": "A resource of FHIR R4 4.0.1; /fhir/metadata names the types.",
}
BUNDLE: Json = {
    "type": "object",
    "required": ["resourceType", "type"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "type": {"type": "string", "enum": ["transaction", "batch"]},
        "entry": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["request"],
                "properties": {
                    "fullUrl": _TEXT,
                    "resource": RESOURCE,
                    "request": {
                        "type": "object",
                        "required": ["method", "url"],
                        "properties": {
                            "method": {"type": "string", "enum": ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]},
                            "url": _TEXT,
                            "ifMatch": _WEAK_TAG,
                            "ifNoneMatch": _TEXT,
                            "ifNoneExist": _TEXT,
                        },
                    },
                },
            },
        },
    },
}
JSON_PATCH: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string", "pattern": "^(/[A-Za-z0-9_-]+)*$"},
            "from": {"type": "string", "pattern": "^(/[A-Za-z0-9_-]+)*$"},
            "value": {},
        },
    },
}
_PATCHES = {"application/json-patch+json": JSON_PATCH, "application/merge-patch+json": {"type": "object"}}
_BODY = {FHIR_JSON: RESOURCE}
_FORM = {"application/x-www-form-urlencoded": {"type": "object", "properties": _SEARCH}}
_TOKEN_FORM: Json = {
    "type": "object",
    "required": ["grant_type", "client_assertion_type", "client_assertion", "scope"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_assertion_type": {"const": ASSERTION_TYPE},
        "client_assertion": _TEXT,
        "scope": _TEXT,
        "client_id": _TEXT,
    },
}


@dataclass(frozen=True, slots=True)
class FhirOperation:
    """One method of one path; `statuses` are those beside the errors that each may give."""

    method: str
    path: str
    summary: str
    statuses: tuple[int, ...] = (200,)
    query: Json | None = None
    headers: Json | None = None
    bodies: Json | None = None
    takes_criteria: bool = False
    """Any search parameter of the type may stand in the query."""
    is_open: bool = False


_O = FhirOperation
FHIR_OPERATIONS = (
    _O("GET", "/fhir/metadata", "CapabilityStatement", query=_ANSWER, is_open=True),
    _O("GET", "/fhir/.well-known/smart-configuration", "SMART configuration", is_open=True),
    _O("POST", "/auth/token", "Access token of SMART Backend Services", is_open=True,
       bodies={"application/x-www-form-urlencoded": _TOKEN_FORM}),
    _O("POST", "/fhir", "Transaction or batch", headers=_PREFER_RETURN, bodies={FHIR_JSON: BUNDLE}),
    _O("GET", "/fhir", "Search over types", query={"_type": _TEXT, **_SEARCH}, headers=_PREFER_HANDLING,
       takes_criteria=True),
    _O("POST", "/fhir/_search", "Search over types by form", bodies=_FORM, headers=_PREFER_HANDLING),
    _O("GET", "/fhir/_history", "Versions of everything", query=_HISTORY, headers=_PREFER_HANDLING),
    _O("GET", "/fhir/{type}", "Search", query=_SEARCH, headers=_PREFER_HANDLING, takes_criteria=True),
    _O("POST", "/fhir/{type}/_search", "Search by form", bodies=_FORM, headers=_PREFER_HANDLING),
    _O("POST", "/fhir/{type}", "Create", (200, 201), bodies=_BODY, headers={**_PREFER_RETURN, "If-None-Exist": _TEXT}),
    _O("PUT", "/fhir/{type}", "Update the one match or create", (200, 201), bodies=_BODY, takes_criteria=True,
       headers={**_PREFER_RETURN, **_IF_MATCH}),
    _O("PATCH", "/fhir/{type}", "Patch the one match", bodies=_PATCHES, takes_criteria=True,
       headers={**_PREFER_RETURN, **_IF_MATCH}),
    _O("DELETE", "/fhir/{type}", "Delete the one match", (204,), takes_criteria=True, headers=_IF_MATCH),
    _O("GET", "/fhir/{type}/_history", "Versions of a type", query=_HISTORY, headers=_PREFER_HANDLING),
    _O("POST", "/fhir/{type}/$validate", "Validate", bodies=_BODY, query=_VALIDATE),
    _O("GET", "/fhir/{type}/{id}", "Read", (200, 304), query=_ANSWER, headers=_READ),
    _O("PUT", "/fhir/{type}/{id}", "Update or create", (200, 201), bodies=_BODY,
       headers={**_PREFER_RETURN, **_IF_MATCH, "If-None-Match": {"const": "*"}}),
    _O("PATCH", "/fhir/{type}/{id}", "Patch", bodies=_PATCHES, headers={**_PREFER_RETURN, **_IF_MATCH}),
    _O("DELETE", "/fhir/{type}/{id}", "Delete", (204,), headers=_IF_MATCH),
    _O("GET", "/fhir/{type}/{id}/$validate", "Validate what is stored", query=_VALIDATE),
    _O("POST", "/fhir/{type}/{id}/$validate", "Validate for an update", bodies=_BODY, query=_VALIDATE),
    _O("GET", "/fhir/{type}/{id}/$everything", "All of a patient's compartment",
       query={"_count": _COUNT, "_since": _TIME, "start": _TIME, "end": _TIME, "_type": _TEXT}),
    _O("POST", "/fhir/{type}/{id}/$everything", "All of a patient's compartment, by Parameters", bodies=_BODY),
    _O("GET", "/fhir/{type}/{id}/_history", "Versions", query=_HISTORY, headers=_PREFER_HANDLING),
    _O("GET", "/fhir/{type}/{id}/_history/{version}", "Read one version", (200, 304), headers=_READ),
    _O("GET", "/fhir/{type}/{id}/{member}", "Search in a compartment", query={"_type": _TEXT, **_SEARCH},
       headers=_PREFER_HANDLING, takes_criteria=True),
    _O("POST", "/fhir/{type}/{id}/{member}/_search", "Search in a compartment by form", bodies=_FORM,
       headers=_PREFER_HANDLING),
)  # fmt: skip
_ERRORS = ("400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "422", "429", "503")


def paths() -> dict[str, dict[str, Json]]:
    """Give the path items."""
    found: dict[str, dict[str, Json]] = {}
    for operation in FHIR_OPERATIONS:
        found.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return found


def security_scheme() -> Json:
    """Give the scheme `smart`: client credentials proven by a signed assertion."""
    scopes = {"system/*.rs": "read and search everything", "system/*.cruds": "everything"}
    return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/auth/token", "scopes": scopes}}}


def _described(operation: FhirOperation) -> Json:
    found: Json = {
        "operationId": "fhir_" + re.sub(r"[^a-z]+", "_", f"{operation.method}{operation.path}".lower()).strip("_"),
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
        "security": [] if operation.is_open else [{"smart": []}],
    }
    if operation.bodies is not None:
        content = {media_type: {"schema": schema} for media_type, schema in operation.bodies.items()}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameters(operation: FhirOperation) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": _PATHS[name]}
    for name, schema in (operation.query or {}).items():
        yield {"name": name, "in": "query", "schema": schema}
    for name, schema in (operation.headers or {}).items():
        yield {"name": name, "in": "header", "schema": schema}
    if operation.takes_criteria:
        schema = {"type": "object", "additionalProperties": _TEXT}
        yield {"name": "criteria", "in": "query", "style": "form", "explode": True, "schema": schema}


def _responses(operation: FhirOperation) -> Json:
    outcome = {"description": "OperationOutcome: what is wrong and what to do", "content": {FHIR_JSON: {"schema": {}}}}
    done = {"description": "Done", "content": {FHIR_JSON: {"schema": {"type": "object"}}}}
    if operation.path in ("/auth/token", "/fhir/.well-known/smart-configuration"):
        done = {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}}
    bare = {"description": "Done, without a body"}
    statuses = {str(s): bare if s in (204, 304) else done for s in operation.statuses}
    return {**statuses, **dict.fromkeys(_ERRORS, outcome)}
