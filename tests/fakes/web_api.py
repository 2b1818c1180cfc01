"""A small server in memory that follows server/http/README.md and signaling/README.md, to drive the pages alone.

Everything it holds is public, so that a test can put the pages into any state. It carries no media.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.privacy_office import OFFICER, PrivacyOffice

STATIC = Path(__file__).resolve().parents[2] / "static"
VISIT_ID = "0b4c6f0e-6b1c-4d0f-9d53-0a4b6cf2a111"
DOCTOR = {"id": "d1", "display": "Dr. Lin Zhao", "role": "doctor", "registration_number": "110-2231"}
CONFIG = {
    "lang": "en",
    "languages": ["en", "zh"],
    "emergency_number": "120",
    "consent_text_version": "1",
}
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'"
)
NOTE = {
    "level": "urgent",
    "level_reason": "chest pain over 50 years",
    "partial": False,
    "summary": "61 years, chest pain since this morning.",
    "red_flags": [
        {
            "rule": "chest-pain",
            "quote": "pain in my chest",
            "title": "Chest pain at 50 or older",
            "source": "IITT",
            "level": "urgent",
        },
    ],
    "departments": ["cardiology"],
    "department_names": ["Cardiology"],
    "news2": {"min": 3, "max": 9, "missing": ["respiratory_rate", "systolic_bp"], "applies": True},
    "questions": ["Does the pain move to the arm or jaw?", "Are you sweating?"],
    "engine": "embedded 1",
    "banner": "AI-generated, not a diagnosis, for clinician review",
    "differential": {"must_not_miss": [{"name": "Heart attack"}], "likely": [{"name": "Muscle pain"}]},
    "not_said": ["breathlessness"],
    "denied": ["fever"],
    "limits": [],
}


def new_visit() -> dict[str, Any]:
    """The patient's visit before the first step."""
    return {
        "id": VISIT_ID,
        "role": "patient",
        "state": "booked",
        "next": "consents",
        "lang": "en",
        "patient": {"display": "Mei Chen", "age": 61, "age_months": None, "sex": "female"},
        "consents": None,
        "consent_text_version": "1",
        "place_given": False,
        "intake": None,
        "intake_final": False,
        "queue": None,
        "practitioner": None,
        "emergency": None,
        "mode": "video",
        "has_summary": False,
    }


def new_row(**changes: Any) -> dict[str, Any]:
    """One line of the queue."""
    row = {
        "visit_id": VISIT_ID,
        "level": "urgent",
        "flags": ["Chest pain"],
        "display": "Mei Chen",
        "age": 61,
        "sex": "female",
        "lang": "en",
        "state": "waiting",
        "waited_s": 720,
        "promised_min": [10, 20],
        "mine": False,
        "claimed_by": None,
        "presence": "present",
        "mode": "video",
        "triage": "done",
    }
    return {**row, **changes}


def new_case() -> dict[str, Any]:
    """What the doctor reads."""
    return {
        "visit": {
            "id": VISIT_ID,
            "state": "waiting",
            "level": "urgent",
            "mode": "video",
            "lang": "en",
            "created_at": "2026-11-22T09:00:00Z",
            "waiting_since": "2026-11-22T09:10:00Z",
            "practitioner_id": None,
            "line_check": {"verdict": "small_video", "ways": ["udp"], "up_bps": 420_000, "rtt_ms": 62},
            "line_record": [{"role": "patient", "verdict": "conversation", "reasons": ["up_loss"], "score": 3.6}],
            "mine": False,
            "lease_until": None,
        },
        "patient": {
            "id": "p1",
            "display": "Mei Chen",
            "name": "Mei Chen",
            "birth_date": "1965-03-02",
            "age": 61,
            "sex": "female",
            "phone": "+86 10 5555 0101",
            "address": None,
        },
        "place": {
            "place": "12 Garden Road, 3rd floor, Haidian",
            "callback": "+86 10 5555 0101",
            "emergency_contact": "Daughter Li, 5555 0102",
        },
        "consents": {"consultation": True, "ai": True, "recording": False},
        "intake": {
            "complaint": "I have had a pain in my chest since this morning. No fever.\nI also have: dizziness.",
            "age": 61,
            "sex": "female",
            "conditions": ["high blood pressure"],
            "medications": ["amlodipine 5 mg"],
            "allergies": ["penicillin"],
            "vitals": {"temperature_c": 37.1, "heart_rate": 104, "spo2": 95},
        },
        "triage": {"status": "done", "note": NOTE, "decisions": [], "superseded": []},
        "vitals": {},
        "chat": [],
        "readings": [],
        "note": {"version": 0, "body": None, "signed": False, "signed_at": None},
        "history": [{"state": "waiting", "trigger": "wait", "at": "2026-11-22T09:10:00Z", "actor_kind": "patient"}],
    }


