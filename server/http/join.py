"""POST /api/join: a link becomes a session of this browser."""

from __future__ import annotations

from aiohttp import web

from server.auth import links
from server.http import cookies
from server.http.middleware import BODY, REQUEST_ID, is_https
from server.keys import CLOCK, DATABASE

routes = web.RouteTableDef()


@routes.post("/api/join")
async def join(request: web.Request) -> web.StreamResponse:
    """Redeem a join link. The browser's own value decides whether it is the same browser that comes again."""
    browser = cookies.browser_of(request.cookies, is_https(request)) or cookies.new_browser()
    bearer = cookies.binding(browser)
    now = request.app[CLOCK].now()
    joined = await links.join(request.app[DATABASE], request[BODY]["token"], bearer, request[REQUEST_ID], now)
    response = web.json_response({"visit_id": str(joined.visit_id), "role": joined.role.value})
    cookies.put(response, cookies.VISIT, joined.token, is_https(request))
    cookies.put(response, cookies.BROWSER, browser, is_https(request), cookies.BROWSER_LIFE_S)
    return response
