"""Rooms in virtual time with pages, a store and a relay in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT
from server.bridge import RelayPool
from server.room import Room, SeatTicket
from server.rooms import Rooms, Wiring
from signaling import inputs as i
from signaling import messages as m
from signaling.states import Role, VisitState
from tests.fakes.relay import FakeRelay
from tests.fakes.virtual_time import VirtualClock, virtual
from tests.fakes.visit_store import FakeVisitStore

VISIT = UUID("11111111-1111-4111-8111-111111111111")
DOCTOR, PATIENT = "s_doctor", "s_patient"
PRACTITIONER = i.Practitioner(DOCTOR, "Dr Lin", "110")
ROLES = {DOCTOR: Role.DOCTOR, PATIENT: Role.PATIENT}


class Page:
    """A page and its socket."""

    def __init__(self, seat: str) -> None:
        self.seat = seat
        self.sent: list[m.ServerEnvelope] = []
        self.closed: tuple[int, str] | None = None
        self.room: Room | None = None
        self._news = asyncio.Event()

    def send(self, envelope: m.ServerEnvelope) -> None:
        self.sent.append(envelope)
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        self._news.set()

    async def say(self, message: m.ClientMessage, *, seq: int = 0, ack: int = 0, re: str | None = "1") -> None:
        assert self.room is not None, "joined"
        await self.room.say(self.seat, self, m.ClientEnvelope(message, re, seq, ack))

    async def hang_up(self) -> None:
        """Lose the socket."""
        assert self.room is not None, "joined"
        await self.room.leave(self.seat, self)

    async def hear(
        self, kind: type[m.ServerMessage], where: Callable[[m.ServerMessage], bool] = bool
    ) -> m.ServerMessage:
        """Wait for a message of a kind."""
        async with asyncio.timeout(3_600):
            while True:
                for envelope in self.sent:
                    if isinstance(envelope.message, kind) and (where is bool or where(envelope.message)):
                        return envelope.message
                self._news.clear()
                await self._news.wait()

    async def end(self) -> tuple[int, str]:
        """Wait for the close."""
        async with asyncio.timeout(3_600):
            while self.closed is None:
                self._news.clear()
                await self._news.wait()
            return self.closed

    def key(self) -> str:
        return next(s.message.resume_key for s in reversed(self.sent) if isinstance(s.message, m.Welcome))

    def kinds(self) -> list[str]:
        return [type(envelope.message).__name__ for envelope in self.sent]


@dataclass
class Live:
    """A process: its rooms, store and relay."""

    store: FakeVisitStore
    relay: FakeRelay
    rooms: Rooms
    pool: RelayPool
    sockets: list[Page] = field(default_factory=list)

    async def join(self, seat: str, resume: m.ResumePoint | None = None, visit: UUID = VISIT) -> Page:
        page = Page(seat)
        hello = m.ClientEnvelope(m.Hello("ticket", resume), "hello", 0, 0)
        page.room = await self.rooms.join(ticket(seat, visit), page, hello)
        return page

    async def both(self) -> tuple[Page, Page]:
        return await self.join(DOCTOR), await self.join(PATIENT)


def ticket(seat: str, visit: UUID = VISIT) -> SeatTicket:
    role = ROLES.get(seat, Role.EXPERT)
    kind = ActorKind.PRACTITIONER if role is Role.DOCTOR else ActorKind.PATIENT
    actor = Actor(DEFAULT_TENANT, kind, seat, Purpose.TREAT, "r", visit)
    return SeatTicket(visit, seat, role, f"session of {seat}", actor, seat)


@asynccontextmanager
async def process(store: FakeVisitStore, relay: FakeRelay) -> AsyncIterator[Live]:
    """Run a web process's rooms; leaving kills them as SIGKILL would."""
    pool = RelayPool(["relay-0"], relay.connect)
    rooms = Rooms(Wiring(store, pool, VirtualClock(), i.RoomFacts()))
    started = asyncio.Event()
    task = asyncio.create_task(rooms.run(started))
    await started.wait()
    while relay.is_alive and not pool.connected:
        await asyncio.sleep(0)
    try:
        yield Live(store, relay, rooms, pool)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def live(scenario: Callable[[Live], Awaitable[None]], state: VisitState = VisitState.IN_CONSULT) -> None:
    """Run a scenario in virtual time."""

    async def run() -> None:
        async with process(FakeVisitStore(i.VisitView(str(VISIT), state, PRACTITIONER)), FakeRelay()) as running:
            await scenario(running)

    virtual(run())