@dataclass
class FakeWeb:
    """The server's whole state."""

    visit: dict[str, Any] = field(default_factory=new_visit)
    rows: list[dict[str, Any]] = field(default_factory=lambda: [new_row()])
    recordings: list[dict[str, Any]] = field(default_factory=list)
    case: dict[str, Any] = field(default_factory=new_case)
    office: PrivacyOffice = field(default_factory=PrivacyOffice)
    signed_in: bool = False
    is_officer: bool = False
    """Whoever signs in, or is signed in, is the privacy officer."""
    problems: dict[str, tuple[int, str]] = field(default_factory=dict)
    """"METHOD /path" -> the problem to answer with, instead of the usual."""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Every API request: method, path, body."""
    emergency_on: str = "crushing"
    """The word in a complaint that raises the emergency notice."""
    ringing: bool = False
    seats: list[dict[str, Any]] = field(default_factory=list)
    chat: list[dict[str, Any]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    """Every WebSocket message of the pages."""
    base_url: str = ""
    _seq: int = 0

    def forget(self) -> None:
        """Begin anew at the same address."""
        vars(self).update(vars(FakeWeb(base_url=self.base_url)))

    def account(self) -> dict[str, Any]:
        """Who is signed in."""
        return OFFICER if self.is_officer else DOCTOR

    async def push(self, role: str, type_: str, body: dict[str, Any], *, journalled: bool = True) -> None:
        """Send a message to the seat of this role."""
        self._seq += 1 if journalled else 0
        await self.sockets[role].send_json(
            {"v": 1, "type": type_, "seq": self._seq if journalled else 0, "ack": 0, "body": body}
        )

    async def offer(self, role: str, sdp: str, tracks: list[dict[str, Any]]) -> None:
        """Answer this seat's newest `subscribe`; it must have come, and no other seat subscribes."""
        asked = [message["id"] for message in self.received if message["type"] == "subscribe"]
        body = {"generation": 1, "sdp": sdp, "tracks": tracks}
        await self.sockets[role].send_json({"v": 1, "type": "offer", "re": asked[-1], "seq": 0, "ack": 0, "body": body})

    async def heard(self, type_: str) -> None:
        """Wait until a page has sent a message of this type."""
        deadline = asyncio.get_running_loop().time() + 10
        while not any(message["type"] == type_ for message in self.received):
            assert asyncio.get_running_loop().time() < deadline, f"no {type_}"
            await asyncio.sleep(0.02)

    async def sockets_of(self, role: str) -> None:
        """Wait until the seat of this role is connected."""
        deadline = asyncio.get_running_loop().time() + 10
        while role not in self.sockets:
            assert asyncio.get_running_loop().time() < deadline, f"no seat of {role}"
            await asyncio.sleep(0.02)

    async def move(self, state: str, *, admitted: bool = False) -> None:
        """The visit changes its state, and everyone hears it."""
        self.visit["state"] = self.case["visit"]["state"] = state
        for role in list(self.sockets):
            await self.push(role, "state", {"state": state, "at": "2026-11-22T09:30:00Z", "admitted": admitted})


def problem(status: int, code: str) -> web.Response:
    """RFC 9457."""
    body = json.dumps({"type": "about:blank", "title": code, "status": status, "detail": code, "code": code})
    return web.Response(status=status, text=body, content_type="application/problem+json")


