"""Tickets for the WebSocket, and what pages need to know before anyone is authenticated."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from server.auth import tickets
from server.auth.principals import LinkHolder, Staff
from server.http.middleware import BODY, PRINCIPAL, REQUEST_ID
from server.http.schemas import LANGUAGES
from server.keys import DATABASE, SETTINGS
from server.visits import CONSENT_TEXT_VERSION

routes = web.RouteTableDef()


@routes.post("/api/tickets")
async def issue(request: web.Request) -> web.StreamResponse:
    """A single-use ticket for the caller's own seat."""
    named = request[BODY].get("visit_id")
    principal = request[PRINCIPAL]
    assert isinstance(principal, LinkHolder | Staff), "server/auth/access.py gates this route"
    token = await tickets.issue(request.app[DATABASE], principal, UUID(named) if named else None, request[REQUEST_ID])
    return web.json_response({"ticket": token, "expires_s": tickets.EXPIRES_S}, status=201)


@routes.get("/api/config")
async def config(request: web.Request) -> web.StreamResponse:
    """What the pages need to know before anyone is known; TURN credentials are for who has a seat (/api/ice)."""
    settings = request.app[SETTINGS]
    return web.json_response(
        {
            "lang": "zh" if settings.country == "cn" else "en",
            "languages": list(LANGUAGES),
            "country": settings.country,
            "emergency_number": settings.emergency_number,
            "consent_text_version": CONSENT_TEXT_VERSION,
        }
    )
