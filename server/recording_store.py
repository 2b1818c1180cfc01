"""The recordings' door to records.store."""

from __future__ import annotations

from uuid import UUID

from records.actors import Actor
from records.consent import ConsentScope
from records.store.database import Database
from records.store.recordings import MediaKey
from server.clock import Clock
from server.visit_store import room_actor
from signaling import effects as e
from signaling.states import Role


class DatabaseRecordings:
    """What a recording reads and writes, each call one unit of work."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def begin(self, visit_id: UUID, actor: Actor) -> MediaKey:
        """Store that a recording begins, by its practitioner."""
        async with self._database.unit(actor) as unit:
            return await unit.recordings.begin(visit_id)

    async def finish(self, visit_id: UUID, recording_id: UUID, *, is_empty: bool) -> None:
        """Store that it is over; forget one without media."""
        async with self._database.unit(room_actor()) as unit:
            if is_empty:
                await unit.recordings.discard(visit_id, recording_id)
            else:
                await unit.recordings.finish(visit_id, recording_id)
                await unit.resources.project(visit_id)

    async def consent(self, visit_id: UUID, word: e.StoreConsent, actor: Actor) -> None:
        """
        Store a word of the patient's side.

        The patient's is the visit's answer. Anybody else's concerns themselves alone: it is an entry of the audit
        chain, and must not stand as the patient's.
        """
        async with self._database.unit(actor) as unit:
            if word.role is Role.PATIENT:
                await unit.consents.record(
                    visit_id,
                    scope=ConsentScope.RECORDING.value,
                    given=word.given,
                    text_version=word.text_version,
                    at=self._clock.now(),
                )
                await unit.resources.project(visit_id)
            else:
                detail = f"recording {'given' if word.given else 'refused'} by {word.role.value}"
                patient_id = await unit.patient_of(visit_id)
                await unit.audit.record("C", "consent", visit_id=visit_id, patient_id=patient_id, detail=detail)
