"""Create, update, patch, delete, each also conditional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from aiohttp import web

from records.access import Grade
from records.fhir import text
from records.fhir.errors import (
    BadRequest,
    BusinessRule,
    Forbidden,
    Issue,
    MultipleMatches,
    NotSupported,
    ResourceUnknown,
    VersionConflict,
)
from records.fhir.patch import json_patch, merge_patch
from records.fhir.places import TYPES as PLACE_TYPES
from records.fhir.places import is_redacted
from records.fhir.search import parse_search
from records.fhir.search_text import search_pairs
from records.fhir.transaction import refuse_criteria
from records.fhir.validate import validate
from records.store.resources import Page, Stored, Write
from records.store.unit import Unit
from server.http.fhir_binary import binary_of, is_sent_as_bytes
from server.http.fhir_call import Call, answer, aside, outcome, version_headers
from server.http.fhir_provenance import is_given, keep

Json = dict[str, Any]
# Parameters that say how to answer, not which resource is meant.
_NO_CRITERIA = frozenset(("_format", "_pretty"))


async def create(call: Call) -> web.Response:
    """POST [type]; with If-None-Exist or a query string only when nothing matches."""
    call.supports(call.type, "create")
    resource = await checked_resource(call, call.type)
    sent = call.request.headers.get("If-None-Exist", "").removeprefix(call.type).lstrip("?")  # some write `Type?`
    criteria = search_pairs(sent) or criteria_of(call)
    shared = None if criteria or is_given(call) else call.asks("create", resource={**resource, "id": str(uuid4())})
    if shared is not None and (created := await call.database.resource_groups.create(shared)) is not None:
        return written(call, created)
    async with call.database.unit(call.actor) as unit:
        stored = await keep(call, unit, await create_in(call, unit, resource, criteria))
    return written(call, stored)


async def create_in(call: Call, unit: Unit, resource: Json, criteria: Sequence[tuple[str, str]]) -> Stored:
    """Create a valid resource, or give the one that the criteria already match."""
    type_ = resource["resourceType"]
    call.need(type_, "create", "c")
    if criteria:
        found = await match(call, unit, type_, criteria)
        if found is not None:
            return found
    return await unit.resources.save(
        {**resource, "id": str(uuid4())}, Write(must_be_new=True, access=call.access, is_fresh=True)
    )


async def update(call: Call) -> web.Response:
    """PUT [type]/[id]"""
    call.supports(call.type, "update")
    resource = await checked_resource(call, call.type, call.id)
    is_there = call.request.headers.get("If-Match", "").strip() == "*"
    must_be_new = call.request.headers.get("If-None-Match") == "*"
    how = Write(call.if_match(), must_be_new, access=call.access, must_exist=is_there)
    shared = call.asks("update", id=call.id, resource=resource, expected_version=how.expected_version)
    if shared is not None and not how.must_be_new and not is_given(call):
        changed = await call.database.resource_groups.update(shared)
        if changed is not None:
            return written(call, changed)
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "update", "u")
        stored = await keep(call, unit, await unit.resources.save(resource, how))
    return written(call, stored)


async def conditional_update(call: Call) -> web.Response:
    """PUT [type]?criteria"""
    call.supports(call.type, "update")
    resource = await checked_resource(call, call.type)
    criteria = criteria_of(call)
    if not criteria:
        raise BadRequest("PUT needs an id or search criteria")
    async with call.database.unit(call.actor) as unit:
        stored = await keep(call, unit, await update_in(call, unit, resource, criteria))
    return written(call, stored)


async def update_in(call: Call, unit: Unit, resource: Json, criteria: Sequence[tuple[str, str]]) -> Stored:
    """Update the one match, or create when there is none (FHIR R4 §3.1.0.4.3)."""
    type_ = resource["resourceType"]
    call.need(type_, "update", "u")
    found = await match(call, unit, type_, criteria)
    given = resource.get("id")
    if found is None:
        return await unit.resources.save({**resource, "id": given or str(uuid4())}, Write(access=call.access))
    if given not in (None, found.id):
        raise BadRequest("the criteria match a resource with another id than the body's", path=f"{type_}.id")
    return await unit.resources.save({**resource, "id": found.id}, Write(call.if_match(), access=call.access))


async def patch(call: Call) -> web.Response:
    """PATCH [type]/[id]"""
    body = await call.body()
    async with call.database.unit(call.actor) as unit:
        stored = await keep(call, unit, await _patched(call, unit, call.id, body))
    return written(call, stored)


async def conditional_patch(call: Call) -> web.Response:
    """PATCH [type]?criteria"""
    body = await call.body()
    criteria = criteria_of(call)
    if not criteria:
        raise BadRequest("PATCH needs an id or search criteria")
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "patch", "u")
        found = await match(call, unit, call.type, criteria)
        if found is None:
            raise ResourceUnknown(f"no {call.type} matches the criteria")
        stored = await keep(call, unit, await _patched(call, unit, found.id, body))
    return written(call, stored)


async def _patched(call: Call, unit: Unit, id_: str, body: Any) -> Stored:
    call.need(call.type, "patch", "u")
    refuse_blind_patch(call, call.type)
    expected = call.if_match()
    current = await unit.resources.read(call.access, call.type, id_)
    if expected not in (None, current.version):
        raise VersionConflict(f"the current version is {current.version}")
    before = text.loads(current.content)
    after = _apply(call, before, body)
    if after.get("resourceType") != call.type or after.get("id") != id_:
        raise BadRequest("a patch may not change resourceType or id")
    validate(after)
    # A writer in between makes this a conflict: the patch was made for the version that was read.
    return await unit.resources.save(after, Write(current.version, access=call.access))


def refuse_blind_patch(call: Call, type_: str) -> None:
    """A patch can test and copy what its sender may not see."""
    if type_ in PLACE_TYPES and call.grade is not Grade.EXACT:
        raise Forbidden("who sees addresses in part may not patch this type")


def _apply(call: Call, before: Json, body: Any) -> Json:
    """`application/json` may be either: an array is a JSON Patch, an object a merge patch (fhirpy sends that)."""
    if call.request.content_type == "application/json-patch+json" or isinstance(body, list):
        return json_patch(before, body)
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        raise NotSupported("FHIRPath Patch is not supported; send a JSON Patch or a merge patch")
    return merge_patch(before, body)


async def delete(call: Call) -> web.Response:
    """DELETE [type]/[id]; deleting what is gone is no error (records.md §11: 15)."""
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "delete", "d")
        stored = await unit.resources.delete(call.type, call.id, Write(call.if_match(), access=call.access))
    return _deleted(call, stored)


async def conditional_delete(call: Call) -> web.Response:
    """DELETE [type]?criteria: of the one match; several are 412, none is done already (§3.1.0.7.1, `single`)."""
    criteria = criteria_of(call)
    if not criteria:
        raise BadRequest("DELETE needs an id or search criteria")
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "delete", "d")
        found = await match(call, unit, call.type, criteria)
        how = Write(call.if_match(), access=call.access)
        stored = await unit.resources.delete(call.type, found.id, how) if found is not None else None
    return _deleted(call, stored)


def _deleted(call: Call, stored: Stored | None) -> web.Response:
    headers = version_headers(stored) if stored else {}
    if call.prefer("return") == "OperationOutcome":
        text_ = "deleted" if stored else "there was nothing to delete"
        return outcome(200, [Issue("informational", text_, severity="information")], headers)
    return web.Response(status=204, headers=headers)


def criteria_of(call: Call) -> list[tuple[str, str]]:
    """Give the search criteria in the URL."""
    pairs = search_pairs(call.request.rel_url.raw_query_string)
    return [(n, v) for n, v in pairs if n not in _NO_CRITERIA]


async def match(call: Call, unit: Unit, type_: str, criteria: Sequence[tuple[str, str]]) -> Stored | None:
    """
    Give the one resource that the criteria match, under a lock that makes concurrent writers wait.

    Raises MultipleMatches, and NotSupported for a criterion that is unknown: ignoring it would match too much.
    """
    if not call.access.permits(type_, "s"):
        call.need(type_, "search-type", "s")
    query = parse_search(type_, [*criteria, ("_count", "2")], call.around(is_strict=True))
    if not query.where:
        raise BadRequest("the criteria of a conditional write may not be empty")
    await unit.resources.lock_criteria(f"{type_}?{sorted(criteria)}")
    found = (await unit.resources.search(call.access, [query], Page(call.access.client_id))).matches
    if len(found) > 1:
        raise MultipleMatches("the criteria match more than one resource; make them more exact")
    return found[0] if found else None


async def checked_resource(call: Call, type_: str, id_: str | None = None) -> Json:
    """Give the body as a valid resource of the type, with the URL's id. Raises BadRequest, Invalid."""
    resource = await (binary_of(call, id_) if is_sent_as_bytes(call, type_) else call.resource())
    if resource["resourceType"] != type_:
        raise BadRequest(f"the URL is for {type_}, the body is another type", path="resourceType")
    if id_ is not None and resource.get("id") != id_:
        raise BadRequest("the id in the body must be the one in the URL", path=f"{type_}.id")
    await aside(call, validate, resource)
    refuse_part(resource)
    refuse_criteria(resource)
    return resource


def refuse_part(resource: Json) -> None:
    """Refuse to write back what a reader was shown in part: the rest would be lost (FHIR R4 §3.1.1.6)."""
    tags = resource.get("meta", {}).get("tag", [])
    if is_redacted(resource) or any(tag.get("code") == "SUBSETTED" for tag in tags):
        raise BusinessRule("this is a part of a resource; to change it send a patch")


def written(call: Call, stored: Stored) -> web.Response:
    """Answer a write: 201 for a new resource, else 200, with what Prefer asks for."""
    status = 201 if stored.is_new else 200
    headers = version_headers(stored)
    headers["Location"] = f"{call.base}/{stored.type}/{stored.id}/_history/{stored.version}"
    wanted = call.prefer("return")
    if wanted == "minimal":
        return web.Response(status=status, headers=headers)
    if wanted == "OperationOutcome":
        return outcome(status, [Issue("informational", "saved", severity="information")], headers)
    return answer(status, call.shown(stored), headers)
