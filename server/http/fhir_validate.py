"""$validate: whether a resource is what it should be, and whether a write of it would be taken (FHIR R4 §3.1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from records.fhir import text
from records.fhir.errors import (
    BadRequest,
    BusinessRule,
    FhirError,
    Issue,
    ResourceGone,
    ResourceUnknown,
)
from records.fhir.identity import key_owner, patient_id_of
from records.fhir.search_text import search_pairs
from records.fhir.validate import find_issues
from records.store.resource_rows import Stored
from records.store.unit import Unit
from server.http.fhir_call import Call, aside, check_json, outcome, read_body
from server.http.fhir_write import refuse_part

Json = dict[str, Any]
_LETTERS = {"create": "c", "update": "u", "delete": "d"}
_BASE = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be validated, for what."""

    resource: Json | None
    mode: str
    profile: str
    id: str = ""
    """Of the instance; empty on the level of the type."""


async def validate(call: Call) -> web.Response:
    """[type]/$validate and [type]/[id]/$validate: always 200, the findings are the answer."""
    asked = await _asked(call)
    async with call.unit() as unit:
        call.need(call.type, "read", "r")
        await unit.audit.record("E", call.type, detail="validate")
        current, refusal = await _current(call, unit, asked)
        if asked.resource is None and asked.mode != "delete":
            asked = await _stored(asked, current, refusal)
    findings = await aside(call, lambda: list(_findings(call, asked, current, refusal)))
    return outcome(200, findings)


async def _asked(call: Call) -> _Asked:
    given = dict(search_pairs(call.request.rel_url.raw_query_string))
    resource = await _sent(call)
    if resource is not None and resource["resourceType"] == "Parameters":
        given, resource = {**given, **_values(resource)}, _parameter(resource)
    mode, profile = given.get("mode", ""), given.get("profile", "")
    found = _Asked(resource, mode, profile, call.named.get("id", ""))
    if mode not in ("", "profile", *_LETTERS):
        raise BadRequest("mode is create, update, delete or profile")
    if mode == "profile" and not profile:
        raise BadRequest("mode profile needs a profile")
    if mode == "delete" and not found.id:
        raise BadRequest("a delete is validated at the resource: [type]/[id]/$validate")
    if resource is None and mode in ("create", "update") or not (resource or found.id):
        raise BadRequest("send the resource that is to be validated")
    return found


async def _sent(call: Call) -> Json | None:
    if call.sent is not None:
        return text.checked(call.sent)
    if call.request.method != "POST" or not call.request.can_read_body:
        return None
    body = await read_body(call.request)
    if not body.strip():
        return None
    check_json(call.request)
    return await aside(call, text.loads_resource, body)


def _values(body: Json) -> dict[str, str]:
    """The primitive parameters, whatever type of value the client thinks they have."""
    found = {}
    for parameter in body.get("parameter", []):
        if isinstance(parameter, dict) and parameter.get("name") in ("mode", "profile"):
            value = next((v for k, v in parameter.items() if k.startswith("value") and isinstance(v, str)), "")
            found[str(parameter["name"])] = value
    return found


def _parameter(body: Json) -> Json | None:
    for parameter in body.get("parameter", []):
        if isinstance(parameter, dict) and parameter.get("name") == "resource" and "resource" in parameter:
            return text.checked(parameter["resource"])
    return None


async def _current(call: Call, unit: Unit, asked: _Asked) -> tuple[Stored | None, FhirError | None]:
    """Give the instance as it is, or why there is none."""
    if not asked.id:
        return None, None
    try:
        return await unit.resources.read(call.access, call.type, asked.id), None
    except (ResourceUnknown, ResourceGone) as error:
        return None, error


async def _stored(asked: _Asked, current: Stored | None, refusal: FhirError | None) -> _Asked:
    if current is None:
        raise refusal or ResourceUnknown("there is no such resource")
    return _Asked(text.loads(current.content), asked.mode, asked.profile, asked.id)


def _findings(call: Call, asked: _Asked, current: Stored | None, refusal: FhirError | None) -> Iterator[Issue]:
    letter = _LETTERS.get(asked.mode, "r")
    if not call.access.permits(call.type, letter):
        yield Issue("forbidden", f"no scope of this token covers system/{call.type}.{letter}")
    if asked.mode == "delete" and refusal is not None:
        yield from refusal.issues
    if current is not None and current.origin == "visit" and asked.mode in ("update", "delete"):
        yield Issue("business-rule", "this resource mirrors a visit; it changes when the visit does")
    if current is not None and asked.mode == "create":
        yield Issue("duplicate", "there is a resource with this id")
    if asked.resource is not None:
        yield from _of_content(call, asked, asked.resource, current)


def _of_content(call: Call, asked: _Asked, resource: Json, current: Stored | None) -> Iterator[Issue]:
    if resource["resourceType"] != call.type:
        yield Issue("invalid", f"the URL is for {call.type}, the resource is another type", "resourceType")
        return
    issues = find_issues(resource)
    yield from issues
    yield from _of_profile(call.type, asked.profile)
    if issues or asked.mode not in ("create", "update"):
        return
    try:
        refuse_part(resource)
    except BusinessRule as error:
        yield from error.issues
    if asked.mode == "update":
        yield from _of_update(call, asked, resource, current)


def _of_profile(type_: str, profile: str) -> Iterator[Issue]:
    """The definition of the type is a profile too, the only one that is here."""
    name, _, version = profile.partition("|")
    if not profile or name == _BASE + type_ and version in ("", "4.0.1", "4.0"):
        return
    if name.startswith(_BASE) and name.removeprefix(_BASE) != type_ and name.removeprefix(_BASE)[:1].isupper():
        yield Issue("invalid", "the profile is of another type")
        return
    yield Issue("not-supported", "this server does not know the profile; it was validated against FHIR R4 alone")


def _of_update(call: Call, asked: _Asked, resource: Json, current: Stored | None) -> Iterator[Issue]:
    if "id" not in resource:
        yield Issue("required", "an update needs the id", f"{call.type}.id")
    elif asked.id and resource["id"] != asked.id:
        yield Issue("invalid", "the id in the body must be the one in the URL", f"{call.type}.id")
    elif current is not None and current.patient_id not in (None, key_owner(patient_id_of(resource, call.base))):
        yield Issue("business-rule", "a resource stays with its patient; delete it and create another")
