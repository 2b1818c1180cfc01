"""A page's test of its line: two offers in, two answers out (static/README.md "The line test")."""

from __future__ import annotations

from aiohttp import web

from server.http.middleware import BODY, PRINCIPAL
from server.keys import LINE_TESTS
from server.line_tests import LIFE_S, Offers

routes = web.RouteTableDef()


@routes.post("/api/line-tests")
async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a test; the relay sends back on `down` what it gets on `up`."""
    body = request[BODY]
    offers = Offers(body["up"], body["down"])
    test, answers = await request.app[LINE_TESTS].begin(_session(request), offers)
    told = {"id": test.id, "up": answers.up, "down": answers.down, "ends_in_s": int(LIFE_S)}
    return web.json_response(told, status=201)


@routes.delete("/api/line-tests/{id}")
async def end(request: web.Request) -> web.StreamResponse:
    """End a test; the relay is free for others."""
    await request.app[LINE_TESTS].end(_session(request), request.match_info["id"])
    return web.Response(status=204)


def _session(request: web.Request) -> str:
    principal = request[PRINCIPAL]
    assert principal is not None, "server/auth/access.py gates this route"
    return principal.session_id
