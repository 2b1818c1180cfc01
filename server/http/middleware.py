"""
What every request passes: an id, headers, the origin check, rates, who is asking, the body's shape; and every error's
answer.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from server.auth import sessions
from server.auth.access import Gate, Rule, is_allowed, rule_for
from server.auth.principals import LinkHolder, Principal, Staff
from server.auth.throttle import Buckets, Rate
from server.errors import (
    KNOWN_ERRORS,
    UNEXPECTED,
    BodyTooLarge,
    ForbiddenOrigin,
    MethodNotAllowed,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Problem,
    TooManyRequests,
    problem_of,
)
from server.http import body as bodies
from server.http import problem as problems
from server.http import security, state
from server.keys import CLOCK, SETTINGS

log = logging.getLogger("teleconsult.http")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL: web.RequestKey[Principal | None] = web.RequestKey("principal")
BODY: web.RequestKey[Any] = web.RequestKey("body")
"""The body as the operation's schema admitted it: a JSON object."""
BUCKETS = web.AppKey("buckets", Buckets)

# A page polls nothing and loads some 40 files once; a ward behind one address has 20 of them. This stops a loop, not a
# ward.
USUAL = Rate(burst=200, per_s=50)
# What costs us a password hash or a database write per call, and what a person does once.
RATES: Mapping[tuple[str, str], Rate] = {
    ("POST", "/api/session"): Rate(burst=20, per_s=1),
    ("POST", "/api/join"): Rate(burst=100, per_s=50),  # a clinic's 8 o'clock wave behind one address (security.md §12)
    ("POST", "/api/visits"): Rate(burst=50, per_s=10),
    ("PUT", "/api/visit/intake"): Rate(burst=60, per_s=20),
}
# A proxy on this machine that the settings do not name would make all the world one address; and whoever runs programs
# here (load tests, probes) needs no requests to do harm. The costly routes of RATES stay limited even then.
THIS_MACHINE = "127.0.0.1"
# A relay's signalling is one socket; media devices and hospital systems have their own limits.
UNLIMITED = ("/livez", "/readyz", "/metrics")
# A nightly read of 100,000 resources comes from one address; fhir_call.py bounds the work instead.
BOUNDED_ELSEWHERE = "/fhir"
_GIVEN_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")


def install(app: web.Application) -> None:
    """Put the edge in front of an application. Called once by server/app.py, before its own middlewares."""
    app[BUCKETS] = Buckets()
    app.cleanup_ctx.append(state.run)
    app.middlewares.insert(0, edge)
    app.middlewares.insert(1, admit)
    app.on_response_prepare.append(_prepare)


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, turn every error into a problem document, and log one event."""
    request[REQUEST_ID] = secrets.token_hex(8)  # ours, never the client's: it joins audit entries
    begun = request.app[CLOCK].monotonic()
    response = await _answered(request, handler)
    log.info("http.request", extra=_event(request, response.status, request.app[CLOCK].monotonic() - begun))
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        found = _from_aiohttp(error)
        return found if isinstance(found, web.StreamResponse) else _told(request, found)
    except KNOWN_ERRORS as error:
        problem = problem_of(error)
        if problem.status == UNEXPECTED.status:
            _log_fault(request, error)
        return _told(request, problem)
    except Exception as error:  # noqa: BLE001  # last resort: no stack, no data leaves; the fault's place is logged
        _log_fault(request, error)
        return _told(request, UNEXPECTED)


def _told(request: web.Request, problem: Problem) -> web.Response:
    is_fhir = request.path.partition("/fhir")[0] == "" and request.path[5:6] in ("", "/")
    return problems.fhir_answer(problem) if is_fhir else problems.answer(problem)


def _from_aiohttp(error: web.HTTPException) -> web.StreamResponse | Problem:
    """aiohttp's own errors, and redirects, which are answers."""
    match error:
        case web.HTTPMethodNotAllowed():
            return problem_of(MethodNotAllowed(error.headers.get("Allow", "")))
        case web.HTTPRequestEntityTooLarge():
            return problem_of(BodyTooLarge())
        case web.HTTPNotFound():
            return problem_of(NotFound())
        case web.HTTPClientError():
            return Problem(error.status, "bad-request", "The request is not usable HTTP.")
        case _:
            return error


