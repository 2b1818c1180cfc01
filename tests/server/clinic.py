"""A clinic over HTTP: the real application on a real database, people with cookie jars, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT, Database
from server.auth import accounts
from server.auth.passwords import Passwords
from server.auth.principals import StaffRole
from server.keys import DATABASE
from tests.fakes.rooms import FakeRooms

SYSTEM = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.TREAT, "request-1")
PASSWORD = "correct horse battery staple"
TEXT_VERSION = "2026-11"
CONSENTS = {"consultation": True, "ai": True, "recording": False, "text_version": TEXT_VERSION}
PLACE = {
    "place": "Room 5, 12 Harbour Road, Haikou",
    "callback": "0898 5550 1234",
    "emergency_contact": "daughter 0898 5550 9876",
}
COUGH = {"complaint": "I have had a mild cough and a runny nose for two days", "age": 34, "sex": "female"}
CHEST_PAIN = {"complaint": "crushing chest pain spreading to my left arm, I am sweating", "age": 61, "sex": "male"}
PATIENT = {"name": "Ada Canary", "birth_date": "1953-07-21", "sex": "female", "phone": "0898 5550 1111"}
NOTE = {
    "reason": "cough", "findings": "clear chest", "assessment": "a cold", "plan": "rest and fluids",
    "safety_net": "call us when breathing gets hard", "mode": "video",
}  # fmt: skip


class MovableClock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, **by: float) -> None:
        step = timedelta(**by)
        self._now += step
        self._monotonic += step.total_seconds()


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str | None:
        """The problem's code, or None for no problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Person:
    """A browser with its own cookies."""

    client: TestClient[Any, Any]
    visit_id: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"X-Requested-With": "teleconsult"})

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.client.request(method, path, json=body, headers=sent) as response:
            return await read(response)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.call("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.call("DELETE", path, **headers)

    def cookie(self, name: str) -> str | None:
        found = [each.value for each in self.client.session.cookie_jar if each.key == name]
        return found[0] if found else None


async def read(response: ClientResponse) -> Answer:
    is_json = "json" in response.content_type
    body = await response.json(content_type=None) if is_json else await response.text()
    return Answer(response.status, body, response.headers)


@dataclass
class Clinic:
    """The running application and who is in it."""

    server: TestServer
    app: web.Application
    clock: MovableClock
    rooms: FakeRooms
    people: list[TestClient[Any, Any]] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.app[DATABASE]

    async def person(self) -> Person:
        """Return a fresh browser."""
        client: TestClient[Any, Any] = TestClient(self.server)
        self.people.append(client)
        return Person(client)

    async def employ(self, email: str, display: str = "Dr. Lin", role: StaffRole = StaffRole.DOCTOR) -> UUID:
        """Make an account."""
        passwords = Passwords()
        new = accounts.NewStaff(email, display, PASSWORD, f"REG-{email.partition('@')[0]}", role)
        made = await accounts.create(self.database, passwords, new)
        passwords.close()
        return made

    async def staff(self, email: str = "lin@clinic.example", role: StaffRole = StaffRole.DOCTOR) -> Person:
        """Return a browser in which a new member of staff is logged in."""
        await self.employ(email, f"Dr. {email.partition('@')[0].title()}", role)
        person = await self.person()
        answer = await person.post("/api/session", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer
        return person

    async def book(self, desk: Person, **more: Any) -> tuple[str, str]:
        """Return the id and the link token of a new visit."""
        answer = await desk.post("/api/visits", {"patient": PATIENT, "lang": "en", **more})
        assert answer.status == 201, answer
        return answer.body["visit_id"], answer.body["link"].partition("#t=")[2]

    async def patient(self, desk: Person, **more: Any) -> Person:
        """Return a browser that redeemed a new visit's patient link."""
        visit_id, token = await self.book(desk, **more)
        return await self.join(token, visit_id)

    async def join(self, token: str, visit_id: str) -> Person:
        person = await self.person()
        answer = await person.post("/api/join", {"token": token})
        assert answer.status == 200, answer
        person.visit_id = visit_id
        return person

    async def waiting(self, desk: Person, intake: Mapping[str, Any] = COUGH, **consents: bool) -> Person:
        """Return a patient in the queue."""
        person = await self.patient(desk)
        steps = (
            ("PUT", "/api/visit/consents", {**CONSENTS, **consents}),
            ("PUT", "/api/visit/place", PLACE),
            ("PUT", "/api/visit/intake", {"intake": intake, "final": True}),
            ("POST", "/api/visit/wait", None),
        )
        for method, path, body in steps:
            answer = await person.call(method, path, body)
            assert answer.status == 200, (path, answer)
        return person

    async def state(self, visit_id: str) -> str:
        async with self.database.unit(SYSTEM) as unit:
            return (await unit.visits.get(UUID(visit_id))).state

    async def move(self, visit_id: str, before: str, after: str, trigger: str) -> None:
        """Do what the live room does (server/rooms.py)."""
        async with self.database.unit(SYSTEM) as unit:
            await unit.visits.transition(
                UUID(visit_id), expected={before}, to=after, trigger=trigger, cause=None, at=self.clock.now()
            )

    async def both_present(self, visit_id: str) -> None:
        """Let doctor and patient meet."""
        await self.move(visit_id, "called", "in_consult", "both_present")
