"""Visits in memory, for the rooms' tests: can be away, can be changed behind a room's back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from records.errors import NotFound, StaleState, StoreUnavailable
from records.store.visit_rows import Visit
from server.room_store import Write
from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.fitness import LineRecord
from signaling.states import Trigger, VisitState

AT = "2026-11-22T10:00:00.000Z"


class FakeVisitStore:
    """What server/visit_store.py is to the rooms."""

    def __init__(self, *views: i.VisitView) -> None:
        self.views = {UUID(view.id): view for view in views}
        self.chat: dict[UUID, list[m.ChatLine]] = {}
        self.readings: dict[UUID, list[m.Reading]] = {}
        self.lines: dict[UUID, list[LineRecord]] = {}
        self.is_away = False
        self.written: list[str] = []
        self.revoked: set[str] = set()
        self.revoked_tokens: set[bytes] = set()
        self.changed = asyncio.Event()

    async def view(self, visit_id: UUID) -> i.VisitView:
        self._reach()
        if visit_id not in self.views:
            raise NotFound("visit")
        return self.views[visit_id]

    async def opening(self, visit_id: UUID) -> tuple[i.VisitView, tuple[m.ChatLine | m.Reading, ...]]:
        return await self.view(visit_id), (*self.chat.get(visit_id, ()), *self.readings.get(visit_id, ()))

    async def transition(self, visit_id: UUID, change: e.Transition, write: Write) -> i.VisitView:
        before = await self.view(visit_id)
        if before.state is not change.before:
            raise StaleState(before.state.value)
        self.written.append(change.trigger.value)
        practitioner = None if change.trigger is Trigger.RELEASE else before.practitioner
        has_rung = change.trigger is Trigger.RING or before.has_rung
        self.put(
            replace(
                before,
                state=change.after,
                practitioner=practitioner,
                has_rung=has_rung,
                version=before.version + 1,
            )
        )
        return self.views[visit_id]

    async def append_chat(self, visit_id: UUID, chat: e.StoreChat, write: Write) -> m.ChatLine:
        self._reach()
        lines = self.chat.setdefault(visit_id, [])
        known = next((line for line in lines if (line.seat, line.key) == (chat.seat, chat.key)), None)
        if known is None:
            known = m.ChatLine(len(lines) + 1, chat.seat, chat.role, chat.text, chat.key, AT)
            lines.append(known)
            self.written.append("chat")
        return known

    async def append_reading(self, visit_id: UUID, reading: e.StoreReading, write: Write) -> m.Reading:
        self._reach()
        kept = self.readings.setdefault(visit_id, [])
        known = next((each for each in kept if (each.seat, each.key) == (reading.seat, reading.key)), None)
        if known is None:
            known = m.Reading(len(kept) + 1, reading.seat, reading.role, reading.values, reading.key, AT)
            kept.append(known)
            self.written.append("vitals")
        return known

    async def note_path(self, visit_id: UUID, change: m.PathChanged) -> None:
        self._reach()
        self.written.append("path")

    async def renew_lease(self, visit_id: UUID) -> None:
        self._reach()
        self.written.append("renew")

    async def keep_lines(self, visit_id: UUID, lines: Sequence[LineRecord]) -> None:
        self._reach()
        self.lines.setdefault(visit_id, []).extend(lines)
        self.written.append("lines")

    async def queued_and_busy(self) -> Sequence[Visit]:
        self._reach()
        return []

    async def versions(self, visit_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        self._reach()
        return {visit_id: self.views[visit_id].version for visit_id in visit_ids}

    async def expire_leases(self) -> Sequence[UUID]:
        self._reach()
        return []

    async def live_device_tokens(self, hashes: Sequence[bytes]) -> frozenset[bytes]:
        self._reach()
        return frozenset(hashes) - self.revoked_tokens

    async def live_sessions(self, sessions: Sequence[str]) -> frozenset[str]:
        self._reach()
        return frozenset(sessions) - self.revoked

    def forget(self, visit_id: UUID) -> None:
        pass

    def put(self, view: i.VisitView) -> None:
        """Change a visit."""
        self.views[UUID(view.id)] = view
        self.changed.set()

    def move(self, visit_id: UUID, state: VisitState) -> None:
        """Change a visit behind the room's back."""
        before = self.views[visit_id]
        self.put(replace(before, state=state, version=before.version + 1))

    def _reach(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the test says so")
