"""/api/ws: one page's socket. Ticket first, then frames both ways, each side bounded (signaling/README.md)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from uuid import UUID

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from records.actors import Actor, ActorKind, Purpose
from records.errors import NotFound, RecordsError, TicketInvalid
from records.store.database import DEFAULT_TENANT, Database
from records.store.tickets import Ticket
from server.auth.principals import seat_id
from server.errors import ForbiddenOrigin
from server.keys import CLOCK, DATABASE, ROOMS, SETTINGS
from server.room import Room, SeatTicket
from server.rooms import TooManyRooms
from server.visit_store import room_actor
from signaling import codec
from signaling import messages as m
from signaling.errors import BadMessage, BadTicket, HelloMissing, SignalingError, TooFast
from signaling.states import Role

routes = web.RouteTableDef()

PROTOCOL = "teleconsult.v1"
HELLO_TIMEOUT_S = 5.0
HEARTBEAT_S = 10.0  # a ping each; without a pong in half of it the socket is dead: noticed within 15 s
SEND_TIMEOUT_S = 10.0  # a page that takes nothing for so long is gone or hopelessly slow
# A page gets some ten messages at a change and a few a second in a call; the offer is the largest, 12 kB.
MAX_QUEUED = 256
MESSAGES_PER_S = 20.0  # a call page sends two a second; setting up a conference of 16 some fifty at once
MESSAGES_BURST = 100.0
MAX_FAULTS = 8  # bad messages a minute before the page is told to stop
FAULTS_WINDOW_S = 60.0
CLOSE_BAD_MESSAGES = 4400
CLOSE_NO_SEAT = 4403
CLOSE_NO_HELLO = 4408
CLOSE_TRY_AGAIN = 1013


class PageSocket:
    """One page's socket as its room sees it: `send` never waits, `close` closes after what is queued."""

    def __init__(self, response: web.WebSocketResponse) -> None:
        self._response = response
        self._frames: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue(MAX_QUEUED)
        self._is_closing = False

    def send(self, envelope: m.ServerEnvelope) -> None:
        """Queue one message; a page that reads too slowly is closed with 1013 and resumes from its journal."""
        self._put(codec.encode(envelope))

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued. The first reason counts."""
        if not self._is_closing:
            self._put((code, reason))
            self._is_closing = True

    async def write(self) -> None:
        """Send what is queued until the socket is to be closed; then close it."""
        code, reason = CLOSE_TRY_AGAIN, "too slow"
        with contextlib.suppress(TimeoutError, ConnectionError):
            while True:
                frame = await self._frames.get()
                if not isinstance(frame, str):
                    code, reason = frame
                    break
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._response.send_str(frame)
        await self._response.close(code=code, message=reason.encode())

    def _put(self, frame: str | tuple[int, str]) -> None:
        if self._is_closing:
            return
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self._is_closing = True
            while not self._frames.empty():
                self._frames.get_nowait()
            self._frames.put_nowait((CLOSE_TRY_AGAIN, "too slow"))


class Rate:
    """How fast one page may speak: a bucket of messages, and its faults of the last minute."""

    def __init__(self, now: float) -> None:
        self._left, self._at = MESSAGES_BURST, now
        self._faults: deque[float] = deque(maxlen=MAX_FAULTS)

    def take(self, now: float) -> None:
        """Count one message. Raises TooFast."""
        self._left = min(MESSAGES_BURST, self._left + (now - self._at) * MESSAGES_PER_S)
        self._at = now
        if self._left < 1:
            raise TooFast
        self._left -= 1

    def is_hopeless(self, now: float) -> bool:
        """Count one bad message; tell whether there were too many in a minute."""
        self._faults.append(now)
        return len(self._faults) == MAX_FAULTS and now - self._faults[0] < FAULTS_WINDOW_S


@routes.get("/api/ws")
async def open_socket(request: web.Request) -> web.StreamResponse:
    """Upgrade, seat the page by its ticket, and carry its messages until one side closes."""
    if not _is_own_origin(request):
        raise ForbiddenOrigin
    response = web.WebSocketResponse(
        protocols=(PROTOCOL,), heartbeat=HEARTBEAT_S, max_msg_size=codec.MAX_FRAME_BYTES, compress=False
    )
    await response.prepare(request)
    socket = PageSocket(response)
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(socket.write())
        reader = tasks.create_task(_converse(request, response, socket))
        await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        socket.close(WSCloseCode.OK, "")
        if writer.done():
            reader.cancel()
    return response


def _is_own_origin(request: web.Request) -> bool:
    """
    Tell whether the page is ours. A program that is no browser sends no Origin; its ticket is its right.

    A browser always does (RFC 6455 §10.2). Cookies are not read here, so a foreign page could do nothing anyway.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    public = "/".join(request.app[SETTINGS].public_url.split("/")[:3])
    return origin in (public, f"{request.scheme}://{request.host}")


