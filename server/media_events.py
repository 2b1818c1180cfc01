"""What the media plane reports of a visit and the records keep for a week: kinds and durations, no address."""

from __future__ import annotations

from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT, Database
from signaling import messages as m
from signaling.codec import body_of

PATH_TOPIC = "path-changed"
COMPONENT = "media"


class MediaEvents:
    """The door to `unit.events` for one process's rooms."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_path(self, visit_id: UUID, change: m.PathChanged) -> None:
        """Keep a change of the network under a seat's media. Raises StoreUnavailable."""
        actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, COMPONENT, Purpose.TREAT, "room")
        async with self._database.unit(actor) as unit:
            await unit.events.add(PATH_TOPIC, {"visit_id": str(visit_id), **body_of(change)})
