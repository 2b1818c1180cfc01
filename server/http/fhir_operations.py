"""Patient/$everything."""

from __future__ import annotations

from aiohttp import web

from records.fhir.bundle import Entry, searchset
from records.fhir.dates import Interval
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadRequest, BadSearch, NotSupported
from records.fhir.interactions import SERVED_TYPES
from records.fhir.search_draft import DEFAULT_COUNT, MAX_COUNT
from records.fhir.search_text import search_pairs
from records.store.pages import Page
from records.store.search_everything import Everything, find_everything
from server.http.fhir_call import Call, answer

_NARROWING = ("_type", "_since", "start", "end")


async def everything(call: Call) -> web.Response:
    """GET Patient/[id]/$everything: the patient and all of the compartment that the client may see."""
    if call.type != "Patient":
        raise BadRequest("$everything is an operation on a Patient")
    page = Page(call.access.client_id, await _parameters(call), f"Patient/{call.id}/$everything")
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


async def _parameters(call: Call) -> tuple[tuple[str, str], ...]:
    """The URL's parameters, and those of a Parameters resource: any operation may be posted (FHIR R4 §3.2.0.1)."""
    given = tuple(search_pairs(call.request.rel_url.raw_query_string))
    if call.request.method != "POST" or call.sent is None and not call.request.can_read_body:
        return given
    body = await call.resource()
    if body["resourceType"] != "Parameters":
        raise BadRequest("post Parameters to an operation", path="resourceType")
    sent = body.get("parameter", ())
    values = [(p.get("name"), v) for p in sent if isinstance(p, dict) for k, v in p.items() if k.startswith("value")]
    return (*given, *((str(n), str(v)) for n, v in values))


def _wanted(call: Call, page: Page) -> Everything:
    pairs = dict(page.pairs)
    count = pairs.get("_count", str(DEFAULT_COUNT))
    if not count.isdecimal() or len(count) > 9:
        raise BadSearch("_count is a whole number")
    types = frozenset(t for n, v in page.pairs if n == "_type" for t in v.split(",") if t) or SERVED_TYPES
    if call.prefer("handling") == "strict" and set(pairs) - {*_NARROWING, "_count", "_format", "_pretty"}:
        raise NotSupported(f"$everything has the parameters {', '.join(_NARROWING)} and _count")
    since, start, end = (_interval(pairs, name) for name in ("_since", "start", "end"))
    period = (start.low if start else None, end.high if end else None)
    size = max(1, min(int(count), MAX_COUNT))
    return Everything(call.id, types & SERVED_TYPES, since.low if since else None, page, size, period)


def _interval(pairs: dict[str, str], name: str) -> Interval | None:
    if name not in pairs:
        return None
    found = parse_date(pairs[name].replace(" ", "+"))
    if found is None:
        raise BadSearch(f"{name} is a date or an instant")
    return found
