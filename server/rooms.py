"""Every live consultation of this process: opens rooms, seats pages, keeps their clocks and their right to be there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from records.errors import RecordsError
from records.store.visit_rows import Visit
from server.bridge import RelayPool
from server.clock import Clock
from server.device_sessions import DeviceSessions
from server.places import places
from server.recording import Recorders
from server.room import Barred, News, Room, RoomOverrun, SeatSocket, SeatTicket, Surroundings
from server.room_store import VisitStore
from server.turn import Turn
from signaling import inputs as i
from signaling import messages as m
from signaling.media.reports import RelayEvent
from signaling.states import PATIENT_SIDE, PRACTITIONER_SIDE
from signaling.states import Presence as SeatPresence

log = logging.getLogger(__name__)

QUEUE_PUSH_S = 1.0  # a place that changes more often than this cannot be read
LEASE_SWEEP_S = 5.0  # a practitioner's dead tab is noticed this much after its 60 s lease
LOOK_S = 1.0  # what another node changed is shown this much later; one small query whatever the number of rooms
SESSION_CHECK_S = 1.0  # revoked sessions are closed within 2 s (ASVS 7.4, security.md §13, 9)
DESERTED_SWEEP_S = 30.0  # a room costs a few kB; one that is reopened costs a read
# One web process carries 1,000 sessions (security.md §12); rooms of two. The rest is refused with 1013, not swapped.
MAX_ROOMS = 1_000


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is there, for the console's queue."""

    patient: SeatPresence
    practitioner: SeatPresence


NOBODY = Presence(SeatPresence.AWAY, SeatPresence.AWAY)


