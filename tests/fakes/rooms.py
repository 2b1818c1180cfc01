"""Rooms without sockets: remembers what the HTTP side announced."""

from __future__ import annotations

from uuid import UUID

from server.rooms import Presence
from signaling.states import Presence as SeatPresence


class FakeRooms:
    """Stands in for server.rooms.Rooms where no page is connected."""

    def __init__(self) -> None:
        self.changed: list[UUID] = []
        self.queue_changes = 0

    async def visit_changed(self, visit_id: UUID) -> None:
        self.changed.append(visit_id)

    def written(self, visit_id: UUID, entry: object) -> None:
        self.changed.append(visit_id)

    async def queue_changed(self) -> None:
        self.queue_changes += 1

    def presence(self, visit_id: UUID) -> Presence:
        return Presence(SeatPresence.AWAY, SeatPresence.AWAY)