def _log_fault(request: web.Request, error: BaseException) -> None:
    """Say which line failed, never with what: messages and locals may hold a patient's words."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    where = ">".join(places[-6:])[-120:]  # logs.py refuses blanks and longer fields
    log.error("http.fault", extra={**_event(request, 500, 0.0), "error": type(error).__name__, "where": where})


def _event(request: web.Request, status: int, took_s: float) -> dict[str, Any]:
    principal = request.get(PRINCIPAL)
    who = {"staff": "staff", "link": "link"}[_kind(principal)] if principal is not None else "nobody"
    return {
        "request_id": request[REQUEST_ID],
        "method": request.method if request.method in _METHODS else "other",
        "route": route_of(request) or "none",
        "status": status,
        "took_ms": round(took_s * 1_000, 1),
        "principal": who,
    }


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _kind(principal: object) -> str:
    return "staff" if isinstance(principal, Staff) else "link"


def route_of(request: web.Request) -> str | None:
    """Return the path as registered (`/api/visits/{id}`), or None when no route matches."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to its route only when everything about it is in order."""
    if security.is_foreign(_origin(request), _public_origin(request)):
        raise ForbiddenOrigin
    route = route_of(request)
    _spend(request, route or "none")
    if route is None:
        return await handler(request)  # raises 404 or 405
    rule = rule_for(request.method, route)
    if rule is None:
        raise NotFound  # no row, no entry
    request[PRINCIPAL] = await _authenticated(request, rule)
    request[BODY] = await bodies.read(request, (request.method, route))
    return await handler(request)


def _origin(request: web.Request) -> security.Origin:
    headers = request.headers
    return security.Origin(
        method=request.method,
        path=request.path,
        host=request.host,
        scheme="https" if is_https(request) else "http",
        origin=headers.get("Origin"),
        fetch_site=headers.get("Sec-Fetch-Site"),
        custom=headers.get(security.CUSTOM_HEADER),
    )


def _public_origin(request: web.Request) -> str | None:
    """Return the only origin that may call us; None on plain http, where it is whatever name we were called by."""
    settings = request.app[SETTINGS]
    return settings.public_url if settings.is_secure else None


def is_https(request: web.Request) -> bool:
    """Whether the browser sees https: TLS ends here, or at the proxy that the public address names."""
    return request.secure or request.app[SETTINGS].is_secure


def address_of(request: web.Request) -> str:
    """
    Return who pays for a call: the peer's address, IPv6 by its /64, which one household has.

    X-Forwarded-For counts only from a proxy of the settings, and only its last entry, which that proxy wrote itself
    (security.md §13, 28).
    """
    peer = _ip(request.remote or "")
    proxies = [ipaddress.ip_network(network) for network in request.app[SETTINGS].trusted_proxies]
    if peer is not None and any(peer in network for network in proxies):
        peer = _ip(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()) or peer
    if peer is None:
        return "unknown"
    if peer.version == 4:
        return str(peer)
    return str(ipaddress.ip_network((peer, 64), strict=False).network_address)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _spend(request: web.Request, route: str) -> None:
    if route in UNLIMITED or route.startswith(BOUNDED_ELSEWHERE):
        return
    rate, payer = RATES.get((request.method, route)), address_of(request)
    if rate is None and payer == THIS_MACHINE:
        return
    rate = rate or USUAL
    wait_s = request.app[BUCKETS].take((payer, request.method, route), rate, request.app[CLOCK].monotonic())
    if wait_s:
        raise TooManyRequests(wait_s)


async def _authenticated(request: web.Request, rule: Rule) -> Principal | None:
    if rule.gate in (Gate.OPEN, Gate.TOKEN):
        return None
    principal = await sessions.principal_of(request.app, request.cookies, rule.gate, request[REQUEST_ID])
    if principal is None:
        raise NotSignedIn
    if not is_allowed(rule, principal):
        raise NotAllowed
    return principal


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in security.headers_for(request.path, is_https(request)).items():
        response.headers.setdefault(name, value)
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    if _GIVEN_ID.fullmatch(given := request.headers.get("X-Request-Id", "")):
        response.headers["X-Correlation-Id"] = given  # theirs, beside ours (FHIR R4 §3.1.0.1.2)
    response.headers.popall("Server", None)


def link_holder(request: web.Request) -> LinkHolder:
    """Return the link session that `admit` let in."""
    principal = request[PRINCIPAL]
    assert isinstance(principal, LinkHolder), "server/auth/access.py gates this route by link"
    return principal


def staff(request: web.Request) -> Staff:
    """Return the login that `admit` let in."""
    principal = request[PRINCIPAL]
    assert isinstance(principal, Staff), "server/auth/access.py gates this route by staff"
    return principal
