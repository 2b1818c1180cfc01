"""Visits as the live rooms need them: open columns, often, for numbers only."""

from collections.abc import Iterable

from sqlalchemy import select

from records.access import Action, Object
from records.store.repository import Repository
from records.store.tables import visit
from records.store.visit_rows import Visit, visit_of
from records.store.visits import MAX_QUEUE


class LiveVisits(Repository):
    """
    Reads for the program itself.

    Not audited: nobody sees these rows; what leaves the program is a position or a state that the reader's own visit has.
    """

    async def in_states(self, states: Iterable[str]) -> list[Visit]:
        """Return the visits in these states, oldest waiter first."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        query = select(visit).where(visit.c.tenant_id == self._tenant, visit.c.state.in_(list(states)))
        rows = await self._run(query.order_by(visit.c.waiting_since, visit.c.created_at).limit(MAX_QUEUE))
        return [visit_of(row) for row in rows]
