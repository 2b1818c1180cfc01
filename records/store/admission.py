"""
What the HTTP edge keeps: failed tries, Idempotency-Keys, the language of a visit, and a mark of the queue's last
change.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Object
from records.store.admission_tables import idempotency, throttle
from records.store.repository import Repository
from records.store.tables import session, visit

SAVED_FOR = timedelta(days=7)  # security.md §4
_FIELD = "admission"  # separates these keyed hashes from every blind index


class Throttle(Repository):
    """Counts per key and window. Not audited: keys say nothing about a person."""

    async def count(self, key: str) -> int:
        """Return how often the key was hit in its running window."""
        row = select(throttle.c.count).where(throttle.c.key == self._key(key), throttle.c.until > self._unit.now)
        return int((await self._run(row)).scalar() or 0)

    async def hit(self, key: str, window: timedelta) -> int:
        """Count one more; return how many the window has now. The window starts with its first hit."""
        now = self._unit.now
        row = {"tenant_id": self._tenant, "key": self._key(key), "count": 1, "until": now + window}
        is_over = throttle.c.until <= now
        changes = {
            "count": case((is_over, 1), else_=throttle.c.count + 1),
            "until": case((is_over, now + window), else_=throttle.c.until),
        }
        counted = upsert(throttle).values(row).on_conflict_do_update(
            index_elements=["tenant_id", "key"], set_=changes
        )  # fmt: skip
        return int((await self._run(counted.returning(throttle.c.count))).scalar_one())

    async def clear(self, key: str) -> None:
        """Forget a key's hits."""
        await self._run(delete(throttle).where(throttle.c.key == self._key(key)))

    async def sweep(self) -> int:
        """Delete windows that are over; return how many."""
        return (await self._run(delete(throttle).where(throttle.c.until <= self._unit.now))).rowcount

    def _key(self, key: str) -> bytes:
        return self._unit.blind(_FIELD, key)


class Idempotency(Repository):
    """What a key made, per actor. Fifty calls at once with one key wait for the first and then find what it made."""

    async def claim(self, key: str, body: str, made_id: UUID) -> tuple[UUID, bool] | None:
        """
        Return (id, True) for the first call, (id of the first call, False) for a repetition with the same body,
        None for the same key with another body.
        """
        actor = self._unit.actor.id
        hashed = self._unit.blind(_FIELD, body)
        row = {"tenant_id": self._tenant, "actor_id": actor, "key": key, "body": hashed, "made_id": made_id,
               "at": self._unit.now}  # fmt: skip
        added = await self._run(
            upsert(idempotency).values(row).on_conflict_do_nothing().returning(idempotency.c.made_id)
        )
        if added.scalar() is not None:
            return made_id, True
        known = select(idempotency.c.body, idempotency.c.made_id)
        found = (await self._run(known.where(idempotency.c.actor_id == actor, idempotency.c.key == key))).one()
        return (found.made_id, False) if found.body in self._unit.blinds(_FIELD, body) else None

    async def sweep(self) -> int:
        """Delete keys older than a week; return how many."""
        return (await self._run(delete(idempotency).where(idempotency.c.at < self._unit.now - SAVED_FOR))).rowcount


class Languages(Repository):
    """The language of a visit's texts."""

    async def choose(self, visit_id: UUID, lang: str) -> None:
        """Set it. Raises NotFound, AccessDenied."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        changes = {"lang": lang, "updated_at": self._unit.now, "version": visit.c.version + 1}
        await self._run(update(visit).where(visit.c.id == visit_id).values(changes))
        await self._unit.audit.record("U", "visit", entity_id=str(visit_id), patient_id=patient_id, visit_id=visit_id,
                                      detail="language")  # fmt: skip


class SessionWatch(Repository):
    """Tells which sessions are over, without using them: watching a queue is not working."""

    async def live(self, session_ids: Iterable[str]) -> frozenset[str]:
        """Return those that are neither revoked, too old nor idle for too long."""
        now = self._unit.now
        chosen = session.c.id.in_(list(session_ids)) & session.c.revoked_at.is_(None) & (session.c.expires_at > now)
        is_awake = session.c.seen_at + func.make_interval(0, 0, 0, 0, 0, 0, session.c.idle_s) >= now
        return frozenset((await self._run(select(session.c.id).where(chosen, is_awake))).scalars())


class QueueMark(Repository):
    """Tells whether the queue changed, without looking at anyone in it; so it needs no audit entry."""

    async def read(self, states: Iterable[str]) -> tuple[int, int, datetime | None]:
        """Return a value that differs after any change of a visit in these states, or into or out of them."""
        columns = select(
            func.count().label("visits"),
            func.coalesce(func.sum(visit.c.version), 0).label("versions"),
            func.max(visit.c.updated_at).label("newest"),
        )
        row = (await self._run(columns.where(visit.c.tenant_id == self._tenant, visit.c.state.in_(list(states))))).one()
        return int(row.visits), int(row.versions), row.newest
