"""Gathers the audit entries of one unit, and reads the trail of a patient for FHIR AuditEvent."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import select, text

from records.access import Action, Object
from records.actors import Actor
from records.audit.leaf import AuditAction, AuditEvent, AuditOutcome, leaves
from records.errors import AccessDenied, KeyServiceUnavailable, RecordsError, StoreUnavailable
from records.store.repository import Repository
from records.store.tables import audit_entry

if TYPE_CHECKING:
    from records.store.unit import Unit

# A page of the trail; a year of one patient is a few hundred entries.
MAX_PAGE = 1_000
_WRITES = frozenset({AuditAction.CREATE, AuditAction.UPDATE, AuditAction.DELETE})


class AuditFields(TypedDict, total=False):
    """What an entry may say besides its action and type of entity."""

    entity_id: str | None
    patient_id: UUID | None
    visit_id: UUID | None
    outcome: AuditOutcome
    detail: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry of the trail."""

    number: int
    recorded_at: datetime
    fields: dict[str, Any]
    """The leaf; its members are listed in records/README.md "Audit"."""


class Audit(Repository):
    """`unit.audit`. Repositories record by themselves; others record what no repository can know."""

    def __init__(self, unit: "Unit") -> None:
        super().__init__(unit)
        self._events: list[tuple[AuditEvent, Actor]] = []
        self._served: Sequence[Actor] = (unit.actor,)

    def serve(self, actors: Sequence[Actor]) -> None:
        """Say whose requests this unit serves together, so that a refusal bears their ids."""
        self._served = actors

    async def record(self, action: AuditAction | str, entity_type: str, **fields: Unpack[AuditFields]) -> None:
        """Add an entry. It is appended to the chain when the unit ends, in the same transaction."""
        self.record_of(self._unit.actor, action, entity_type, **fields)

    def record_of(
        self, actor: Actor, action: AuditAction | str, entity_type: str, **fields: Unpack[AuditFields]
    ) -> None:
        """Add an entry of one of several requests that this unit serves together."""
        self._events.append((AuditEvent(AuditAction(action), entity_type, **fields), actor))

    def _refused_actors(self, error: RecordsError) -> Sequence[Actor]:
        """Of several each runs alone afterwards, and that unit records whose fault it was; unless all failed alike."""
        is_for_all = isinstance(error, StoreUnavailable | KeyServiceUnavailable)
        return self._served if len(self._served) == 1 or is_for_all else ()

    def committing(self) -> list[str]:
        """Return the leaves to append before the commit."""
        return self._leaves(self._events)

    def refused(self, error: BaseException) -> list[str]:
        """Return the leaves to append after a rollback: reads happened all the same, writes did not."""
        code = error.code if isinstance(error, RecordsError) else "failed"
        events = [
            (dataclasses.replace(event, outcome=AuditOutcome.REFUSED, detail=code), actor)
            if event.action in _WRITES
            else (event, actor)
            for event, actor in self._events
        ]
        if isinstance(error, RecordsError):
            outcome = AuditOutcome.DENIED if isinstance(error, AccessDenied) else AuditOutcome.REFUSED
            refusal = AuditEvent(AuditAction.EXECUTE, "unit", outcome=outcome, detail=code)
            events += [(refusal, actor) for actor in self._refused_actors(error)]
        return self._leaves(events)

    async def search(self, *, patient_id: UUID | None = None, entity_type: str | None = None,
                     after: int = 0, limit: int = 100) -> list[Recorded]:  # fmt: skip
        """Return entries above number `after`, oldest first; of one patient, or of the tenant."""
        if patient_id is None:
            await self._unit.authorise(Action.READ, Object.AUDIT)
        else:
            await self._unit.authorise_patient(Action.READ, Object.AUDIT, patient_id)
        query = select(audit_entry).where(audit_entry.c.tenant_id == self._tenant, audit_entry.c.number > after)
        if patient_id is not None:
            query = query.where(text("(leaf ->> 'patient') = :patient").bindparams(patient=str(patient_id)))
        if entity_type is not None:
            query = query.where(text("(leaf ->> 'entity_type') = :type").bindparams(type=entity_type))
        rows = await self._run(query.order_by(audit_entry.c.number).limit(min(limit, MAX_PAGE)))
        await self.record("R", "audit", patient_id=patient_id)
        return [Recorded(row.number, _time(row.recorded_us), row.leaf) for row in rows]

    async def trail(self, patient_id: UUID, *, before: int | None = None, limit: int = 100) -> list[Recorded]:
        """Return a patient's entries below number `before` (the newest for None), newest first."""
        await self._unit.authorise_patient(Action.READ, Object.AUDIT, patient_id)
        query = select(audit_entry).where(
            audit_entry.c.tenant_id == self._tenant,
            text("(leaf ->> 'patient') = :patient").bindparams(patient=str(patient_id)),
        )
        if before is not None:
            query = query.where(audit_entry.c.number < before)
        rows = await self._run(query.order_by(audit_entry.c.number.desc()).limit(min(limit, MAX_PAGE)))
        await self.record("R", "audit", patient_id=patient_id)
        return [Recorded(row.number, _time(row.recorded_us), row.leaf) for row in rows]

    def _leaves(self, events: Sequence[tuple[AuditEvent, Actor]]) -> list[str]:
        return leaves(events, self._unit.now)


def _time(recorded_us: int) -> datetime:
    return datetime.fromtimestamp(recorded_us / 1_000_000, UTC)
