"""The rooms' door to records.store: visits as the signalling core sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.store.chat import ChatEntry
from records.store.database import DEFAULT_TENANT, Database
from records.store.live import LiveVisits
from records.store.readings import NewReading, StoredReading
from records.store.unit import Unit
from records.store.visit_rows import Visit
from server.auth.principals import seat_id
from server.media_events import MediaEvents
from server.places import LISTED_STATES
from server.room_store import Write, timestamp
from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.chat import HISTORY
from signaling.fitness import LineRecord
from signaling.states import Trigger, VisitState

LEASE_S = 60.0
COMPONENT = "rooms"


def room_actor(request_id: str = "room") -> Actor:
    """Return the program itself, acting for the treatment: clocks, leases, reading a visit that is live."""
    return Actor(DEFAULT_TENANT, ActorKind.SYSTEM, COMPONENT, Purpose.TREAT, request_id)


class DatabaseSweeps:
    """What the rooms' clocks ask of all visits at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queued_and_busy(self) -> Sequence[Visit]:
        """Read every visit that waits or keeps a practitioner busy."""
        async with self._database.unit(room_actor()) as unit:
            return await LiveVisits(unit).in_states(LISTED_STATES)

    async def versions(self, visit_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Read how often each of these visits has changed."""
        async with self._database.unit(room_actor()) as unit:
            return await LiveVisits(unit).versions(visit_ids)

    async def expire_leases(self) -> Sequence[UUID]:
        """Release every claim whose lease is over; return those visits."""
        async with self._database.unit(room_actor()) as unit:
            expired = await unit.visits.expire_leases()
            for visit in expired:
                await unit.resources.project(visit.id)
        return [visit.id for visit in expired]

    async def live_sessions(self, sessions: Sequence[str]) -> frozenset[str]:
        """Return which of these sessions are neither revoked nor over, and note that they are in use."""
        async with self._database.unit(room_actor()) as unit:
            return await unit.sessions.live(sessions)

    async def live_device_tokens(self, hashes: Sequence[bytes]) -> frozenset[bytes]:
        """Return which of these device tokens, by hash, are neither revoked nor over."""
        async with self._database.unit(room_actor()) as unit:
            return await unit.links.live_device_tokens(hashes)


class DatabaseVisits(DatabaseSweeps, MediaEvents):
    """What rooms read and write, each call one unit of work."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._practitioners: dict[UUID, i.Practitioner] = {}  # display and number, by visit's practitioner

    async def view(self, visit_id: UUID) -> i.VisitView:
        """Read the visit."""
        async with self._database.unit(room_actor()) as unit:
            visit = await unit.visits.get(visit_id)
            is_agreed = await unit.recordings.is_agreed(visit_id)
        return await self._view(visit, is_agreed)

    async def opening(self, visit_id: UUID) -> tuple[i.VisitView, tuple[m.ChatLine | m.Reading, ...]]:
        """Read what a room begins with: the visit, its last chat lines and readings."""
        async with self._database.unit(room_actor()) as unit:
            visit = await unit.visits.get(visit_id)
            lines = [_line(entry) for entry in await unit.chat.last(visit_id, HISTORY)]
            readings = [_reading(entry) for entry in (await unit.readings.of_visit(visit_id))[-HISTORY:]]
            is_agreed = await unit.recordings.is_agreed(visit_id)
        return await self._view(visit, is_agreed), (*lines, *readings)

    async def transition(self, visit_id: UUID, change: e.Transition, write: Write) -> i.VisitView:
        """Store a change. Raises StaleState, NotClaimed, StoreUnavailable."""
        async with self._database.unit(write.actor) as unit:
            after = await self._moved(unit, visit_id, change, write.at)
            await unit.resources.project(visit_id)
            is_agreed = await unit.recordings.is_agreed(visit_id)
        return await self._view(after, is_agreed)

    async def append_chat(self, visit_id: UUID, chat: e.StoreChat, write: Write) -> m.ChatLine:
        """Store a chat message. The stored key names the seat too: two pages may use the same one."""
        async with self._database.unit(write.actor) as unit:
            entry = await unit.chat.append(
                visit_id, seat=chat.seat, role=chat.role, text=chat.text, key=f"{chat.seat}/{chat.key}", at=write.at
            )
            return _line(entry)

    async def append_reading(self, visit_id: UUID, reading: e.StoreReading, write: Write) -> m.Reading:
        """Store a reading and show it as Observations. The stored key names the seat too."""
        new = NewReading(reading.seat, reading.role, reading.values, f"{reading.seat}/{reading.key}", write.at)
        async with self._database.unit(write.actor) as unit:
            entry = await unit.readings.append(visit_id, new)
            await unit.resources.project(visit_id)
            return _reading(entry)

    async def renew_lease(self, visit_id: UUID) -> None:
        """Renew the claim. Raises NotClaimed."""
        async with self._database.unit(room_actor()) as unit:
            visit = await unit.visits.get(visit_id)
            if visit.practitioner_id is not None:
                await unit.visits.renew_lease(visit_id, visit.practitioner_id, LEASE_S)

    async def keep_lines(self, visit_id: UUID, lines: Sequence[LineRecord]) -> None:
        """Keep what the call's lines were fit for, and show it in the Encounter."""
        async with self._database.unit(room_actor()) as unit:
            await unit.visits.set_line_record(visit_id, [asdict(line) for line in lines])
            await unit.resources.project(visit_id)

    async def _moved(self, unit: Unit, visit_id: UUID, change: e.Transition, at: datetime) -> Visit:
        match change.trigger:
            case Trigger.RING if change.before is VisitState.CALLED:
                return await unit.visits.ring(visit_id)
            case Trigger.RELEASE if change.before is VisitState.CALLED:
                practitioner = (await unit.visits.get(visit_id)).practitioner_id
                if practitioner is not None:
                    return await unit.visits.release(visit_id, practitioner, change.cause)
        return await unit.visits.transition(
            visit_id,
            expected=(change.before.value,),
            to=change.after.value,
            trigger=change.trigger.value,
            cause=change.cause,
            at=at,
        )

    async def _view(self, visit: Visit, is_agreed: bool) -> i.VisitView:
        practitioner = None
        if visit.practitioner_id is not None:
            practitioner = await self._practitioner(visit.id, visit.practitioner_id)
        return i.VisitView(
            id=str(visit.id),
            state=VisitState(visit.state),
            practitioner=practitioner,
            has_rung=visit.rang_at is not None,
            at=timestamp(visit.updated_at),
            version=visit.version,
            recording_consent=is_agreed,
        )

    async def _practitioner(self, visit_id: UUID, account_id: UUID) -> i.Practitioner:
        seat = seat_id(str(account_id), visit_id)
        known = self._practitioners.get(visit_id)
        if known is None or known.seat != seat:
            async with self._database.unit(room_actor()) as unit:  # no patient may read accounts: the program does
                account = await unit.accounts.get(account_id)
            known = i.Practitioner(seat, account.display, account.registration_number or "")
            self._practitioners[visit_id] = known
        return known

    def forget(self, visit_id: UUID) -> None:
        """The room is closed."""
        self._practitioners.pop(visit_id, None)


def _line(entry: ChatEntry) -> m.ChatLine:
    key = entry.key.removeprefix(f"{entry.seat}/")
    return m.ChatLine(entry.number, entry.seat, entry.role, entry.text, key, timestamp(entry.at))


def _reading(entry: StoredReading) -> m.Reading:
    key = entry.key.removeprefix(f"{entry.seat}/")
    return m.Reading(entry.number, entry.seat, entry.role, entry.values, key, timestamp(entry.at))
