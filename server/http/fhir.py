"""/fhir: the routes. What each type does is the table of records/fhir/interactions.py; how, the fhir_* modules."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from records.fhir import text
from records.fhir.capability import capability_statement
from records.fhir.errors import Issue
from server.http.fhir_bundle import bundle
from server.http.fhir_call import Handler, answer, fhir, open_to_all, outcome
from server.http.fhir_operations import everything, validate
from server.http.fhir_read import history, history_of_system, history_of_type, read, read_version
from server.http.fhir_search import search, search_compartment, search_system
from server.http.fhir_write import (
    conditional_delete,
    conditional_patch,
    conditional_update,
    create,
    delete,
    patch,
    update,
)
from server.http.smart_configuration import smart_configuration
from server.http.smart_services import base_url, token_url

routes = web.RouteTableDef()
_TYPE = "/fhir/{type:[A-Z][A-Za-z]+}"
_ID = _TYPE + "/{id:[A-Za-z0-9.-]{1,64}}"
_MEMBER = _ID + r"/{member:[A-Z][A-Za-z]+|\*}"


async def metadata(request: web.Request) -> web.Response:
    """Answer the CapabilityStatement; open, because clients read it before they have a token."""
    statement = capability_statement(base_url(request.app), token_url(request.app), _version())
    return answer(200, text.dumps(statement))


@routes.get("/fhir/.well-known/smart-configuration")
async def well_known(request: web.Request) -> web.Response:
    """Answer the SMART configuration; open as well."""
    return web.json_response(smart_configuration(request.app))


def _version() -> str:
    try:
        return version("teleconsult")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


_END = "{end:/?}"  # some clients put a slash at the end of every address


def _add(method: str, path: str, handler: Handler) -> None:
    routes.route(method, path + _END)(fhir(handler))


routes.get("/fhir/metadata" + _END)(open_to_all(metadata))
_add("POST", "/fhir", bundle)
_add("GET", "/fhir", search_system)
_add("POST", "/fhir/_search", search_system)
_add("GET", "/fhir/_history", history_of_system)
_add("POST", _TYPE + "/$validate", validate)
_add("POST", _ID + "/$validate", validate)
_add("GET", _ID + "/$everything", everything)
_add("POST", _TYPE + "/_search", search)
_add("GET", _TYPE + "/_history", history_of_type)
_add("GET", _TYPE, search)
_add("POST", _TYPE, create)
_add("PUT", _TYPE, conditional_update)
_add("PATCH", _TYPE, conditional_patch)
_add("DELETE", _TYPE, conditional_delete)
_add("GET", _ID, read)
_add("PUT", _ID, update)
_add("PATCH", _ID, patch)
_add("DELETE", _ID, delete)
_add("GET", _ID + "/_history", history)
_add("GET", _ID + "/_history/{version:[A-Za-z0-9.-]{1,64}}", read_version)
_add("GET", _MEMBER, search_compartment)
_add("POST", _MEMBER + "/_search", search_compartment)


@routes.route("*", "/fhir{rest:.*}")
async def unknown(request: web.Request) -> web.Response:
    """Answer every other address below /fhir in FHIR's own words."""
    return outcome(404, [Issue("not-supported", "this server has no such interaction; see /fhir/metadata")])
