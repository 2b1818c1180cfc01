"""Visits as the live rooms need them: open columns, often, for numbers only."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from records.access import Action, Object
from records.store.repository import Repository
from records.store.tables import visit
from records.store.visit_rows import Visit, visit_of
from records.store.visits import MAX_QUEUE


class LiveVisits(Repository):
    """
    Reads for the program itself.

    Not audited: nobody sees these rows. What leaves the program is a position, or a state of the reader's own visit.
    """

    async def in_states(self, states: Iterable[str]) -> list[Visit]:
        """Return the visits in these states, oldest waiter first."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        query = select(visit).where(visit.c.tenant_id == self._tenant, visit.c.state.in_(list(states)))
        rows = await self._run(query.order_by(visit.c.waiting_since, visit.c.created_at).limit(MAX_QUEUE))
        return [visit_of(row) for row in rows]

    async def versions(self, visit_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return how often each of these visits has changed."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        query = select(visit.c.id, visit.c.version)
        rows = await self._run(query.where(visit.c.tenant_id == self._tenant, visit.c.id.in_(visit_ids)))
        return {row.id: row.version for row in rows}