class Routes:
    """The HTTP API."""

    def __init__(self, fake: FakeWeb) -> None:
        self.fake = fake

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Every call of /api but the stream and the socket."""
        body = await request.json() if request.can_read_body else None
        key = f"{request.method} {request.path.removeprefix('/api')}"
        self.fake.calls.append((request.method, request.path, body))
        if request.method != "GET" and request.headers.get("X-Requested-With") != "teleconsult":
            return problem(403, "forbidden-origin")
        if key in self.fake.problems:
            return problem(*self.fake.problems[key])
        if key == "POST /visits":
            return web.json_response({"visit_id": VISIT_ID, "patient_id": "p1", "link": "/visit#t=NEW"}, status=201)
        if key.endswith("/recordings"):
            return web.json_response({"recordings": self.fake.recordings})
        if "/visits/" in key:
            return self.case(key.split("/", 3)[-1] if key.count("/") > 2 else "", request, body)
        answer = self.answer(key, body)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    def answer(self, key: str, body: Any) -> Any:
        """The patient's calls; the rest is `shared`'s."""
        visit = self.fake.visit
        match key:
            case "POST /join":
                return {"visit_id": visit["id"], "role": visit["role"]}
            case "GET /visit":
                return visit
            case "PUT /visit/language":
                visit["lang"] = body["lang"]
            case "PUT /visit/consents":
                visit.update(
                    consents={name: body[name] for name in ("consultation", "ai", "recording")}, state="checked_in"
                )
            case "PUT /visit/place":
                visit["place_given"] = True
            case "PUT /visit/intake":
                return self.intake(body)
            case "POST /visit/check":
                return {"mode": "video"}
            case "POST /visit/wait":
                visit.update(
                    state="waiting", queue={"position": 3, "ahead": 2, "wait_min": [10, 20], "may_be_overtaken": True}
                )
            case "POST /visit/leave":
                visit["state"] = "left_unseen"
            case "GET /visit/summary":
                return SUMMARY
            case _:
                return self.shared(key, body)
        return {"state": visit["state"]}

    def shared(self, key: str, body: Any) -> Any:
        """The doctor's session and queue, and the calls of both sides."""
        fake = self.fake
        match key:
            case "GET /config":
                return CONFIG
            case "GET /ice":
                return {"ice_servers": [], "ttl_s": 0}
            case "POST /line-tests":
                return problem(429, "line-test-busy")
            case "POST /tickets":
                return {"ticket": "doctor" if body.get("visit_id") else fake.visit["role"], "expires_s": 30}
            case "GET /session":
                return fake.account() if fake.signed_in else problem(401, "not-signed-in")
            case "POST /session":
                if body["password"] != "right":
                    return problem(401, "wrong-credentials")
                fake.signed_in = True
                return fake.account()
            case "DELETE /session":
                fake.signed_in = False
                return web.Response(status=204)
            case "GET /queue":
                return self.queue()
            case _:
                status, found = fake.office.answer(key, body)
                return web.Response(status=status) if found is None else web.json_response(found, status=status)

    def queue(self) -> dict[str, Any]:
        """The queue as the stream sends it too."""
        return {
            "rows": self.fake.rows,
            "counts": {"waiting": 1, "in_consult": 0, "wrap_up": 0},
            "at": "2026-11-22T09:22:00Z",
        }

    def intake(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keep the form; one word raises the notice."""
        visit = self.fake.visit
        visit.update(intake=body["intake"], intake_final=body["final"], state="triaged" if body["final"] else "intake")
        raised = self.fake.emergency_on in body["intake"].get("complaint", "")
        notice = (
            {"number": "120", "text": "Some of your answers can be signs of an emergency.", "rules": ["chest-pain"]}
            if raised
            else None
        )
        visit["emergency"] = notice
        return {"state": visit["state"], "version": 1, "emergency": notice}

    def case(self, action: str, request: web.Request, body: Any) -> web.Response:
        """The doctor's calls on one visit."""
        case, visit = self.fake.case, self.fake.case["visit"]
        match (request.method, action):
            case ("POST", "claim"):
                visit.update(mine=True, state="called", practitioner_id="d1")
                self.fake.rows[0].update(mine=True, state="called", claimed_by=DOCTOR["display"])
            case ("POST", "release"):
                visit.update(mine=False, state="waiting", practitioner_id=None)
            case ("POST", "end"):
                visit["state"] = "wrap_up"
            case ("POST", "links"):
                return web.json_response(
                    {"link": "/visit#t=GUEST", "role": body["role"], "expires_at": "2026-11-23T00:00:00Z"}, status=201
                )
            case ("POST", "triage-decision"):
                case["triage"]["decisions"].append({**body, "at": "2026-11-22T09:40:00Z"})
                visit["level"] = body.get("level") or visit["level"]
            case ("PUT", "note"):
                case["note"].update(version=case["note"]["version"] + 1, body=body)
                return web.json_response({"version": case["note"]["version"]})
            case ("POST", "sign"):
                case["note"].update(signed=True, signed_at="2026-11-22T10:00:00Z")
                visit["state"] = "completed"
        return web.json_response(case)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The queue, once a second."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with suppress(ConnectionResetError):
            while True:
                await response.write(f"event: queue\ndata: {json.dumps(self.queue())}\n\n".encode())
                await asyncio.sleep(1)
        return response

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """The seat of whoever says hello."""
        socket = web.WebSocketResponse(protocols=("teleconsult.v1",))
        await socket.prepare(request)
        role = ""
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            self.fake.received.append(message)
            if message["type"] == "hello":
                role = message["body"]["ticket"]
                self.fake.sockets[role] = socket
                await self.welcome(socket, role)
            elif message["type"] == "ping":
                await socket.send_json(
                    {"v": 1, "type": "pong", "re": message["id"], "seq": 0, "ack": message["seq"], "body": {}}
                )
            elif message["type"] in ("chat", "vitals"):
                await self.keep(role, message)
        if self.fake.sockets.get(role) is socket:
            del self.fake.sockets[role]
        return socket

    async def welcome(self, socket: web.WebSocketResponse, role: str) -> None:
        """Everything the page needs."""
        fake = self.fake
        state = fake.visit["state"] if role != "doctor" else fake.case["visit"]["state"]
        await socket.send_json(
            {
                "v": 1,
                "type": "welcome",
                "seq": 0,
                "ack": 0,
                "body": {
                    "seat": f"s_{role}",
                    "role": role,
                    "resume_key": "k",
                    "resumed": False,
                    "visit": {"id": VISIT_ID, "state": state},
                    "seats": fake.seats,
                    "links": {},
                    "ice_servers": [],
                    "chat": fake.chat,
                    "vitals": fake.readings,
                    "admitted": state == "in_consult",
                },
            }
        )
        if role == "patient" and fake.visit["queue"]:
            await fake.push(role, "queue", {**fake.visit["queue"], "full": False}, journalled=False)

    async def keep(self, role: str, message: dict[str, Any]) -> None:
        """Store a text or a reading and tell everyone."""
        kept = self.fake.chat if message["type"] == "chat" else self.fake.readings
        entry = {
            "from": f"s_{role}",
            "role": role,
            **message["body"],
            "at": "2026-11-22T09:31:00Z",
            "number": len(kept) + 1,
        }
        kept.append(entry)
        for other in list(self.fake.sockets):
            await self.fake.push(other, message["type"], entry)


SUMMARY = {
    "visit_id": VISIT_ID,
    "lang": "en",
    "seen_at": "2026-11-22T09:30:00Z",
    "signed_at": "2026-11-22T10:00:00Z",
    "practitioner": {"display": DOCTOR["display"], "registration_number": DOCTOR["registration_number"]},
    "patient": {"display": "Mei Chen"},
    "mode": "video",
    "reason": "Chest pain since this morning",
    "assessment": "Probably a strained muscle.",
    "plan": "Rest for two days.",
    "safety_net": "Call if the pain comes back or you are short of breath.",
    "emergency_number": "120",
    "texts": {},
}


async def page(request: web.Request) -> web.StreamResponse:
    """A page or a file of static/, under the product's content policy."""
    name = {"/": "index.html", "/visit": "visit.html", "/console": "console.html", "/privacy": "privacy.html"}.get(
        request.path, request.path.removeprefix("/static/")
    )
    return web.FileResponse(
        STATIC / name, headers={"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "max-age=600"}
    )


@asynccontextmanager
async def serve(fake: FakeWeb) -> AsyncIterator[FakeWeb]:
    """Run the fake on a free port of loopback; `base_url` says where."""
    routes = Routes(fake)
    app = web.Application()
    app.router.add_get("/api/ws", routes.socket)
    app.router.add_get("/api/queue/stream", routes.stream)
    app.router.add_get("/livez", _answered)
    app.router.add_route("*", "/api/{rest:.*}", routes.api)
    for path in ("/", "/visit", "/console", "/privacy", "/static/{rest:.*}"):
        app.router.add_get(path, page)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.base_url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()


async def _answered(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
