"""Breaking the glass: who read what was not in their care, why, and who reviewed it (security.md §7: within 72 h)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from records.access import Action, Object
from records.errors import KeyDestroyed, NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import break_glass

if TYPE_CHECKING:
    from records.store.unit import Unit

REVIEW_WITHIN = timedelta(hours=72)
BROKEN_TOPIC = "break-glass"  # the privacy officer's console listens
MAX_PAGE = 500


@dataclass(frozen=True, slots=True, repr=False)
class Breakage:
    """One unit in which the glass was broken for one patient."""

    id: UUID
    patient_id: UUID
    actor_id: str
    request_id: str
    at: datetime
    reason: str | None
    """None when the patient was erased since."""
    is_overdue: bool


class BreakGlass(Repository):
    """`unit.break_glass`. The unit calls `broken` itself; review is the system's, for a privacy officer."""

    def __init__(self, unit: "Unit") -> None:
        super().__init__(unit)
        self._patients: set[UUID] = set()

    async def broken(self, object_type: str, patient_id: UUID) -> None:
        """Flag an access: an audit entry each time, one row with the sealed reason for each patient of the unit."""
        await self._unit.audit.record("E", object_type, patient_id=patient_id, detail="break-glass")
        if patient_id in self._patients:
            return
        self._patients.add(patient_id)
        actor, breakage_id = self._unit.actor, uuid4()
        reason = await self._seal_text(patient_id, _cell(breakage_id), actor.reason)
        await self._run(insert(break_glass).values(
            tenant_id=self._tenant, id=breakage_id, patient_id=patient_id, actor_id=actor.id,
            request_id=actor.request_id, at=self._unit.now, reason=reason,
        ))  # fmt: skip
        await self._unit.events.add(BROKEN_TOPIC, {"id": str(breakage_id)})

    async def pending(self) -> list[Breakage]:
        """Return what waits for review, oldest first."""
        await self._unit.authorise(Action.READ, Object.SETTING)
        query = select(break_glass).where(break_glass.c.reviewed_at.is_(None)).order_by(break_glass.c.at)
        found = []
        for row in (await self._run(query.limit(MAX_PAGE))).all():
            try:
                reason = await self._open_text(row.patient_id, _cell(row.id), row.reason)
            except KeyDestroyed:
                reason = None
            await self._unit.audit.record("R", "break_glass", entity_id=str(row.id), patient_id=row.patient_id)
            is_overdue = self._unit.now - row.at > REVIEW_WITHIN
            found.append(Breakage(row.id, row.patient_id, row.actor_id, row.request_id, row.at, reason, is_overdue))
        return found

    async def review(self, breakage_id: UUID) -> None:
        """Mark a breakage reviewed by the acting officer. Raises NotFound for one that does not wait."""
        await self._unit.authorise(Action.WRITE, Object.SETTING)
        waiting = (break_glass.c.id == breakage_id) & break_glass.c.reviewed_at.is_(None)
        changes = {"reviewed_at": self._unit.now, "reviewed_by": self._unit.actor.id}
        rows = await self._run(update(break_glass).where(waiting).values(changes).returning(break_glass.c.patient_id))
        patient_id = rows.scalar()
        if patient_id is None:
            raise NotFound("break-glass entry")
        await self._unit.audit.record("U", "break_glass", entity_id=str(breakage_id), patient_id=patient_id)


def _cell(breakage_id: UUID) -> Cell:
    return Cell(break_glass.name, str(breakage_id), "reason")
