"""/fhir: the routes. What each type does is the table of records/fhir/interactions.py; how, the fhir_* modules."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from records.fhir import text
from records.fhir.capability import capability_statement
from records.fhir.errors import Issue
from server.http.fhir_bundle import bundle
from server.http.fhir_call import answer, fhir, outcome
from server.http.fhir_operations import everything, validate
from server.http.fhir_read import history, history_of_type, read, read_version
from server.http.fhir_search import search, search_compartment
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
_MEMBER = _ID + "/{member:[A-Z][A-Za-z]+}"


@routes.get("/fhir/metadata")
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


routes.post("/fhir")(fhir(bundle))
routes.post("/fhir/")(fhir(bundle))
routes.post(_TYPE + "/$validate")(fhir(validate))
routes.post(_ID + "/$validate")(fhir(validate))
routes.get(_ID + "/$everything")(fhir(everything))
routes.post(_TYPE + "/_search")(fhir(search))
routes.get(_TYPE + "/_history")(fhir(history_of_type))
routes.get(_TYPE)(fhir(search))
routes.post(_TYPE)(fhir(create))
routes.put(_TYPE)(fhir(conditional_update))
routes.patch(_TYPE)(fhir(conditional_patch))
routes.delete(_TYPE)(fhir(conditional_delete))
routes.get(_ID)(fhir(read))
routes.put(_ID)(fhir(update))
routes.patch(_ID)(fhir(patch))
routes.delete(_ID)(fhir(delete))
routes.get(_ID + "/_history")(fhir(history))
routes.get(_ID + "/_history/{version:[A-Za-z0-9.-]{1,64}}")(fhir(read_version))
routes.get(_MEMBER)(fhir(search_compartment))
routes.post(_MEMBER + "/_search")(fhir(search_compartment))


@routes.route("*", "/fhir{rest:.*}")
async def unknown(request: web.Request) -> web.Response:
    """Answer every other address below /fhir in FHIR's own words."""
    return outcome(404, [Issue("not-supported", "this server has no such interaction; see /fhir/metadata")])
