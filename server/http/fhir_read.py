"""Read, version read, history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from aiohttp import web

from records.fhir.bundle import Version, part_of
from records.fhir.bundle import history as history_bundle
from records.fhir.errors import ResourceUnknown
from records.store.resource_rows import Stored
from server.http.fhir_audit import read_audit_event
from server.http.fhir_call import Call, answer, version_headers


async def read(call: Call) -> web.Response:
    """GET [type]/[id]"""
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "read", "r")
        if call.type == "AuditEvent":
            return answer(200, await read_audit_event(unit, call.access, call.id))
        found = await unit.resources.read(call.access, call.type, call.id)
    return _resource(call, found)


async def read_version(call: Call) -> web.Response:
    """GET [type]/[id]/_history/[version]"""
    version = call.request.match_info["version"]
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "vread", "r")
        if not version.isdecimal() or len(version) > 9:
            raise ResourceUnknown(f"{call.type} {call.id} has no version {version}")
        found = await unit.resources.read_version(call.access, call.type, call.id, int(version))
    return _resource(call, found)


def _resource(call: Call, found: Stored) -> web.Response:
    headers = version_headers(found)
    if call.has_newest(found):
        return web.Response(status=304, headers=headers)
    summary = call.request.query.get("_summary", "false")
    elements = [e for e in call.request.query.get("_elements", "").split(",") if e]
    return answer(200, part_of(found.content, summary, elements), headers)


async def history(call: Call) -> web.Response:
    """GET [type]/[id]/_history"""
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "history-instance", "r")
        versions = await unit.resources.history(call.access, call.type, call.id)
    return _history(call, versions, f"{call.base}/{call.type}/{call.id}/_history")


async def history_of_type(call: Call) -> web.Response:
    """GET [type]/_history"""
    async with call.database.unit(call.actor) as unit:
        call.need(call.type, "history-type", "r")
        versions = await unit.resources.history(call.access, call.type)
    return _history(call, versions, f"{call.base}/{call.type}/_history")


def _history(call: Call, versions: Sequence[Stored], url: str) -> web.Response:
    return answer(200, history_bundle([_version(call, v) for v in versions], [("self", url)]))


def _version(call: Call, stored: Stored) -> Version:
    method = "DELETE" if stored.deleted else "POST" if stored.version == 1 else "PUT"
    path = f"{stored.type}/{stored.id}"
    at = stored.updated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    url = stored.type if method == "POST" else path
    return Version(f"{call.base}/{path}", stored.content, method, url, stored.version, at)
