"""/fhir: the routes. What each type does is the table of records/fhir/interactions.py; how, the fhir_* modules."""

from __future__ import annotations

from aiohttp import web

from records.fhir.errors import Issue
from server.http.fhir_asked import END, ID, ROUTES, TYPE, metadata
from server.http.fhir_bundle import bundle
from server.http.fhir_call import Handler, fhir, not_allowed, open_to_all, outcome
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

routes = web.RouteTableDef()
_known = web.UrlDispatcher()  # the same routes without the one that takes all others


async def _nothing(_: web.Request) -> web.StreamResponse:
    raise AssertionError("resolved, never called")



@routes.get("/fhir/.well-known/smart-configuration")
async def well_known(request: web.Request) -> web.Response:
    """Answer the SMART configuration; open as well."""
    return web.json_response(smart_configuration(request.app))


def _add(method: str, path: str, handler: Handler) -> None:
    _known.add_route(method, path + END, _nothing)
    routes.route(method, path + END)(fhir(handler))  # aiohttp answers HEAD where there is GET


routes.get("/fhir/metadata" + END)(open_to_all(metadata))
_known.add_get("/fhir/metadata" + END, _nothing)
_add("POST", "/fhir", bundle)
for _method, _path, _handler in ROUTES:
    _add(_method, _path, _handler)
_add("POST", TYPE, create)
_add("PUT", TYPE, conditional_update)
_add("PATCH", TYPE, conditional_patch)
_add("DELETE", TYPE, conditional_delete)
_add("PUT", ID, update)
_add("PATCH", ID, patch)
_add("DELETE", ID, delete)


@routes.route("*", "/fhir{rest:.*}")
async def unknown(request: web.Request) -> web.Response:
    """Answer every other address below /fhir in FHIR's own words."""
    wrong = (await _known.resolve(request)).http_exception
    if isinstance(wrong, web.HTTPMethodNotAllowed):
        issue = Issue("not-supported", "this address has no such method; Allow names those that it has")
        return not_allowed([issue], wrong.allowed_methods)
    return outcome(404, [Issue("not-supported", "this server has no such interaction; see /fhir/metadata")])
