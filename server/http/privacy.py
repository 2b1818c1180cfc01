"""The privacy officer's routes, and the doctor's way past the care relation."""

from __future__ import annotations

import re
from uuid import UUID

from aiohttp import web

from records.actors import Actor
from server import oversight, privacy
from server.cases import broken_case
from server.errors import InvalidBody, NotFound
from server.http.middleware import BODY, REQUEST_ID, staff
from server.http.state import AUDIT_CHECK
from server.keys import SETTINGS
from server.visits import services

routes = web.RouteTableDef()
_NUMBER = re.compile("[0-9]{1,18}")  # of an audit entry; PostgreSQL's bigint has 19


def _id(request: web.Request, name: str = "id") -> UUID:
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound from None  # what is no id names nothing


def _actor(request: web.Request) -> Actor:
    return privacy.officer(staff(request), request[REQUEST_ID])


@routes.post("/api/visits/{id}/break-glass")
async def break_glass(request: web.Request) -> web.StreamResponse:
    """Read a case that is not in one's care; flagged."""
    doctor = staff(request)
    broken = privacy.breaking(doctor, request[REQUEST_ID], request[BODY]["reason"])
    return web.json_response(await broken_case(services(request.app), doctor, _id(request), broken))


@routes.get("/api/break-glass")
async def pending(request: web.Request) -> web.StreamResponse:
    """What waits for review, and what was judged last."""
    return web.json_response(await privacy.pending(services(request.app), _actor(request)))


@routes.post("/api/break-glass/{id}/review")
async def review(request: web.Request) -> web.StreamResponse:
    """Judge one."""
    await privacy.review(services(request.app), _actor(request), _id(request), request[BODY])
    return web.Response(status=204)


@routes.post("/api/patients/find")
async def find(request: web.Request) -> web.StreamResponse:
    """Patients by number or name; a POST, so that neither stands in an address."""
    body = request[BODY]
    found = await oversight.find(services(request.app), _actor(request), body["by"], body["value"])
    return web.json_response({"patients": found})


@routes.get("/api/patients/{id}")
async def patient(request: web.Request) -> web.StreamResponse:
    """A patient's file from outside: holds, consents, what an erasure would meet."""
    return web.json_response(await oversight.patient(services(request.app), _actor(request), _id(request)))


@routes.get("/api/patients/{id}/accesses")
async def accesses(request: web.Request) -> web.StreamResponse:
    """Who looked at a patient's record, newest first."""
    before = request.query.get("before")
    if before is not None and not _NUMBER.fullmatch(before):
        raise InvalidBody(errors=[{"pointer": "/before", "detail": "the `next` of an earlier page"}])
    number = None if before is None else int(before)
    return web.json_response(await oversight.trail(services(request.app), _actor(request), _id(request), number))


@routes.get("/api/safeguards")
async def safeguards(request: web.Request) -> web.StreamResponse:
    """The state of the audit chain, the keys and the backups."""
    app = request.app
    return web.json_response(await oversight.safeguards(services(app), _actor(request), app[AUDIT_CHECK]))


@routes.post("/api/safeguards/audit-check")
async def check(request: web.Request) -> web.StreamResponse:
    """Begin to verify the whole audit chain."""
    request.app[AUDIT_CHECK].start()
    return web.Response(status=202)


@routes.get("/api/patients/{id}/holds")
async def holds(request: web.Request) -> web.StreamResponse:
    """Legal holds that are on."""
    return web.json_response({"holds": await privacy.holds(services(request.app), _actor(request), _id(request))})


@routes.post("/api/patients/{id}/holds")
async def hold(request: web.Request) -> web.StreamResponse:
    """Put a legal hold on."""
    made = await privacy.hold(services(request.app), _actor(request), _id(request), request[BODY]["reason"])
    return web.json_response({"id": str(made)}, status=201)


@routes.delete("/api/holds/{id}")
async def lift(request: web.Request) -> web.StreamResponse:
    """Lift a legal hold."""
    await privacy.lift(services(request.app), _actor(request), _id(request))
    return web.Response(status=204)


@routes.post("/api/patients/{id}/erasure")
async def erase(request: web.Request) -> web.StreamResponse:
    """Erase a patient by destroying their keys."""
    basis = privacy.basis_of(request[BODY]["basis"], request.app[SETTINGS].country)
    return web.json_response(await privacy.erase(services(request.app), _actor(request), _id(request), basis))


@routes.get("/api/patients/{id}/erasure")
async def receipt(request: web.Request) -> web.StreamResponse:
    """The receipt of an erasure."""
    return web.json_response(await privacy.receipt(services(request.app), _actor(request), _id(request)))
