"""Events: the table is the truth, read by cursor; NOTIFY only wakes the reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, text

from records.store.repository import Repository
from records.store.tables import event

CHANNEL = "teleconsult"  # one for all nodes; the payload is a topic of at most 100 bytes, never content
MAX_PAGE = 1_000
KEPT = timedelta(days=7)  # a reader that was away for longer starts anew from a snapshot


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Ids and codes only."""

    id: int
    topic: str
    body: dict[str, Any]
    at: datetime


class Events(Repository):
    """`unit.events`."""

    async def add(self, topic: str, body: Mapping[str, Any]) -> int:
        """Add an event that becomes visible with this unit's commit; wake every reader then."""
        assert len(topic) <= 100, "a caller's bug: the topic is the NOTIFY payload"
        row = {"tenant_id": self._tenant, "topic": topic, "body": dict(body), "at": self._unit.now}
        added = await self._run(insert(event).values(row).returning(event.c.id))
        await self._run(select(func.pg_notify(CHANNEL, topic)))
        return int(added.scalar_one())

    async def after(self, cursor: int, topic: str | None = None, limit: int = 100) -> list[Event]:
        """
        Return events above the cursor, in order; call again with the last one's id.

        Ids are given before commit, so a later id can become visible first. Nothing at or above the oldest running
        transaction is returned: what is skipped now comes next time, and a cursor never passes an unseen event.
        """
        settled = text("transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        query = select(event).where(event.c.tenant_id == self._tenant, event.c.id > cursor, settled)
        if topic is not None:
            query = query.where(event.c.topic == topic)
        rows = await self._run(query.order_by(event.c.id).limit(min(limit, MAX_PAGE)))
        return [Event(row.id, row.topic, row.body, row.at) for row in rows]

    async def newest(self) -> int:
        """Return the cursor of a reader that wants only what comes from now on."""
        settled = text("transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        newest = select(func.coalesce(func.max(event.c.id), 0)).where(event.c.tenant_id == self._tenant, settled)
        return int((await self._run(newest)).scalar_one())

    async def sweep(self) -> int:
        """Delete events older than a week; return how many."""
        return (await self._run(delete(event).where(event.c.at < self._unit.now - KEPT))).rowcount
