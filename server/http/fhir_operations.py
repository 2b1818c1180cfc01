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
from records.store.pages import Page
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
    page = Page(call.access.client_id, await parameters_of(call), f"Patient/{call.id}/$everything")
    async with call.unit() as unit:
        call.need("Patient", "read", "r")
        token = next((v for n, v in page.pairs if n == "_page"), None)
        if token is not None:
            page = await unit.resources.page(call.access.client_id, page.path, token)
        wanted = _wanted(call, page)
        found = await find_everything(unit, call.access, wanted)
    entries = [Entry(f"{call.base}/{s.type}/{s.id}", call.shown(s)) for s in found.resources]
    total = len(entries) if found.next_page is None and not page.position else None
    entries += [
        Entry(f"{call.base}/{s.type}/{s.id}", call.shown(s), "include") for s in found.provenances
    ]  # beside the count: they come with what they are about
    url = f"{call.base}/{page.path}"
    links = [("self", url)]
    if found.next_page is not None:
        links.append(("next", f"{url}?_page={found.next_page}"))
    return answer(200, searchset(entries, links, total))


def _wanted(call: Call, page: Page) -> Everything:
    pairs = dict(page.pairs)
    count = pairs.get("_count", str(DEFAULT_COUNT))
    if not count.isdecimal() or len(count) > 9:
        raise BadSearch("_count is a whole number")
    types = frozenset(t for n, v in page.pairs if n == "_type" for t in v.split(",") if t) or SERVED_TYPES
    since = parse_date(pairs["_since"].replace(" ", "+")) if "_since" in pairs else None
    if "_since" in pairs and since is None:
        raise BadSearch("_since is an instant")
    size = max(1, min(int(count), MAX_COUNT))
    return Everything(call.id, types & SERVED_TYPES, since.low if since else None, page, size)
