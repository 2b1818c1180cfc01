"""One live consultation: its task, its bounded inbox, its sockets. Carries the core's effects out in order."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from records.actors import Actor
from server.bridge import RelayPool
from server.clock import Clock
from server.recording import Recorders, RecordingLane, Wish
from server.room_media import MediaLane
from server.room_store import StoreLane, VisitStore, Write
from server.turn import Turn
from server.visit_store import room_actor
from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.consultation import Consultation
from signaling.course import SYSTEM
from signaling.errors import SignalingError
from signaling.media.reports import RelayEvent
from signaling.states import Role

# Sixteen pages at 20 messages a second and a relay's events are below 400 a second; two seconds of that. A page that
# writes faster waits (its own reader); a relay that tells more than this has a fault, and the room begins anew.
MAX_INBOX = 1024
CLOSE_TAKEN_OVER = 4409
CLOSE_SESSION_OVER = 4401
CLOSE_GOING_AWAY = 1001
CLOSE_TRY_AGAIN = 1013


class SeatSocket(Protocol):
    """One connected page. `send` never waits: a full queue closes the socket with 1013."""

    def send(self, envelope: m.ServerEnvelope) -> None:
        """Queue one message."""

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued."""


@dataclass(frozen=True, slots=True)
class SeatTicket:
    """Who takes which seat, as server/auth authenticated it."""

    visit_id: UUID
    seat: str
    role: Role
    session_id: str
    """Its revocation closes the socket within 2 s."""
    actor: Actor
    """The subject of what the seat writes."""
    display: str = field(repr=False, default="")


class RoomOverrun(Exception):
    """The room's inbox is full; it begins anew from the database and the relay's snapshot."""


@dataclass(frozen=True, slots=True, eq=False)
class _Joined:
    ticket: SeatTicket
    socket: SeatSocket
    resume: m.ResumePoint | None
    re: str | None
    seated: asyncio.Future[None]


@dataclass(frozen=True, slots=True, eq=False)
class Barred:
    """A session is over (logged out, revoked, expired): its sockets are closed, its media ends."""

    session_id: str


@dataclass(frozen=True, slots=True, eq=False)
class _Gone:
    seat: str
    socket: SeatSocket


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    seat: str
    socket: SeatSocket
    envelope: m.ClientEnvelope


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A device's request."""

    offer: i.DeviceOffer
    answered: asyncio.Future[DeviceAnswer]


@dataclass(frozen=True, slots=True)
class _Place:
    place: m.QueuePlace


