"""A clinic with live rooms: real HTTP, real sockets, real PostgreSQL; only the relay is in memory."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestServer

from records.store.database import Database
from records.store.key_file import create_key_file, load_keyring
from server.bridge import RelayPool
from server.clock import Clock
from server.http import websocket, whip
from server.keys import LINE_TESTS, RELAYS, ROOMS
from server.line_tests import LineTests
from server.rooms import Rooms, Wiring
from server.visit_store import DatabaseVisits
from signaling.inputs import RoomFacts
from tests.fakes.relay import FakeRelay
from tests.server.clinic import SYSTEM, Clinic, MovableClock, Person
from tests.server.conftest import edge_app

Frame = dict[str, Any]


class PageSocket:
    """A page's socket as JavaScript has it."""

    def __init__(self, person: Person, socket: ClientWebSocketResponse) -> None:
        self.person, self.socket = person, socket
        self.frames: list[Frame] = []
        self.numbers = itertools.count(1)
        self.ack = 0

    async def say(self, kind: str, body: Frame | None = None, *, seq: int = 0) -> str:
        """Send one message; return its id."""
        number = str(next(self.numbers))
        frame = {"v": 1, "type": kind, "id": number, "seq": seq, "ack": self.ack, "body": body or {}}
        await self.socket.send_str(json.dumps(frame))
        return number

    async def hear(self, kind: str, where: Callable[[Frame], bool] = lambda body: True) -> Frame:
        """Return the next message of a kind, wherever it stands among others."""
        async with asyncio.timeout(60):
            while True:
                message = await self.socket.receive()
                assert message.type is WSMsgType.TEXT, f"closed with {self.socket.close_code} before {kind}"
                frame: Frame = json.loads(message.data)
                self.frames.append(frame)
                self.ack = max(self.ack, frame["seq"])
                if frame["type"] == kind and where(frame["body"]):
                    return frame

    async def state(self, state: str) -> Frame:
        return await self.hear("state", lambda body: body["state"] == state)

    async def closed(self) -> int | None:
        """Return the close code."""
        async with asyncio.timeout(60):
            async for message in self.socket:
                self.frames.append(json.loads(message.data))
        return self.socket.close_code


class LiveClinic(Clinic):
    """A clinic whose pages may open sockets."""

    relay: FakeRelay

    async def socket(self, person: Person, **headers: str) -> ClientWebSocketResponse:
        return await person.client.ws_connect("/api/ws", protocols=("teleconsult.v1",), headers=headers)

    async def ticket(self, person: Person, visit_id: str | None = None) -> str:
        answer = await person.post("/api/tickets", {"visit_id": visit_id} if visit_id else {})
        assert answer.status == 201, answer
        return str(answer.body["ticket"])

    async def page(self, person: Person, visit_id: str | None = None, **hello: Any) -> PageSocket:
        """Open a page's socket and say hello; the caller hears the welcome."""
        page = PageSocket(person, await self.socket(person))
        await page.say("hello", {"ticket": await self.ticket(person, visit_id), **hello})
        return page

    async def called(self) -> tuple[PageSocket, PageSocket]:
        """Return doctor and patient of a visit that is claimed, both welcomed."""
        doctor = await self.staff()
        patient = await self.waiting(doctor)
        waiting = await self.page(patient)
        await waiting.hear("welcome")
        answer = await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        assert answer.status == 200, answer
        doctor.visit_id = patient.visit_id
        calling = await self.page(doctor, patient.visit_id)
        await calling.hear("welcome")
        return calling, waiting

    async def in_consult(self) -> tuple[PageSocket, PageSocket]:
        """Return doctor and patient in their call."""
        doctor, patient = await self.called()
        await doctor.say("ring")
        await patient.hear("ringing")
        await patient.say("accept")
        await patient.state("in_consult")
        await doctor.state("in_consult")
        return doctor, patient

    async def device_token(self, visit_id: str, kind: str) -> str:
        async with self.database.unit(SYSTEM) as unit:
            return await unit.links.device_token(UUID(visit_id), kind)


@asynccontextmanager
async def live_clinic(database: Database, folder: Path, relay: FakeRelay) -> AsyncIterator[LiveClinic]:
    """Run the application; leaving stops it as a restart of web would."""
    clock = Clock()
    app = edge_app(database, folder, cast(MovableClock, clock))
    pool = RelayPool(["relay-0"], relay.connect)
    rooms = Rooms(Wiring(DatabaseVisits(database), pool, clock, RoomFacts(emergency_number="120")))
    app[RELAYS], app[ROOMS], app[LINE_TESTS] = pool, rooms, LineTests(pool, clock.monotonic)
    app.add_routes(websocket.routes)
    app.add_routes(whip.routes)
    started = asyncio.Event()
    running = asyncio.create_task(rooms.run(started))
    await started.wait()
    server = TestServer(app)
    await server.start_server()
    clinic = LiveClinic(server, app, cast(MovableClock, clock), cast(Any, rooms))
    clinic.relay = relay
    try:
        yield clinic
    finally:
        await rooms.close()
        for client in clinic.people:
            await client.session.close()
        await server.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def open_database(url: str, folder: Path) -> AsyncIterator[Database]:
    """Open a migrated database with new keys."""
    key_file = folder / "kek.json"
    if not key_file.exists():
        create_key_file(key_file)
    database = await Database.open(url, load_keyring(key_file), clock=Clock())
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_clinic(url: str, folder: Path) -> AsyncIterator[LiveClinic]:
    """Open a database and run the application on it."""
    async with open_database(url, folder) as database, live_clinic(database, folder, FakeRelay()) as running:
        yield running
