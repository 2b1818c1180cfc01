"""The doctor's routes: one visit, by its id."""

from __future__ import annotations

import re
from uuid import UUID

from aiohttp import web

from records.store.triage_notes import Decision
from server import bookings, doctor, feedback
from server.auth.links import link_url
from server.auth.principals import LinkRole
from server.cases import case
from server.doctor import Action
from server.errors import IfMatchRequired, InvalidHeader, NotFound
from server.http.middleware import BODY, REQUEST_ID, staff
from server.keys import SETTINGS
from server.visits import services

routes = web.RouteTableDef()
_ETAG = re.compile(r'"?([0-9]{1,9})"?')
_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def _visit_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound from None  # what is no id names no visit


def _action(request: web.Request) -> Action:
    return Action(staff(request), _visit_id(request), request[REQUEST_ID])


def _expected_version(request: web.Request) -> int:
    given = request.headers.get("If-Match")
    if given is None:
        raise IfMatchRequired
    match = _ETAG.fullmatch(given.strip())
    if match is None:
        raise InvalidHeader('If-Match holds one version as an entity tag, for example "3".')
    return int(match[1])


@routes.post("/api/visits")
async def book(request: web.Request) -> web.StreamResponse:
    """Create a visit and its patient link."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidHeader("Idempotency-Key has 1 to 128 visible ASCII characters.")
    booked = await bookings.book(services(request.app), staff(request), request[BODY], key, request[REQUEST_ID])
    link = link_url(request.app[SETTINGS].public_url, booked.token)
    answer = {"visit_id": str(booked.visit_id), "patient_id": str(booked.patient_id), "link": link}
    return web.json_response(answer, status=201)


@routes.get("/api/visits/{id}")
async def read(request: web.Request) -> web.StreamResponse:
    """Everything a doctor needs before and during the call."""
    action = _action(request)
    found = await case(services(request.app), action.staff, action.visit_id, action.request_id)
    return web.json_response(found, headers={"ETag": f'"{found["note"]["version"]}"'})


@routes.post("/api/visits/{id}/links")
async def invite(request: web.Request) -> web.StreamResponse:
    """Make a link for a person, or a token for a device."""
    body, action = request[BODY], _action(request)
    app = services(request.app)
    if body["role"] != "device":
        role = LinkRole(body["role"])
        token, ends = await bookings.invite(app, action.staff, action.visit_id, role, action.request_id)
        link = link_url(request.app[SETTINGS].public_url, token)
        return web.json_response({"role": role.value, "link": link, "expires_at": ends.isoformat()}, status=201)
    token = await bookings.equip(app, action.staff, action.visit_id, body["kind"], action.request_id)
    url = f"{request.app[SETTINGS].public_url}/{body['kind']}/{action.visit_id}"
    return web.json_response({"role": "device", "url": url, "token": token}, status=201)


@routes.delete("/api/visits/{id}/links")
async def withdraw(request: web.Request) -> web.StreamResponse:
    """End every link of the visit."""
    action = _action(request)
    await bookings.withdraw_links(services(request.app), action.staff, action.visit_id, action.request_id)
    return web.Response(status=204)


@routes.post("/api/visits/{id}/claim")
async def claim(request: web.Request) -> web.StreamResponse:
    """Take the patient."""
    claimed = await doctor.claim(services(request.app), _action(request))
    lease = None if claimed.lease_until is None else claimed.lease_until.isoformat()
    return web.json_response({"state": claimed.state, "lease_until": lease})


@routes.post("/api/visits/{id}/release")
async def release(request: web.Request) -> web.StreamResponse:
    """Put the patient back, same place."""
    return web.json_response({"state": (await doctor.release(services(request.app), _action(request))).state})


@routes.post("/api/visits/{id}/escalate")
async def escalate(request: web.Request) -> web.StreamResponse:
    """Declare an emergency."""
    return web.json_response({"state": (await doctor.escalate(services(request.app), _action(request))).state})


@routes.post("/api/visits/{id}/end")
async def end(request: web.Request) -> web.StreamResponse:
    """End the call."""
    return web.json_response({"state": (await doctor.end(services(request.app), _action(request))).state})


@routes.post("/api/visits/{id}/void")
async def void(request: web.Request) -> web.StreamResponse:
    """Entered in error."""
    voided = await doctor.void(services(request.app), _action(request), request[BODY]["reason"])
    return web.json_response({"state": voided.state})


@routes.put("/api/visits/{id}/note")
async def note(request: web.Request) -> web.StreamResponse:
    """Save the doctor's note over the version that If-Match names."""
    expected = _expected_version(request)
    version = await doctor.save_note(services(request.app), _action(request), request[BODY], expected)
    return web.json_response({"version": version}, headers={"ETag": f'"{version}"'})


@routes.post("/api/visits/{id}/sign")
async def sign(request: web.Request) -> web.StreamResponse:
    """Sign the note and complete the visit."""
    signed = await doctor.sign(services(request.app), _action(request), _expected_version(request))
    return web.json_response({"signed_at": signed.signed_at, "state": signed.state})


@routes.post("/api/visits/{id}/triage-decision")
async def decide(request: web.Request) -> web.StreamResponse:
    """Accept, override or reject the triage note, or one line of it."""
    body = request[BODY]
    decision = Decision(body["action"], body.get("level"), body.get("line"), body.get("reason"))
    number, level = await doctor.decide(services(request.app), _action(request), decision)
    return web.json_response({"number": number, "level": level}, status=201)


@routes.get("/api/triage/feedback")
async def agreement(request: web.Request) -> web.StreamResponse:
    """How often doctors agreed with the triage note."""
    return web.json_response(await feedback.agreement(services(request.app), staff(request), request[REQUEST_ID]))
