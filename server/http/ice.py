"""Where a seated page may go when its line lets neither UDP nor TCP to the relay: TURN, with credentials of its own."""

from __future__ import annotations

from aiohttp import web

from server.http.middleware import PRINCIPAL
from server.keys import CLOCK, SETTINGS
from server.turn import turn_of

routes = web.RouteTableDef()


@routes.get("/api/ice")
async def servers(request: web.Request) -> web.StreamResponse:
    """New credentials. A page asks before the old ones end, so that a later ICE restart finds the TURN server too."""
    principal = request[PRINCIPAL]
    assert principal is not None, "server/auth/access.py gates this route"
    ice = turn_of(request.app[SETTINGS]).ice_servers(request.app[CLOCK].now(), principal.session_id)
    return web.json_response({"ice_servers": list(ice.servers), "ttl_s": ice.ttl_s})