class RoomsStore(VisitStore, Protocol):
    """What the rooms need of records.store beside a single room's needs; server/visit_store.py has it."""

    async def opening(self, visit_id: UUID) -> tuple[i.VisitView, tuple[m.ChatLine | m.Reading, ...]]:
        """Read what a room begins with. Raises NotFound, StoreUnavailable."""

    async def queued_and_busy(self) -> Sequence[Visit]:
        """Read every visit that waits or keeps a practitioner busy."""

    async def versions(self, visit_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Read how often each of these visits has changed."""

    async def expire_leases(self) -> Sequence[UUID]:
        """Release every claim whose lease is over; return those visits."""

    async def live_sessions(self, sessions: Sequence[str]) -> frozenset[str]:
        """Return which of these sessions are neither revoked nor over, and note that they are in use."""

    async def live_device_tokens(self, hashes: Sequence[bytes]) -> frozenset[bytes]:
        """Return which of these device tokens, by hash, are neither revoked nor over."""

    def forget(self, visit_id: UUID) -> None:
        """The room is closed."""


class TooManyRooms(Exception):
    """This process carries as many rooms as it may."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the rooms stand on."""

    store: RoomsStore
    relays: RelayPool
    clock: Clock
    facts: i.RoomFacts
    turn: Turn = Turn()
    recorders: Recorders | None = None


class Rooms:
    """Every live consultation of this process. `run` must be running; close it before the database."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self.devices = DeviceSessions()
        self._around = Surroundings(
            wiring.store,
            wiring.relays,
            wiring.clock,
            wiring.facts,
            self._queue_moved,
            wiring.turn,
            wiring.recorders,
        )
        self._rooms: dict[UUID, Room] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._opening: dict[UUID, asyncio.Task[Room | Exception]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._is_closed = False
        self._places_due = asyncio.Event()

    async def run(self, started: asyncio.Event | None = None) -> None:
        """Own every task of the rooms until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._wiring.relays.run(self))
            group.create_task(_every(QUEUE_PUSH_S, self._push_places))
            group.create_task(_every(LEASE_SWEEP_S, self._expire_leases))
            group.create_task(_every(LOOK_S, self._look))
            group.create_task(_every(SESSION_CHECK_S, self._check_sessions))
            group.create_task(_every(SESSION_CHECK_S, self._check_devices))
            group.create_task(_every(DESERTED_SWEEP_S, self._forget_deserted))
            if started is not None:
                started.set()

    # Pages and devices

    async def join(self, ticket: SeatTicket, socket: SeatSocket, hello: m.ClientEnvelope) -> Room:
        """
        Seat an authenticated page; its messages follow by `Room.say`, its end by `Room.leave`.

        Raises:
            SignalingError: the visit is over, full, or the seat was removed.
            StoreUnavailable, NotFound, TooManyRooms.
        """
        room = await self.room(ticket.visit_id)
        await room.join(ticket, socket, hello)
        return room

    async def room(self, visit_id: UUID) -> Room:
        """Return the visit's room, opened from the database when this process does not have it."""
        room = self._rooms.get(visit_id)
        if room is not None:
            return room
        opening = self._opening.get(visit_id)
        if opening is None:
            assert self._group is not None, "run() is running"
            opening = self._opening[visit_id] = self._group.create_task(self._open(visit_id))
        found = await asyncio.shield(opening)  # another page may wait for the same room
        if isinstance(found, Exception):
            raise found
        return found

    # What others changed

    async def visit_changed(self, visit_id: UUID) -> None:
        """Read the visit's state again after an HTTP change and tell its seats."""
        room = self._rooms.get(visit_id)
        if room is not None:
            room.refresh()
        self._queue_moved()

    def written(self, visit_id: UUID, entry: m.ChatLine | m.Reading) -> None:
        """Tell the seats of an entry that HTTP stored; without a live room here a page reads it when it comes."""
        self._tell(visit_id, i.ChatStored(entry) if isinstance(entry, m.ChatLine) else i.ReadingStored(entry))

    async def queue_changed(self) -> None:
        """Work out every waiting patient's place again and tell them; at most once a second."""
        self._queue_moved()

    def presence(self, visit_id: UUID) -> Presence:
        """Return who is present; away for a visit without live seats."""
        room = self._rooms.get(visit_id)
        if room is None:
            return NOBODY
        return Presence(room.core.presence(PATIENT_SIDE), room.core.presence(PRACTITIONER_SIDE))

    async def close(self) -> None:
        """Tell every page that the server restarts (1001), then stop; the relays keep the media."""
        self._is_closed = True
        for room in self._rooms.values():
            room.close()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def relay_event(self, room: str, event: RelayEvent | i.RelayGone | i.RelayBack | i.RelayMoved) -> None:
        """Hand a relay's event to its room; a visit without a live room needs none."""
        self._tell(UUID(room), event)

    # Own

    def _tell(self, visit_id: UUID, news: News) -> None:
        found = self._rooms.get(visit_id)
        if found is None:
            return
        try:
            found.tell(news)
        except RoomOverrun:
            log.error("room.overrun", extra={"visit": str(visit_id)})
            self._tasks[visit_id].cancel()

    async def _open(self, visit_id: UUID) -> Room | Exception:
        """Open a room; an error is returned, since it belongs to whoever waits and not to this task."""
        try:
            if self._is_closed or len(self._rooms) >= MAX_ROOMS:
                return TooManyRooms()
            opening = await self._wiring.store.opening(visit_id)
            links = await self._wiring.relays.links_of(str(visit_id))
        except RecordsError as error:
            return error
        finally:
            del self._opening[visit_id]
        room = Room(visit_id, opening, self._around)
        if links is not None:
            room.tell(i.RelayBack(str(visit_id), links))
        assert self._group is not None, "only run() opens rooms"
        self._rooms[visit_id] = room
        self._tasks[visit_id] = self._group.create_task(self._live(room))
        return room

    async def _live(self, room: Room) -> None:
        try:
            await room.run()
        except Exception as fault:  # noqa: BLE001  # outermost frame: a fault of ours ends one room, not the process
            log.error("room.crashed", extra={"visit": str(room.visit_id), "error": _kinds(fault)})
        finally:
            if self._rooms.get(room.visit_id) is room:
                del self._rooms[room.visit_id], self._tasks[room.visit_id]
            self._wiring.store.forget(room.visit_id)

    def _queue_moved(self) -> None:
        self._places_due.set()

    async def _push_places(self) -> None:
        await self._places_due.wait()
        self._places_due.clear()
        found = places(await self._wiring.store.queued_and_busy(), self._wiring.clock.now())
        for visit_id, place in found.items():
            room = self._rooms.get(UUID(visit_id))
            if room is not None:
                room.tell(m.QueuePlace(place.position, place.ahead, place.wait_min, full=place.is_full))

    async def _expire_leases(self) -> None:
        for visit_id in await self._wiring.store.expire_leases():
            await self.visit_changed(visit_id)

    async def _look(self) -> None:
        """Find visits that were changed by another node, or by a process that died before it could say so."""
        seen = {visit_id: room.core.view.version for visit_id, room in self._rooms.items()}
        if not seen:
            return
        for visit_id, version in (await self._wiring.store.versions(list(seen))).items():
            room = self._rooms.get(visit_id)
            if room is not None and version > seen[visit_id]:
                room.refresh()

    async def _check_sessions(self) -> None:
        sitting = {session: room for room in self._rooms.values() for session in room.sessions()}
        if not sitting:
            return
        live = await self._wiring.store.live_sessions(list(sitting))
        for room in list(self._rooms.values()):
            for session in room.sessions() & (sitting.keys() - live):
                room.tell(Barred(session))

    async def _check_devices(self) -> None:
        """End the links of devices whose token was revoked or has run out."""
        holders = self.devices.holders()
        if not holders:
            return
        live = await self._wiring.store.live_device_tokens(list({holder.token_hash for holder in holders.values()}))
        for link, holder in holders.items():
            if holder.token_hash not in live:
                self.devices.forget(link)
                await (await self.room(holder.visit_id)).device_left(link)

    async def _forget_deserted(self) -> None:
        for visit_id, room in list(self._rooms.items()):
            if room.is_deserted:
                del self._rooms[visit_id]
                self._tasks.pop(visit_id).cancel()
                self._wiring.relays.forget(str(visit_id))


async def _every(period_s: float, act: Callable[[], Awaitable[None]]) -> None:
    """Act again and again; while the database is away, try again at the next turn."""
    while True:
        try:
            await act()
        except RecordsError as error:
            log.warning("rooms.store_away", extra={"where": getattr(act, "__name__", ""), "code": error.code})
        await asyncio.sleep(period_s)


def _kinds(fault: BaseException) -> str:
    """Name the kinds of a fault and where they were raised; messages may hold a patient's words."""
    if isinstance(fault, BaseExceptionGroup):
        return "+".join(_kinds(inner) for inner in fault.exceptions)
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f":{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    return type(fault).__name__ + place