DeviceAnswer = e.DeviceAnswered | e.DeviceRefused
_FromPages = _Joined | Barred | _Gone | _Said | _Asked | _Place
News = RelayEvent | i.RelayGone | i.RelayBack | i.RelayMoved | m.QueuePlace | Barred | i.ChatStored | i.ReadingStored
_Input = _FromPages | i.DeviceLeft | i.StoreResult | i.RelayInput | i.RecordingInput
_STORE = (e.Transition, e.StoreChat, e.StoreReading, e.StorePath, e.RenewLease, e.StoreLines)
_RECORDING = (e.StoreConsent, e.OpenRecording, e.RecordMedia, e.SealRecording)
_STORE_RESULTS = (
    *(i.Stored, i.Deferred, i.NotStored, i.VisitChanged, i.ChatStored, i.ReadingStored),
    *(i.ConsentStored, i.RecorderReady, i.RecorderGap, i.RecorderFailed),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every room of the process uses."""

    store: VisitStore
    relays: RelayPool
    clock: Clock
    facts: i.RoomFacts
    tell_queue: Callable[[], None]
    """Presence or a state changed in a way that the staff's queue shows."""
    turn: Turn = Turn()
    recorders: Recorders | None = None
    """None: nothing is recorded."""


class Room:
    """One visit's live part. `run` owns every task of it."""

    def __init__(
        self, visit_id: UUID, opening: tuple[i.VisitView, tuple[m.ChatLine | m.Reading, ...]], around: Surroundings
    ) -> None:
        self.visit_id = visit_id
        self._around = around
        view, history = opening
        self.core = Consultation(view, around.clock.monotonic(), around.facts, history)
        self._inbox: asyncio.Queue[_Input] = asyncio.Queue(MAX_INBOX)
        self._store = StoreLane(visit_id, around.store, self._post)
        self._media = MediaLane(str(visit_id), around.relays, self._post)
        self._recording = RecordingLane(visit_id, around.recorders, around.relays, self._post)
        self._sockets: dict[str, SeatSocket] = {}
        self._tickets: dict[str, SeatTicket] = {}
        self._devices: dict[str, asyncio.Future[DeviceAnswer]] = {}

    # From outside

    @property
    def is_deserted(self) -> bool:
        """Nobody is here and nothing waits."""
        is_quiet = self._inbox.empty() and self._store.is_idle and self._media.is_idle and self._recording.is_idle
        return is_quiet and not self._sockets and not self._devices and self.core.is_deserted

    def sessions(self) -> frozenset[str]:
        """Return the sessions of everybody who has been seated: media may flow while a socket is away."""
        return frozenset(ticket.session_id for ticket in self._tickets.values())

    async def join(self, ticket: SeatTicket, socket: SeatSocket, hello: m.ClientEnvelope) -> None:
        """Seat a page. Raises what the core refuses with."""
        assert isinstance(hello.message, m.Hello), "the socket reads a hello first"
        seated: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._inbox.put(_Joined(ticket, socket, hello.message.resume, hello.id, seated))
        await seated

    async def say(self, seat: str, socket: SeatSocket, envelope: m.ClientEnvelope) -> None:
        """Take one message of a page; waits while the room is busy."""
        await self._inbox.put(_Said(seat, socket, envelope))

    async def leave(self, seat: str, socket: SeatSocket) -> None:
        """The page's socket is gone."""
        await self._inbox.put(_Gone(seat, socket))

    async def device(self, offer: i.DeviceOffer) -> DeviceAnswer:
        """Return the relay's answer to a device, or why there is none."""
        answered: asyncio.Future[DeviceAnswer] = asyncio.get_running_loop().create_future()
        await self._inbox.put(_Asked(offer, answered))
        return await answered

    async def device_left(self, link: str) -> None:
        """End a device's link."""
        await self._inbox.put(i.DeviceLeft(link))

    def tell(self, item: News) -> None:
        """Take what the relay, the queue or HTTP says. Never waits."""
        self._post(_Place(item) if isinstance(item, m.QueuePlace) else item)

    def refresh(self) -> None:
        """Read the visit again: somebody changed it."""
        self._store.refresh()

    def close(self) -> None:
        """Tell every page that the server restarts."""
        for socket in self._sockets.values():
            socket.close(CLOSE_GOING_AWAY, "server restarts")

    # The task

    async def run(self) -> None:
        """Live until cancelled; a fault of ours ends this room only."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store.run())
                tasks.create_task(self._media.run())
                tasks.create_task(self._recording.run())
                await self._loop()
        finally:
            self._abandon()

    async def _loop(self) -> None:
        while True:
            deadline, now = self.core.next_deadline(), self._around.clock.monotonic()
            try:
                async with asyncio.timeout(None if deadline is None else max(0.0, deadline - now)):
                    item = await self._inbox.get()
            except TimeoutError:
                self._carry_out(self.core.handle_timer(self._around.clock.monotonic()))
                continue
            self._take(item, self._around.clock.monotonic())

    def _take(self, item: _Input, now: float) -> None:
        match item:
            case _Joined():
                self._seat(item, now)
            case Barred(session_id):
                self._bar(session_id, now)
            case _Gone(seat, socket):
                if self._sockets.get(seat) is socket:
                    del self._sockets[seat]
                    self._carry_out(self.core.seat_disconnected(seat, now))
            case _Said(seat, socket, envelope):
                if self._sockets.get(seat) is socket:
                    self._carry_out(self.core.receive(envelope, seat, now))
            case _Asked(offer, answered):
                self._devices[offer.link] = answered
                self._carry_out(self.core.receive_device(offer, now))
            case i.DeviceLeft():
                self._carry_out(self.core.receive_device(item, now))
            case _Place(place):
                self._carry_out(self.core.receive_place(place))
            case _ if isinstance(item, _STORE_RESULTS):
                self._carry_out(self.core.receive_store(item, now))
            case _:
                self._carry_out(self.core.receive_relay(item, now))

    def _seat(self, item: _Joined, now: float) -> None:
        if item.seated.done():
            return  # the page went away before its turn
        ticket = item.ticket
        ice = self._around.turn.ice_servers(self._around.clock.now(), ticket.seat)
        arrival = i.Arrival(
            seat=ticket.seat,
            role=ticket.role,
            display=ticket.display,
            fresh_key=secrets.token_urlsafe(16),
            resume=item.resume,
            re=item.re,
            ice_servers=ice.servers,
            ice_ttl_s=ice.ttl_s,
        )
        try:
            effects = self.core.seat_connected(arrival, now)
        except SignalingError as refusal:
            item.seated.set_exception(refusal)
            return
        older = self._sockets.get(ticket.seat)
        if older is not None:
            older.close(CLOSE_TAKEN_OVER, "taken over")
        self._sockets[ticket.seat], self._tickets[ticket.seat] = item.socket, ticket
        self._carry_out(effects)
        item.seated.set_result(None)

    def _carry_out(self, effects: list[e.Effect]) -> None:
        """Carry effects out in order; what follows from one (a closed socket) comes after all of them."""
        waiting = deque(effects)
        while waiting:
            effect = waiting.popleft()
            match effect:
                case e.Send(seat, envelope):
                    if seat in self._sockets:
                        self._sockets[seat].send(envelope)
                case e.CloseSocket(seat, code, reason):
                    waiting.extend(self._close_socket(seat, code, reason))
                case e.DeviceAnswered() | e.DeviceRefused():
                    self._answer_device(effect)
                case e.TellQueue():
                    self._around.tell_queue()
                case _ if isinstance(effect, _STORE):
                    self._store.put(Write(effect, self._actor_of(effect), self._around.clock.now()))
                case _ if isinstance(effect, _RECORDING):
                    self._recording.put(Wish(effect, self._actor_of(effect)))
                case _:
                    self._media.put(effect)

    def _close_socket(self, seat: str, code: int, reason: str) -> list[e.Effect]:
        socket = self._sockets.pop(seat, None)
        if socket is None:
            return []
        socket.close(code, reason)
        return self.core.seat_disconnected(seat, self._around.clock.monotonic())

    def _bar(self, session_id: str, now: float) -> None:
        for seat in [seat for seat, ticket in self._tickets.items() if ticket.session_id == session_id]:
            del self._tickets[seat]
            socket = self._sockets.pop(seat, None)
            if socket is not None:
                socket.close(CLOSE_SESSION_OVER, "session over")
            self._carry_out(self.core.seat_disconnected(seat, now, is_barred=True))

    def _answer_device(self, answer: DeviceAnswer) -> None:
        future = self._devices.pop(answer.link, None)
        if future is not None and not future.done():
            future.set_result(answer)

    def _actor_of(self, effect: e.StoreEffect | e.RecordingEffect) -> Actor:
        """Return who a write is for: the seat that asked, or the program for its own clocks."""
        match effect:
            case e.StoreChat(seat=seat) | e.StoreReading(seat=seat) | e.StoreConsent(seat=seat):
                pass
            case _:
                seat = getattr(effect, "actor", SYSTEM)
        ticket = self._tickets.get(seat)
        return room_actor() if ticket is None else ticket.actor

    def _post(self, item: _Input) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull:
            raise RoomOverrun from None

    def _abandon(self) -> None:
        """Send everybody to a fresh room, or to another process."""
        for socket in self._sockets.values():
            socket.close(CLOSE_TRY_AGAIN, "room restarts")
        self._sockets.clear()
        for future in self._devices.values():
            future.cancel()
        while not self._inbox.empty():
            item = self._inbox.get_nowait()
            if isinstance(item, _Joined):
                item.socket.close(CLOSE_TRY_AGAIN, "room restarts")
                item.seated.cancel()
            elif isinstance(item, _Asked):
                item.answered.cancel()
