"""Requests that only ask: their routes, for clients and for the entries of Bundles alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import cast

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from records.fhir import text
from records.fhir.capability import capability_statement
from records.fhir.dates import parse as parse_date
from records.fhir.errors import NoSuchInteraction, ResourceUnknown
from records.fhir.transaction import Step
from records.store.unit import Unit
from server.http.fhir_call import FHIR_JSON, Call, Handler, answer
from server.http.fhir_operations import everything
from server.http.fhir_read import history, history_of_system, history_of_type, read, read_version
from server.http.fhir_search import search, search_compartment, search_system
from server.http.fhir_validate import validate
from server.http.smart_services import base_url, token_url

TYPE = "/fhir/{type:[A-Z][A-Za-z]+}"
ID = TYPE + "/{id:[A-Za-z0-9.-]{1,64}}"
_MEMBER = ID + r"/{member:[A-Z][A-Za-z]+|\*}"
END = "{end:/?}"  # some clients put a slash at the end of every address

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/fhir", search_system),
    ("POST", "/fhir/_search", search_system),
    ("GET", "/fhir/_history", history_of_system),
    ("POST", TYPE + "/$validate", validate),
    ("POST", ID + "/$validate", validate),
    ("GET", ID + "/$validate", validate),
    ("GET", ID + "/$everything", everything),
    ("POST", ID + "/$everything", everything),
    ("POST", TYPE + "/_search", search),
    ("GET", TYPE + "/_history", history_of_type),
    ("GET", TYPE, search),
    ("GET", ID, read),
    ("GET", ID + "/_history", history),
    ("GET", ID + "/_history/{version:[A-Za-z0-9.-]{1,64}}", read_version),
    ("GET", _MEMBER, search_compartment),
    ("POST", _MEMBER + "/_search", search_compartment),
)
# What an entry of a Bundle says by itself; the rest (Prefer, X-Request-Id …) is the Bundle's.
_OWN = ("If-None-Match", "If-Modified-Since", "If-Match", "If-None-Exist", "Content-Type", "Content-Length")


async def metadata(request: web.Request) -> web.Response:
    """Answer the CapabilityStatement; open, because clients read it before they have a token."""
    statement = capability_statement(base_url(request.app), token_url(request.app), _version())
    return answer(200, text.dumps(statement))


def _version() -> str:
    try:
        return version("teleconsult")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


async def _metadata(call: Call) -> web.Response:
    return await metadata(call.request)


def _dispatcher() -> web.UrlDispatcher:
    found = web.UrlDispatcher()
    for method, path, handler in (("GET", "/fhir/metadata", _metadata), *ROUTES):
        found.add_route(method, path + END, cast("type[web.View]", handler))  # resolved here, called by `asked`
    return found


_DISPATCHER = _dispatcher()


async def asked(call: Call, step: Step, unit: Unit | None = None) -> web.Response:
    """Answer an entry that asks, inside a transaction's unit when it has one. Raises as the same request alone."""
    url = URL(f"/fhir/{step.path}" if step.path and step.path[0] != "?" else f"/fhir{step.path}")
    method = "GET" if step.method == "HEAD" else step.method
    request = call.request.clone(method=method, rel_url=url, headers=_headers(call, step))
    match = await _DISPATCHER.resolve(request)
    if match.http_exception is not None:
        is_known = match.http_exception.status == 405
        raise (NoSuchInteraction if is_known else ResourceUnknown)("this server has no such interaction; see metadata")
    handler = cast(Handler, match.handler)
    found = await handler(replace(call, request=request, named=dict(match), joined=unit, sent=step.resource))
    if step.method == "HEAD":
        found.body = None
    return found


def _headers(call: Call, step: Step) -> Mapping[str, str]:
    found = CIMultiDict((name, value) for name, value in call.request.headers.items() if name.title() not in _OWN)
    found["Accept"] = FHIR_JSON  # a Binary inside a Bundle is a resource
    if step.if_none_match:
        found["If-None-Match"] = step.if_none_match
    if since := parse_date(step.if_modified_since):
        found["If-Modified-Since"] = format_datetime(since.low.astimezone(UTC), usegmt=True)
    return found
