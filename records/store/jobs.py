"""A small job queue: enqueued with the change that causes it, claimed with SKIP LOCKED, done with its effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from records.errors import RecordsError
from records.store.repository import Repository
from records.store.tables import job

MAX_ATTEMPTS = 8
# 2^n seconds, at most an hour, times 0.5..1.0 drawn by the database: workers that failed together come back apart.
BACK_OFF_MAX_S = 3_600
LEASE_S = 60.0


class LeaseLost(RecordsError):
    """Another worker took the job; roll the effect back."""

    code = "lease-lost"


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job."""

    id: UUID
    kind: str
    key: str
    body: dict[str, Any]
    attempts: int
    """This one included."""


class Jobs(Repository):
    """`unit.jobs`. Ids and codes only in bodies: they are open."""

    async def enqueue(self, kind: str, key: str, body: Mapping[str, Any], due_at: datetime | None = None) -> bool:
        """Add a job that exists once for its kind and key; False when it does already."""
        row = {"tenant_id": self._tenant, "id": uuid4(), "kind": kind, "key": key, "body": dict(body),
               "due_at": due_at or self._unit.now, "created_at": self._unit.now}  # fmt: skip
        statement = upsert(job).values(row).on_conflict_do_nothing(index_elements=["tenant_id", "kind", "key"])
        return (await self._run(statement.returning(job.c.id))).scalar() is not None

    async def claim(self, worker: str, kinds: list[str], limit: int = 1) -> list[Job]:
        """Take due jobs for 60 s; no other worker gets them meanwhile."""
        now = self._unit.now
        is_free = or_(job.c.lease_until.is_(None), job.c.lease_until < now)
        due = (
            select(job.c.id)
            .where(job.c.tenant_id == self._tenant, job.c.kind.in_(kinds), job.c.done_at.is_(None),
                   job.c.dead_at.is_(None), job.c.due_at <= now, is_free)
            .order_by(job.c.due_at).limit(limit).with_for_update(skip_locked=True)
        )  # fmt: skip
        rows = await self._run(
            update(job).where(job.c.id.in_(due))
            .values(worker=worker, lease_until=now + timedelta(seconds=LEASE_S), attempts=job.c.attempts + 1)
            .returning(job)
        )  # fmt: skip
        return [Job(row.id, row.kind, row.key, row.body, row.attempts) for row in rows]

    async def done(self, job_id: UUID, worker: str) -> None:
        """Mark a job done, in the unit that holds its effect. Raises LeaseLost, which rolls the effect back."""
        mine = (job.c.id == job_id) & (job.c.worker == worker) & (job.c.lease_until >= self._unit.now)
        marked = await self._run(update(job).where(mine, job.c.done_at.is_(None)).values(done_at=self._unit.now)
                                 .returning(job.c.id))  # fmt: skip
        if marked.scalar() is None:
            raise LeaseLost("another worker took this job")

    async def failed(self, job_id: UUID, worker: str, code: str) -> None:
        """Put a job back with a growing pause, or among the dead after 8 attempts."""
        seconds = func.least(BACK_OFF_MAX_S, func.power(2, job.c.attempts)) * (0.5 + func.random() / 2)
        changes = {
            "lease_until": None, "worker": None, "last_error": code,
            "due_at": self._unit.now + func.make_interval(0, 0, 0, 0, 0, 0, seconds),
        }  # fmt: skip
        mine = (job.c.id == job_id) & (job.c.worker == worker)
        await self._run(update(job).where(mine, job.c.attempts < MAX_ATTEMPTS).values(changes))
        dead = {"dead_at": self._unit.now, "last_error": code, "lease_until": None}
        await self._run(update(job).where(mine, job.c.attempts >= MAX_ATTEMPTS).values(dead))

    async def revive(self, job_id: UUID) -> None:
        """Give a dead job its attempts back."""
        changes = {"dead_at": None, "attempts": 0, "due_at": self._unit.now, "worker": None}
        await self._run(update(job).where(job.c.id == job_id, job.c.dead_at.is_not(None)).values(changes))
