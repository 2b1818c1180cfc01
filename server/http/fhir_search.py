"""Search by GET and by POST _search, on a type or inside a compartment."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from records.fhir.bundle import Entry, part_of, searchset
from records.fhir.errors import BadSearch, NotSupported, UnknownType, UnsupportedBody
from records.fhir.interactions import COMPARTMENTS, INTERACTIONS
from records.fhir.query import Query
from records.fhir.search import Surroundings, parse_search
from records.store.resource_rows import Stored
from records.store.search_run import Page, SearchResult
from records.store.unit import Unit
from server.http.fhir_audit import search_audit_events
from server.http.fhir_call import Call, answer, read_body

Pairs = tuple[tuple[str, str], ...]


async def search(call: Call) -> web.Response:
    """GET [type]?… and POST [type]/_search"""
    type_ = call.type
    pairs = await parameters_of(call)
    async with call.database.unit(call.actor) as unit:
        call.need(type_, "search-type", "s")
        if type_ == "AuditEvent":
            return answer(200, await search_audit_events(unit, call, pairs))
        return answer(200, await searchset_of(call, unit, type_, Page(call.access.client_id, pairs)))


async def search_compartment(call: Call) -> web.Response:
    """GET [compartment]/[id]/[type]?…"""
    member = call.request.match_info["member"]
    if call.type not in COMPARTMENTS:
        raise NotSupported(f"there is no {call.type} compartment; see metadata")
    if member not in INTERACTIONS or member == "AuditEvent":
        raise UnknownType(f"{member} is not searched in compartments")
    pairs = await parameters_of(call)
    async with call.database.unit(call.actor) as unit:
        call.need(member, "search-type", "s")
        page = Page(call.access.client_id, pairs, (call.type, call.id))
        return answer(200, await searchset_of(call, unit, member, page))


async def parameters_of(call: Call) -> Pairs:
    """Give the search parameters of URL and form, as they were sent."""
    pairs = list(parse_qsl(call.request.query_string, keep_blank_values=True))
    if call.request.method == "POST":
        if call.request.content_type != "application/x-www-form-urlencoded":
            raise UnsupportedBody("send application/x-www-form-urlencoded")
        try:
            pairs += parse_qsl((await read_body(call.request)).decode(), keep_blank_values=True, max_num_fields=200)
        except (UnicodeDecodeError, ValueError):
            raise BadSearch("the form cannot be read") from None
    if any("\0" in name + value for name, value in pairs):
        raise BadSearch("U+0000 is no character of a search")
    return tuple(pairs)


async def searchset_of(call: Call, unit: Unit, type_: str, page: Page) -> bytes:
    """Give the searchset Bundle of one page; `_page` among its pairs stands for another page."""
    token = next((v for n, v in page.pairs if n == "_page"), None)
    if token is not None:
        page = await unit.resources.page(call.access.client_id, token)
    around = Surroundings(call.now, call.base, call.prefer("handling") == "strict")
    query = parse_search(type_, page.pairs, around)
    result = await unit.resources.search(call.access, query, page)
    entries = [_entry(call, s, query, "match") for s in result.matches]
    entries += [_entry(call, s, query, "include") for s in result.included]
    return searchset(entries, _links(call, query, result, page), result.total)


def _entry(call: Call, stored: Stored, query: Query, mode: str) -> Entry:
    content = part_of(stored.content, query.summary, query.elements) if mode == "match" else stored.content
    return Entry(f"{call.base}/{stored.type}/{stored.id}", content, mode)


def _links(call: Call, query: Query, result: SearchResult, page: Page) -> Sequence[tuple[str, str]]:
    path = f"{call.base}/{query.type}"
    if page.compartment is not None:
        path = f"{call.base}/{page.compartment[0]}/{page.compartment[1]}/{query.type}"
    understood = urlencode(query.effective)
    links = [("self", f"{path}?{understood}" if understood else path)]
    if result.next_page is not None:
        links.append(("next", f"{path}?_page={result.next_page}"))
    return links