async def _converse(request: web.Request, response: web.WebSocketResponse, socket: PageSocket) -> None:
    """Seat the page and hand its messages to the room; whatever ends it, the room hears of it."""
    try:
        hello = await _hello(response)
        ticket = await _redeemed(request.app[DATABASE], hello.message)
        room = await request.app[ROOMS].join(ticket, socket, hello)
    except SignalingError as refusal:
        _refuse(socket, refusal)
        socket.close(CLOSE_NO_HELLO if isinstance(refusal, BadMessage) else CLOSE_NO_SEAT, refusal.code)
        return
    except (RecordsError, TooManyRooms) as away:
        code = away.code if isinstance(away, RecordsError) else "room-full"
        socket.send(m.ServerEnvelope(m.Failure(code, "The server cannot seat you now; connect again in a moment.")))
        socket.close(CLOSE_TRY_AGAIN, code)
        return
    try:
        await _listen(request, response, _Seated(room, ticket.seat, socket))
    finally:
        await asyncio.shield(room.leave(ticket.seat, socket))


class _Seated:
    """A page that sits in a room."""

    def __init__(self, room: Room, seat: str, socket: PageSocket) -> None:
        self.room, self.seat, self.socket = room, seat, socket


async def _listen(request: web.Request, response: web.WebSocketResponse, page: _Seated) -> None:
    clock = request.app[CLOCK]
    rate = Rate(clock.monotonic())
    while (frame := await _text(response)) is not None:
        try:
            rate.take(clock.monotonic())
            envelope = codec.parse(frame)
            if isinstance(envelope.message, m.Hello):
                raise BadMessage("envelope.type: hello comes once", envelope.id)
        except SignalingError as refusal:
            _refuse(page.socket, refusal, getattr(refusal, "reply_to", None))
            if rate.is_hopeless(clock.monotonic()):
                page.socket.close(CLOSE_BAD_MESSAGES, "too many bad messages")
                return
            continue
        await page.room.say(page.seat, page.socket, envelope)


async def _hello(response: web.WebSocketResponse) -> m.ClientEnvelope:
    """Return the first message. Raises HelloMissing, BadMessage."""
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            frame = await _text(response)
    except TimeoutError:
        raise HelloMissing from None
    envelope = codec.parse(frame) if frame is not None else None
    if envelope is None or not isinstance(envelope.message, m.Hello):
        raise HelloMissing
    return envelope


async def _text(response: web.WebSocketResponse) -> str | None:
    """Return the next text frame; None when the socket is closed. A binary frame is a bad message of its own."""
    message: WSMessage = await response.receive()
    if message.type is WSMsgType.TEXT:
        return str(message.data)
    return "" if message.type is WSMsgType.BINARY else None


def _refuse(socket: PageSocket, refusal: SignalingError, reply_to: str | None = None) -> None:
    socket.send(m.ServerEnvelope(m.Failure(refusal.code, refusal.detail), re=reply_to))
    if refusal.close_code is not None:
        socket.close(refusal.close_code, refusal.code)


async def _redeemed(database: Database, hello: m.ClientMessage) -> SeatTicket:
    """Use the ticket up. Raises BadTicket, StoreUnavailable."""
    assert isinstance(hello, m.Hello), "read by _hello"
    try:
        async with database.unit(room_actor("ticket")) as unit:
            ticket = await unit.tickets.redeem(hello.ticket)
            practitioner_id = (await unit.visits.get(ticket.visit_id)).practitioner_id
    except (TicketInvalid, NotFound):
        raise BadTicket from None
    return SeatTicket(
        visit_id=ticket.visit_id,
        seat=ticket.seat,
        role=Role(ticket.role),
        session_id=ticket.session_id,
        actor=_actor(ticket, practitioner_id),
        display=ticket.display,
    )


def _actor(ticket: Ticket, practitioner_id: UUID | None) -> Actor:
    """Return the subject of what the seat writes: the practitioner's account, or the link's session."""
    if Role(ticket.role) is not Role.DOCTOR:
        return Actor(DEFAULT_TENANT, ActorKind.PATIENT, ticket.session_id, Purpose.PATRQT, "socket", ticket.visit_id)
    if practitioner_id is not None and seat_id(str(practitioner_id), ticket.visit_id) == ticket.seat:
        return Actor(DEFAULT_TENANT, ActorKind.PRACTITIONER, str(practitioner_id), Purpose.TREAT, "socket")
    return room_actor("socket")  # a doctor who looks on: may chat, and the line names their seat
