"""Who holds a visit: claims with a lease, by the database's clock, atomic under contention."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update

from records.access import Action, Object
from records.errors import AlreadyClaimed, NotClaimed, NotFound, StaleState
from records.store.repository import Repository
from records.store.statements import Statement
from records.store.tables import visit, visit_transition
from records.store.visit_rows import Visit, visit_of

CLAIMABLE = frozenset({"waiting", "away"})
CALLED = "called"
WAITING = "waiting"

_MINE = select(visit).where(visit.c.id == bindparam("visit_id"))
_GET, _LOCK = Statement(_MINE), Statement(_MINE.with_for_update())


class Claims(Repository):
    """The part of `unit.visits` that two practitioners may fight over."""

    async def claim(self, visit_id: UUID, practitioner_id: UUID, lease_s: float = 60.0) -> Visit:
        """
        Take a waiting visit: state `called`, lease running.

        Raises AlreadyClaimed for one that is held, StaleState for one that does not wait, NotFound.
        """
        await self._unit.authorise(Action.WRITE, Object.QUEUE)
        before = visit_of(await self._row(visit_id, lock=True))
        if before.practitioner_id is not None:
            raise AlreadyClaimed(by_self=before.practitioner_id == practitioner_id)
        if before.state not in CLAIMABLE:
            raise StaleState(before.state)
        after = await self._change(visit_id, {
            "state": CALLED, "practitioner_id": practitioner_id, "lease_until": _lease(lease_s),
            "updated_at": self._unit.now, "version": visit.c.version + 1,
        })  # fmt: skip
        await self._remember(after, before.state, "claim", None)
        await self._audit("U", after, detail="claim")
        return after

    async def renew_lease(self, visit_id: UUID, practitioner_id: UUID, lease_s: float = 60.0) -> None:
        """Keep a claim. Raises NotClaimed when the lease ran out and was taken back. Not audited: no record is seen."""
        changes = {"lease_until": _lease(lease_s)}
        mine = (visit.c.id == visit_id) & (visit.c.practitioner_id == practitioner_id)
        renewed = await self._run(update(visit).where(mine).values(changes).returning(visit.c.id))
        if renewed.scalar() is None:
            raise NotClaimed("this practitioner does not hold the visit")

    async def release(self, visit_id: UUID, practitioner_id: UUID, cause: str | None = None) -> Visit:
        """Give a called visit back to the queue, same place. Raises NotClaimed, StaleState."""
        await self._unit.authorise(Action.WRITE, Object.QUEUE)
        before = visit_of(await self._row(visit_id, lock=True))
        if before.practitioner_id != practitioner_id:
            raise NotClaimed("this practitioner does not hold the visit")
        if before.state != CALLED:
            raise StaleState(before.state)
        return await self._give_back(before, "release", cause)

    async def ring(self, visit_id: UUID) -> Visit:
        """Note that the practitioner rang. Raises StaleState unless the visit is called."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        before = visit_of(await self._row(visit_id, lock=True))
        if before.state != CALLED:
            raise StaleState(before.state)
        after = await self._change(visit_id, {"rang_at": self._unit.now})
        await self._audit("U", after, detail="ring")
        return after

    async def expire_leases(self) -> list[Visit]:
        """Give every called visit whose lease is over back to the queue, same place; return them."""
        await self._unit.authorise(Action.WRITE, Object.QUEUE)
        over = (visit.c.state == CALLED) & (visit.c.lease_until < func.now())
        rows = (await self._run(select(visit).where(visit.c.tenant_id == self._tenant, over)
                                .with_for_update(skip_locked=True))).all()  # fmt: skip
        return [await self._give_back(visit_of(row), "release", "lease-over") for row in rows]

    async def _give_back(self, before: Visit, trigger: str, cause: str | None) -> Visit:
        after = await self._change(before.id, {
            "state": WAITING, "practitioner_id": None, "lease_until": None, "rang_at": None,
            "updated_at": self._unit.now, "version": visit.c.version + 1,
        })  # fmt: skip
        await self._remember(after, before.state, trigger, cause)
        await self._audit("U", after, detail=cause or trigger)
        return after

    async def _row(self, visit_id: UUID, lock: bool = False) -> Any:
        row = await self._first(_LOCK if lock else _GET, visit_id=visit_id)
        if row is None:
            raise NotFound("visit")
        return row

    async def _change(self, visit_id: UUID, changes: dict[str, Any]) -> Visit:
        rows = await self._run(update(visit).where(visit.c.id == visit_id).values(changes).returning(visit))
        self._unit.forget_visit(visit_id)
        row = rows.one_or_none()
        if row is None:
            raise NotFound("visit")
        return visit_of(row)

    async def _remember(self, after: Visit, from_state: str, trigger: str, cause: str | None) -> None:
        actor = self._unit.actor
        await self._run(insert(visit_transition).values(
            tenant_id=self._tenant, visit_id=after.id, version=after.version, from_state=from_state,
            to_state=after.state, trigger=trigger, actor_kind=actor.kind.value, actor_id=actor.id, cause=cause,
            at=after.updated_at,
        ))  # fmt: skip

    async def _audit(self, action: str, about: Visit, detail: str | None = None) -> None:
        await self._unit.audit.record(action, "visit", entity_id=str(about.id), patient_id=about.patient_id,
                                      visit_id=about.id, detail=detail)  # fmt: skip


def _lease(lease_s: float) -> Any:
    # The database's clock: nodes may disagree about the time, the database does not with itself (security.md §4).
    return func.now() + timedelta(seconds=lease_s)
