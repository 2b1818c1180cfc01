"""The last words of a page that is closed while its socket is away."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from server import written
from server.errors import NotFound
from server.http.middleware import BODY, REQUEST_ID, link_holder, staff
from server.visits import services
from server.written import Author
from signaling.states import Role

routes = web.RouteTableDef()


@routes.post("/api/visit/written")
async def by_link(request: web.Request) -> web.StreamResponse:
    """Store what the patient's side wrote or measured."""
    holder = link_holder(request)
    author = Author(holder.visit_id, holder.seat, Role(holder.role.value), holder.actor(request[REQUEST_ID]))
    await written.keep(services(request.app), author, request[BODY]["entries"])
    return web.Response(status=204)


@routes.post("/api/visits/{id}/written")
async def by_staff(request: web.Request) -> web.StreamResponse:
    """Store what the doctor wrote or measured."""
    doctor = staff(request)
    try:
        visit_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound from None
    author = Author(visit_id, doctor.seat_in(visit_id), Role.DOCTOR, doctor.actor(request[REQUEST_ID]))
    await written.keep(services(request.app), author, request[BODY]["entries"])
    return web.Response(status=204)
