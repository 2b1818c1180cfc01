"""POST /auth/token: an access token for a hospital system that signs with its key (SMART Backend Services)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from aiohttp import web

from records.store.clients import Client
from records.store.database import DEFAULT_TENANT
from server.auth.principals import system_actor
from server.auth.smart import (
    ASSERTION_TYPE,
    Claimed,
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    Proven,
    UnauthorizedClient,
    UnsupportedGrantType,
    claimed,
    prove,
)
from server.auth.smart_scopes import Scope, are_usable, granted, parse_scopes
from server.auth.smart_tokens import LIFE, Granted
from server.http.smart_services import JWKS, TOKENS, request_id, token_url
from server.keys import CLOCK, DATABASE

routes = web.RouteTableDef()
MAX_BODY = 32 * 1024  # an assertion of 8 KiB and the scopes


@routes.post("/auth/token")
async def token(request: web.Request) -> web.Response:
    """Answer a client_credentials request (RFC 6749 §4.4, RFC 7523 §2.2)."""
    try:
        return _answer(200, await _grant(request))
    except OAuthError as error:
        return _answer(error.status, {"error": error.error, "error_description": error.description})


async def _grant(request: web.Request) -> Mapping[str, object]:
    form = await _form(request)
    if form.get("grant_type") != "client_credentials":
        raise UnsupportedGrantType("grant_type is client_credentials")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidRequest(f"client_assertion_type is {ASSERTION_TYPE}")
    if "client_assertion" not in form:
        raise InvalidRequest("client_assertion is missing")
    assertion = claimed(form["client_assertion"])
    if form.get("client_id", assertion.client_id) != assertion.client_id:
        raise InvalidClient("client_id is not the issuer of client_assertion")
    now = request.app[CLOCK].now()
    client, proven = await _authenticated(request, assertion, now)
    scopes = _scopes(form.get("scope", ""), client, now)
    purpose = _purpose(proven, client)
    await _use_up(request, proven)
    granted = Granted(client.id, scopes, purpose, client.organization)
    access_token = await request.app[TOKENS].issue(granted, now, request.app[CLOCK].monotonic())
    expires_in = int(LIFE.total_seconds())
    scope = " ".join(s.text for s in scopes)
    return {"access_token": access_token, "token_type": "bearer", "expires_in": expires_in, "scope": scope}


async def _form(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidRequest("send application/x-www-form-urlencoded")
    if (request.content_length or 0) > MAX_BODY:
        raise InvalidRequest("the request is too long")
    try:
        posted = await request.post()
    except (ValueError, web.HTTPRequestEntityTooLarge):
        raise InvalidRequest("the form cannot be read") from None
    names = list(posted.keys())
    if len(names) != len(set(names)):
        raise InvalidRequest("a parameter is given twice")
    return {name: value for name, value in posted.items() if isinstance(value, str)}


async def _authenticated(request: web.Request, assertion: Claimed, now: datetime) -> tuple[Client, Proven]:
    actor = system_actor(DEFAULT_TENANT, "smart", request_id(request))
    async with request.app[DATABASE].unit(actor) as unit:
        client = await unit.clients.get(assertion.client_id) if _is_text(assertion.client_id) else None
    if client is None:
        raise InvalidClient("the client is not registered")
    keys = await _keys(request, assertion, client)
    return client, prove(assertion, keys, token_url(request.app), now)


def _is_text(client_id: str) -> bool:
    """PostgreSQL keeps no NUL; a name with one is nobody's."""
    return "\0" not in client_id and len(client_id) <= 255


async def _keys(request: web.Request, assertion: Claimed, client: Client) -> list[object]:
    if assertion.jku is not None and assertion.jku != client.jwks_url:
        raise InvalidClient("jku is not the registered JWKS URL")
    if client.jwks is not None:
        return list(client.jwks.get("keys", []))
    assert client.jwks_url is not None  # register() stores one of the two
    return await request.app[JWKS].keys(client.jwks_url, assertion.kid, request.app[CLOCK].monotonic())


def _scopes(asked: str, client: Client, now: datetime) -> list[Scope]:
    registered = parse_scopes(" ".join(client.scopes))
    found = granted(parse_scopes(asked), registered)
    if not found or not are_usable(found, now):
        raise InvalidScope("none of the scopes is registered for this client and supported by this server")
    return found


def _purpose(proven: Proven, client: Client) -> str:
    found = proven.purpose or client.purposes[0]
    if found not in client.purposes:
        raise UnauthorizedClient("this purpose of use is not registered for the client")
    return found


async def _use_up(request: web.Request, proven: Proven) -> None:
    actor = system_actor(DEFAULT_TENANT, "smart", request_id(request))
    async with request.app[DATABASE].unit(actor) as unit:
        is_first = await unit.clients.remember_jti(proven.client_id, proven.jti, proven.expires)
    if not is_first:
        raise InvalidClient("this client_assertion was used before; make a new one with its own jti")


def _answer(status: int, body: Mapping[str, object]) -> web.Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    text = json.dumps(body)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
