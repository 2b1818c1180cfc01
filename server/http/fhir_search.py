"""Search by GET and by POST _search: on a type, on several, inside a compartment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlencode

from aiohttp import web

from records.fhir.bundle import Entry, part_of, searchset
from records.fhir.errors import BadSearch, FhirError, Forbidden, NotSupported, UnknownType, UnsupportedBody
from records.fhir.interactions import COMPARTMENTS, INTERACTIONS, SERVED_TYPES
from records.fhir.query import Query
from records.fhir.search import Surroundings, left_out_entries, parse_searches
from records.fhir.search_draft import printable
from records.fhir.search_text import search_pairs
from records.store.pages import Page
from records.store.resource_rows import Stored
from records.store.search_run import SearchResult
from records.store.search_sql import compartment_types
from records.store.unit import Unit
from server.http.fhir_audit import search_audit_events
from server.http.fhir_call import Call, answer, check_format, read_body

# A search in a form may be longer than an address, not than any that a client has reason to send.
MAX_FORM = 256 * 1024
Pairs = tuple[tuple[str, str], ...]


async def search(call: Call) -> web.Response:
    """GET [type]?… and POST [type]/_search"""
    type_ = call.type
    pairs = await parameters_of(call)
    page = Page(call.access.client_id, pairs, type_)
    shared = await _shared(call, page)
    if shared is not None:
        return answer(200, shared)
    async with call.unit() as unit:
        call.need(type_, "search-type", "s")
        if type_ == "AuditEvent":
            return answer(200, await search_audit_events(unit, call, pairs))
        return answer(200, await searchset_of(call, unit, [type_], page))


async def _shared(call: Call, page: Page) -> bytes | None:
    """Give the searchset of a plain search, run together with others; None for any other, and for one to be refused."""
    if any(name == "_page" for name, _ in page.pairs):
        return None
    try:
        (query,) = parse_searches([call.type], page.pairs, _surroundings(call))
    except FhirError:  # a unit of its own records the refusal
        return None
    request = call.asks("search-type", query=query, page=page)
    result = await call.database.resource_groups.search(request) if request is not None else None
    return _searchset(call, query, result, page) if result is not None else None


async def search_system(call: Call) -> web.Response:
    """GET [base]?_type=… and POST [base]/_search: resources of several types by what they have in common."""
    pairs = await parameters_of(call)
    async with call.unit() as unit:
        types = _types(call, pairs, SERVED_TYPES)
        return answer(200, await searchset_of(call, unit, types, Page(call.access.client_id, pairs)))


async def search_compartment(call: Call) -> web.Response:
    """GET [compartment]/[id]/[type]?…, and /* for all types at once."""
    member = call.named["member"]
    if call.type not in COMPARTMENTS:
        raise NotSupported(f"there is no {call.type} compartment; see metadata")
    if member != "*" and (member not in INTERACTIONS or member == "AuditEvent"):
        raise UnknownType(f"{member} is not searched in compartments")
    pairs = await parameters_of(call)
    async with call.unit() as unit:
        if member == "*":
            types = _types(call, pairs, compartment_types(call.type))
        else:
            call.need(member, "search-type", "s")
            types = [member]
        page = Page(call.access.client_id, pairs, f"{call.type}/{call.id}/{member}", (call.type, call.id))
        return answer(200, await searchset_of(call, unit, types, page))


def _types(call: Call, pairs: Pairs, candidates: Collection[str]) -> list[str]:
    """Give the types of a search over several: those of _type, else all that the client may search."""
    page = next((v for n, v in pairs if n == "_page"), None)
    named = [t for n, v in pairs if n == "_type" for t in v.split(",") if t]
    for type_ in named:
        if type_ not in candidates or type_ == "AuditEvent":
            raise BadSearch(f"_type names {printable(type_)}, which is not searched here")
        call.need(type_, "search-type", "s")
    if named and page is None:
        return list(dict.fromkeys(named))
    found = sorted(t for t in candidates if t != "AuditEvent" and call.access.permits(t, "s"))
    if not found:
        raise Forbidden("no scope of this token covers a search here")
    return found


async def parameters_of(call: Call) -> Pairs:
    """Give the search parameters of URL and form, as they were sent."""
    pairs = search_pairs(call.request.rel_url.raw_query_string)
    if call.request.method == "POST":
        body = await read_body(call.request, MAX_FORM)  # an empty one may say what it likes: the URL has the criteria
        if body and call.request.content_type != "application/x-www-form-urlencoded":
            raise UnsupportedBody("send application/x-www-form-urlencoded")
        try:
            pairs += search_pairs(body.decode())
        except UnicodeDecodeError:
            raise BadSearch("the form is not UTF-8") from None
        for name, value in pairs:
            if name == "_format":
                check_format(value)
    return tuple(pairs)


async def searchset_of(call: Call, unit: Unit, types: Sequence[str], page: Page) -> bytes:
    """Give the searchset Bundle of one page; `_page` among its pairs stands for another page."""
    token = next((v for n, v in page.pairs if n == "_page"), None)
    if token is not None:
        page = await unit.resources.page(call.access.client_id, page.path, token)
        named = [t for n, v in page.pairs if n == "_type" for t in v.split(",") if t in types]
        types = list(dict.fromkeys(named)) or types
    queries = parse_searches(types, page.pairs, _surroundings(call))
    return _searchset(call, queries[0], await unit.resources.search(call.access, queries, page), page)


def _surroundings(call: Call) -> Surroundings:
    return call.around(call.prefer("handling") == "strict")


def _searchset(call: Call, query: Query, result: SearchResult, page: Page) -> bytes:
    entries = [_entry(call, s, query, "match") for s in result.matches]
    entries += [_entry(call, s, query, "include") for s in result.included]
    entries += left_out_entries(query.type, query.left_out)
    return searchset(entries, _links(call, query, result, page), result.total)


def _entry(call: Call, stored: Stored, query: Query, mode: str) -> Entry:
    content = call.shown(stored)
    if mode == "match":
        content = part_of(content, query.summary, query.elements)
    return Entry(f"{call.base}/{stored.type}/{stored.id}", content, mode)


def _links(call: Call, query: Query, result: SearchResult, page: Page) -> Sequence[tuple[str, str]]:
    """Only `self` shows the search, as the standard wants; the other links hold it sealed."""
    path = f"{call.base}/{page.path}" if page.path else call.base
    understood = urlencode(query.effective)
    links = [("self", f"{path}?{understood}" if understood else path)]
    others = (("first", result.first_page), ("previous", result.previous_page), ("next", result.next_page))
    return [*links, *((name, f"{path}?_page={token}") for name, token in others if token is not None)]
