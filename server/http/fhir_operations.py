"""$validate and Patient/$everything."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from records.fhir.bundle import Entry, searchset
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadRequest, BadSearch, Issue
from records.fhir.interactions import SERVED_TYPES
from records.fhir.search_draft import DEFAULT_COUNT, MAX_COUNT
from records.fhir.validate import find_issues
from records.store.search_everything import Everything, find_everything
from server.http.fhir_call import Call, answer, outcome
from server.http.fhir_search import parameters_of

Json = dict[str, Any]


async def validate(call: Call) -> web.Response:
    """POST [type]/$validate and [type]/[id]/$validate: always 200, the findings are the answer."""
    body = await call.resource()
    resource = _parameter(body) if body["resourceType"] == "Parameters" else body
    async with call.unit() as unit:
        call.need(call.type, "read", "r")
        await unit.audit.record("E", call.type, detail="validate")
    issues = find_issues(resource)
    if not issues and resource["resourceType"] != call.type:
        issues = [Issue("invalid", f"the URL is for {call.type}, the resource is another type", "resourceType")]
    return outcome(200, issues)


def _parameter(body: Json) -> Json:
    for parameter in body.get("parameter", []):
        if isinstance(parameter, dict) and parameter.get("name") == "resource" and "resource" in parameter:
            found: Json = parameter["resource"]
            return found
    raise BadRequest("Parameters needs one named resource", path="Parameters.parameter")


async def everything(call: Call) -> web.Response:
    """GET Patient/[id]/$everything: the patient and all of the compartment that the client may see."""
    if call.type != "Patient":
        raise BadRequest("$everything is an operation on a Patient")
    pairs = dict(await parameters_of(call))
    wanted = _wanted(call, pairs)
    async with call.unit() as unit:
        call.need("Patient", "read", "r")
        found = await find_everything(unit, call.access, wanted)
    entries = [Entry(f"{call.base}/{s.type}/{s.id}", call.shown(s)) for s in found.resources]
    total = len(entries) if found.next_row is None and not wanted.after else None
    entries += [
        Entry(f"{call.base}/{s.type}/{s.id}", call.shown(s), "include") for s in found.provenances
    ]  # beside the count: they come with what they are about
    url = f"{call.base}/Patient/{call.id}/$everything"
    links = [("self", url)]
    if found.next_row is not None:
        links.append(("next", f"{url}?_count={wanted.count}&_after={found.next_row}"))
    return answer(200, searchset(entries, links, total))


def _wanted(call: Call, pairs: dict[str, str]) -> Everything:
    count, after = pairs.get("_count", str(DEFAULT_COUNT)), pairs.get("_after", "0")
    if not count.isdecimal() or not after.isdecimal() or len(count) > 9 or len(after) > 18:
        raise BadSearch("_count is a whole number")
    types = frozenset(t for t in pairs.get("_type", "").split(",") if t) or SERVED_TYPES
    since = parse_date(pairs["_since"].replace(" ", "+")) if "_since" in pairs else None
    if "_since" in pairs and since is None:
        raise BadSearch("_since is an instant")
    return Everything(
        call.id, types & SERVED_TYPES, since.low if since else None, int(after), max(1, min(int(count), MAX_COUNT))
    )
