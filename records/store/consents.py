"""Consents of a visit: append-only, the newest of each scope counts."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import func, insert, select

from records.access import Action, Object
from records.consent import ConsentScope, ConsentStatement, current
from records.store.repository import Repository
from records.store.tables import consent, visit


class ConsentFields(TypedDict):
    """One answer of the patient."""

    scope: str
    """consultation, ai or recording."""
    given: bool
    text_version: str
    """Which wording was shown."""
    at: datetime


class Consents(Repository):
    """`unit.consents`."""

    async def record(self, visit_id: UUID, **answer: Unpack[ConsentFields]) -> None:
        """Add an answer; a withdrawal is an answer with given=False."""
        await self._unit.authorise(Action.WRITE, Object.CONSENT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        scope = ConsentScope(answer["scope"])
        actor = self._unit.actor
        await self._run(select(visit.c.id).where(visit.c.id == visit_id).with_for_update())  # numbers without gaps
        count = select(func.count()).where(consent.c.visit_id == visit_id)
        number = (await self._run(count)).scalar_one() + 1
        await self._run(insert(consent).values(
            tenant_id=self._tenant, visit_id=visit_id, number=number, scope=scope.value, given=answer["given"],
            text_version=answer["text_version"], at=answer["at"], actor_kind=actor.kind.value, actor_id=actor.id,
        ))  # fmt: skip
        detail = f"{scope.value} {'given' if answer['given'] else 'refused'}"
        await self._unit.audit.record("C", "consent", visit_id=visit_id, patient_id=patient_id, detail=detail)

    async def history(self, visit_id: UUID) -> list[ConsentStatement]:
        """Return every answer, oldest first."""
        await self._unit.authorise(Action.READ, Object.CONSENT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        rows = await self._run(select(consent).where(consent.c.visit_id == visit_id).order_by(consent.c.number))
        await self._unit.audit.record("R", "consent", visit_id=visit_id, patient_id=patient_id)
        return [ConsentStatement(ConsentScope(row.scope), row.given, row.text_version, row.at) for row in rows]

    async def of_patient(self, patient_id: UUID) -> list[tuple[UUID, ConsentStatement]]:
        """Return the newest answer of each visit and scope, newest first."""
        await self._unit.authorise_patient(Action.READ, Object.CONSENT, patient_id)
        joined = (visit.c.tenant_id == consent.c.tenant_id) & (visit.c.id == consent.c.visit_id)
        given = select(consent).join(visit, joined).where(visit.c.patient_id == patient_id)
        newest = {(row.visit_id, row.scope): row for row in await self._run(given.order_by(consent.c.number))}
        rows = sorted(newest.values(), key=lambda row: row.at, reverse=True)
        await self._unit.audit.record("R", "consent", patient_id=patient_id)
        return [
            (row.visit_id, ConsentStatement(ConsentScope(row.scope), row.given, row.text_version, row.at))
            for row in rows
        ]

    async def current(self, visit_id: UUID) -> dict[str, ConsentStatement]:
        """Return the newest answer by scope; a scope that was never answered is absent."""
        return {scope.value: answer for scope, answer in current(await self.history(visit_id)).items()}
