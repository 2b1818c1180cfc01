"""The privacy officer's routes, and the doctor's way past the care relation."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from records.actors import Actor
from server import privacy
from server.cases import broken_case
from server.errors import NotFound
from server.http.middleware import BODY, REQUEST_ID, staff
from server.keys import SETTINGS
from server.visits import services

routes = web.RouteTableDef()


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
    """What waits for review."""
    return web.json_response({"rows": await privacy.pending(services(request.app), _actor(request))})


@routes.post("/api/break-glass/{id}/review")
async def review(request: web.Request) -> web.StreamResponse:
    """Mark one reviewed."""
    await privacy.review(services(request.app), _actor(request), _id(request))
    return web.Response(status=204)


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
