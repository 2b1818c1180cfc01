"""The patient's visit: every route acts on the one visit of the visit cookie."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from records.store.visits import Place
from server import intake as intakes
from server import summaries, visits, waiting
from server.http.middleware import BODY, REQUEST_ID, link_holder
from server.visit_view import place_part, view
from server.visits import CONSENT_TEXT_VERSION, Call, services

routes = web.RouteTableDef()


def _call(request: web.Request) -> Call:
    return Call(link_holder(request), request[REQUEST_ID])


@routes.get("/api/visit")
async def read(request: web.Request) -> web.StreamResponse:
    """The visit as its patient or helper sees it."""
    return web.json_response(await view(services(request.app), _call(request)))


@routes.put("/api/visit/language")
async def language(request: web.Request) -> web.StreamResponse:
    """Choose the language."""
    lang = request[BODY]["lang"]
    await visits.set_language(services(request.app), _call(request), lang)
    return web.json_response({"lang": lang})


@routes.put("/api/visit/consents")
async def consents(request: web.Request) -> web.StreamResponse:
    """Answer the three consents; each may be changed later."""
    body = request[BODY]
    answers = {scope: body[scope] for scope in visits.SCOPES}
    app, call = services(request.app), _call(request)
    progress = await intakes.consent(app, call, answers, body.get("text_version", CONSENT_TEXT_VERSION))
    return web.json_response({"state": progress.visit.state, "consents": progress.consents})


@routes.put("/api/visit/place")
async def place(request: web.Request) -> web.StreamResponse:
    """Say where the patient is now."""
    body = request[BODY]
    where = Place(body["place"], body["callback"], body.get("emergency_contact") or None)
    await visits.set_place(services(request.app), _call(request), where)
    return web.json_response({"place_given": True})


@routes.put("/api/visit/intake")
async def intake(request: web.Request) -> web.StreamResponse:
    """Save answers; a red flag is answered at once, a final form becomes a triage note."""
    body = request[BODY]
    saved = await intakes.save(services(request.app), _call(request), body["intake"], body["final"])
    return web.json_response({"state": saved.state, "version": saved.version, "emergency": saved.emergency})


@routes.post("/api/visit/check")
async def check(request: web.Request) -> web.StreamResponse:
    """Record the rung of the ladder that the device test found, and what the line test found."""
    body = request[BODY]
    mode = visits.mode_of(body["camera"], body["microphone"])
    await visits.check_devices(services(request.app), _call(request), mode, body.get("line"))
    return web.json_response({"mode": mode})


@routes.post("/api/visit/wait")
async def wait(request: web.Request) -> web.StreamResponse:
    """Enter the queue."""
    state, where = await waiting.enter(services(request.app), _call(request))
    answer: dict[str, Any] = {"state": state, "queue": place_part(where)}
    return web.json_response(answer)


@routes.post("/api/visit/leave")
async def leave(request: web.Request) -> web.StreamResponse:
    """Leave before being seen."""
    return web.json_response({"state": await visits.leave(services(request.app), _call(request))})


@routes.get("/api/visit/summary")
async def summary(request: web.Request) -> web.StreamResponse:
    """What the doctor found and advised, once signed."""
    return web.json_response(await summaries.summary(services(request.app), _call(request)))
