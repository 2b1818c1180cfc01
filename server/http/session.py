"""Staff log in and out."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.auth import accounts, sessions
from server.auth.principals import Staff, StaffRole
from server.http import cookies
from server.http.middleware import BODY, REQUEST_ID, address_of, is_https, staff
from server.http.state import PASSWORDS
from server.keys import DATABASE

routes = web.RouteTableDef()


@routes.post("/api/session")
async def log_in(request: web.Request) -> web.StreamResponse:
    """Log in. The session that the browser had before ends: its id is never reused."""
    body = request[BODY]
    browser = cookies.browser_of(request.cookies, is_https(request)) or cookies.new_browser()
    attempt = accounts.Attempt(
        body["email"], body["password"], cookies.binding(browser), address_of(request), request[REQUEST_ID]
    )
    accepted = await accounts.log_in(request.app[DATABASE], request.app[PASSWORDS], attempt)
    older = cookies.read(request.cookies, cookies.SESSION, is_https(request))
    if older is not None:
        await sessions.revoke(request.app[DATABASE], older, request[REQUEST_ID])
    account = accepted.account
    response = web.json_response(
        {
            "id": str(account.id),
            "display": account.display,
            "role": StaffRole(account.role).value,
            "registration_number": account.registration_number,
        }
    )
    cookies.put(response, cookies.SESSION, accepted.token, is_https(request))
    cookies.put(response, cookies.BROWSER, browser, is_https(request), cookies.BROWSER_LIFE_S)
    return response


def _account(who: Staff) -> dict[str, Any]:
    said = {"id": str(who.account_id), "display": who.display, "role": who.role.value}
    return {**said, "registration_number": who.registration_number, "expires_at": who.expires_at.isoformat()}


@routes.get("/api/session")
async def who(request: web.Request) -> web.StreamResponse:
    """Who is logged in."""
    return web.json_response(_account(staff(request)))


@routes.delete("/api/session")
async def log_out(request: web.Request) -> web.StreamResponse:
    """Log out: the session ends on the server, the browser forgets what it kept of this site."""
    token = cookies.read(request.cookies, cookies.SESSION, is_https(request))
    assert token is not None, "the gate found a session by it"
    await sessions.revoke(request.app[DATABASE], token, request[REQUEST_ID])
    response = web.Response(status=204, headers={"Clear-Site-Data": '"cache"'})
    cookies.drop(response, cookies.SESSION, is_https(request))
    return response
