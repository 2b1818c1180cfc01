"""GET /openapi.json: the API described from the route table, so that the two cannot differ."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from server.auth.access import Gate, rule_for
from server.http import fhir_openapi, schemas
from server.http.operations import OPERATIONS, Operation

routes = web.RouteTableDef()
_PROBLEM = {"$ref": "#/components/responses/Problem"}
# Statuses that any route may answer with, beside its own (README "Problem codes").
_ANYWHERE = ("400", "403", "404", "405", "408", "413", "429", "500", "503")
_WITH_BODY = ("415", "422")


def describe() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    paths |= fhir_openapi.paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Teleconsult",
            "version": "1",
            "description": "Errors are RFC 9457 problem documents; `code` is stable (server/http/README.md)."
            " Below /fhir they are OperationOutcomes, of /auth/token RFC 6749 §5.2.",
        },
        "paths": paths,
        "components": {
            "responses": {
                "Problem": {
                    "description": "A problem",
                    "content": _content("application/problem+json", schemas.PROBLEM),
                }
            },
            "securitySchemes": {
                "staff": {"type": "apiKey", "in": "cookie", "name": "session"},
                "link": {"type": "apiKey", "in": "cookie", "name": "visit"},
                "smart": fhir_openapi.security_scheme(),
            },
        },
    }


def _content(media_type: str, schema: schemas.Schema) -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": re.sub(r"[^a-z]+", "_", f"{operation.method.lower()}{operation.path}").strip("_"),
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "security": _security(operation),
        "x-problems": list(operation.problems),
    }
    if operation.body is not None:
        is_optional = not operation.body["required"]
        described["requestBody"] = {
            "required": not is_optional,
            "content": _content("application/json", operation.body),
        }
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", operation.path)
    found = [_parameter(name, "path", schemas.INTEGER if name == "part" else schemas.UUID) for name in names]
    if operation.method not in ("GET", "HEAD"):
        found.append(_parameter("X-Requested-With", "header", {"const": "teleconsult"}))
    if operation.takes_if_match:
        found.append(_parameter("If-Match", "header", {"type": "string", "pattern": '^"[0-9]{1,9}"$'}))
    if operation.takes_idempotency_key:
        pattern = {"type": "string", "pattern": "^[!-~]{1,128}$"}
        found.append(_parameter("Idempotency-Key", "header", pattern, required=False))
    return found


def _parameter(name: str, place: str, schema: schemas.Schema, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _responses(operation: Operation) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": "Done"}
    if operation.answer is not None:
        answered["content"] = _content(operation.media_type, operation.answer)
    elif operation.media_type != "application/json":
        answered["content"] = _content(operation.media_type, schemas.STRING)
    statuses = [*_ANYWHERE, *(_WITH_BODY if operation.body is not None else ()), "401", "409", "410", "412", "428"]
    return {str(operation.status): answered, **dict.fromkeys(statuses, _PROBLEM)}


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    rule = rule_for(operation.method, operation.path)
    assert rule is not None, "tests/server/test_access.py: every operation has a rule"
    names = {Gate.STAFF: ("staff",), Gate.LINK: ("link",), Gate.EITHER: ("staff", "link")}.get(rule.gate, ())
    return [{name: []} for name in names]


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.StreamResponse:
    """This description."""
    return web.json_response(describe())
