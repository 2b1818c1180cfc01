"""What /auth/token and /fhir share in the application: token service, key sets of clients, our own addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from server.auth.smart_jwks import JwksCache
from server.auth.smart_tokens import TokenService
from server.http.middleware import REQUEST_ID
from server.keys import DATABASE, SETTINGS

TOKENS: web.AppKey[TokenService] = web.AppKey("smart-tokens", TokenService)
JWKS: web.AppKey[JwksCache] = web.AppKey("smart-jwks", JwksCache)
IN_WORK: web.AppKey[asyncio.Semaphore] = web.AppKey("fhir-in-work", asyncio.Semaphore)
# FHIR requests in work at once: the pool has 20 connections, and a queue of seconds behind them helps nobody more.
MAX_IN_WORK = 128


async def smart_context(app: web.Application) -> AsyncIterator[None]:
    """Give the application what /auth/token and /fhir need; for app.cleanup_ctx, after the database."""
    app[IN_WORK] = asyncio.Semaphore(MAX_IN_WORK)
    app[TOKENS] = TokenService(app[DATABASE])
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        app[JWKS] = JwksCache(session)
        yield


def base_url(app: web.Application) -> str:
    """Give the address of /fhir as clients know it."""
    return f"{app[SETTINGS].public_url}/fhir"


def token_url(app: web.Application) -> str:
    """Give the address of the token endpoint: the audience of every assertion."""
    return f"{app[SETTINGS].public_url}/auth/token"


def request_id(request: web.Request) -> str:
    """Give the id that joins a request's audit entries; the edge has set it."""
    return str(request.get(REQUEST_ID, "no-edge"))
