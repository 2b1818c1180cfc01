"""Read, version read, history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from aiohttp import web

from records.fhir.bundle import Version, part_of
from records.fhir.bundle import history as history_bundle
from records.fhir.dates import instant
from records.fhir.errors import BadSearch, Forbidden, ResourceUnknown
from records.fhir.history import parse_history
from records.fhir.interactions import INTERACTIONS
from records.store.pages import Page
from records.store.resource_history import HistoryQuery
from records.store.resource_rows import Stored
from server.http.fhir_audit import read_audit_event
from server.http.fhir_binary import as_bytes, wants_bytes
from server.http.fhir_call import VERSION_TAG, Call, answer, version_headers
from server.http.fhir_search import parameters_of


async def read(call: Call) -> web.Response:
    """GET [type]/[id]"""
    shared = call.asks("read", id=call.id)
    if shared is not None and (stored := await call.database.resource_groups.read(shared)) is not None:
        return _resource(call, stored)
    async with call.unit() as unit:
        call.need(call.type, "read", "r")
        if call.type == "AuditEvent":
            return _resource(call, await read_audit_event(unit, call, call.id))
        found = await unit.resources.read(call.access, call.type, call.id)
    return _resource(call, found)


async def read_version(call: Call) -> web.Response:
    """GET [type]/[id]/_history/[version]"""
    version = call.named["version"]
    async with call.unit() as unit:
        call.need(call.type, "vread", "r")
        if not version.isdecimal() or len(version) > 9:
            raise ResourceUnknown(f"{call.type} {call.id} has no version {version}")
        found = await unit.resources.read_version(call.access, call.type, call.id, int(version))
    return _resource(call, found)


def _resource(call: Call, found: Stored) -> web.Response:
    headers = version_headers(found)
    if _has_newest(call, found):
        return web.Response(status=304, headers=headers)
    if wants_bytes(call):
        return as_bytes(call, call.shown(found), headers)
    summary = call.request.query.get("_summary", "false")
    if summary not in ("true", "text", "data", "false"):
        raise BadSearch("_summary of one resource is true, text, data or false")
    elements = [e for e in call.request.query.get("_elements", "").split(",") if e]
    return answer(200, part_of(call.shown(found), summary, elements), headers)


def _has_newest(call: Call, stored: Stored) -> bool:
    """Tell whether the client's copy is current (If-None-Match before If-Modified-Since, RFC 9110 §13.2.2)."""
    tags = call.request.headers.get("If-None-Match")
    if tags is not None:
        found = [m[1] for t in tags.split(",") if (m := VERSION_TAG.fullmatch(t.strip()))]
        return "*" in tags or str(stored.version) in found
    since = call.request.headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        at = parsedate_to_datetime(since)
    except ValueError:
        return False
    return stored.updated_at.replace(microsecond=0) <= at.replace(tzinfo=at.tzinfo or UTC)


async def history(call: Call) -> web.Response:
    """GET [type]/[id]/_history"""
    return await _history(call, f"{call.type}/{call.id}/_history", (call.type,), call.id)


async def history_of_type(call: Call) -> web.Response:
    """GET [type]/_history"""
    return await _history(call, f"{call.type}/_history", (call.type,))


async def history_of_system(call: Call) -> web.Response:
    """GET [base]/_history: of all types that the client may read."""
    types = tuple(t for t, codes in sorted(INTERACTIONS.items()) if "history-type" in codes)
    permitted = tuple(t for t in types if call.access.permits(t, "r"))
    return await _history(call, "_history", permitted)


async def _history(call: Call, path: str, types: Sequence[str], id_: str | None = None) -> web.Response:
    page = Page(call.access.client_id, await parameters_of(call), path)
    async with call.unit() as unit:
        if not types:
            raise Forbidden("no scope of this token covers a history")
        for type_ in types:
            call.need(type_, "history-type" if id_ is None else "history-instance", "r")
        token = next((v for n, v in page.pairs if n == "_page"), None)
        if token is not None:
            page = await unit.resources.page(call.access.client_id, path, token)
        query, effective = parse_history(page.pairs, call.prefer("handling") == "strict")
        wanted = HistoryQuery(tuple(types), id_, query.count, query.since, query.at)
        found = await unit.resources.history(call.access, wanted, page)
    url = f"{call.base}/{path}"
    links = [("self", f"{url}?{urlencode(effective)}" if effective else url)]
    if found.next_page is not None:
        links.append(("next", f"{url}?_page={found.next_page}"))
    return answer(200, history_bundle([_version(call, v) for v in found.versions], links, found.total))


def _version(call: Call, stored: Stored) -> Version:
    method = "DELETE" if stored.deleted else "POST" if stored.version == 1 else "PUT"
    path = f"{stored.type}/{stored.id}"
    url = stored.type if method == "POST" else path
    return Version(f"{call.base}/{path}", call.shown(stored), method, url, stored.version, instant(stored.updated_at))
