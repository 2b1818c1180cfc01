"""What was found out about a visit's lines: figures and codes in the clear."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from records.access import Action, Object
from records.store.claims import Claims
from records.store.visit_rows import visit_of

# 16 seats, and a call that was broken off and taken up again some times.
MAX_LINES = 64


class VisitLines(Claims):
    """The part of `unit.visits` about lines."""

    async def set_line_check(self, visit_id: UUID, found: Mapping[str, Any]) -> None:
        """Keep what the test of the patient's line found; figures and codes only."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        after = await self._change(visit_id, {"line_check": dict(found)})
        await self._audit("U", after, detail="line-check")

    async def set_line_record(self, visit_id: UUID, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep what each participant's line was fit for. A call that was taken up again adds to it."""
        await self._unit.authorise(Action.WRITE, Object.VISIT, visit_id)
        before = visit_of(await self._row(visit_id, lock=True))
        kept = [*(before.line_record or []), *(dict(line) for line in lines)][-MAX_LINES:]
        after = await self._change(visit_id, {"line_record": kept})
        await self._audit("U", after, detail="line-record")
