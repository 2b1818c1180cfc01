"""Recordings of visits: when, by whom, and the key of the sealed files. The files are recording_files.py's."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from records import retention
from records.access import Action, Object
from records.consent import ConsentScope
from records.errors import NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import consent, legal_hold, patient, recording, tenant, visit

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class MediaKey:
    """What seals and opens the files of one recording. Keep it as short as the recording runs."""

    tenant_id: UUID
    patient_id: UUID
    recording_id: UUID
    suite: int
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording as its row tells it."""

    id: UUID
    visit_id: UUID
    started_at: datetime
    ended_at: datetime | None
    """None while it runs, or when it was cut off and the program has not started again since."""


class Recordings(Repository):
    """`unit.recordings`."""

    async def begin(self, visit_id: UUID) -> MediaKey:
        """Store that a recording begins; return the key of its files."""
        await self._unit.authorise(Action.WRITE, Object.RECORDING, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        recording_id, material = uuid4(), secrets.token_bytes(KEY_BYTES)
        await self._run(insert(recording).values(
            tenant_id=self._tenant, id=recording_id, visit_id=visit_id, started_at=self._unit.now,
            started_by=self._unit.actor.id, media_key=await self._unit.seal(patient_id, _cell(recording_id), material),
        ))  # fmt: skip
        await self._audit("C", visit_id, recording_id, "start")
        return MediaKey(self._tenant, patient_id, recording_id, await self._suite(), material)

    async def finish(self, visit_id: UUID, recording_id: UUID) -> None:
        """Store that it is over; again is no error."""
        await self._unit.authorise(Action.WRITE, Object.RECORDING, visit_id)
        running = (recording.c.id == recording_id) & recording.c.ended_at.is_(None)
        if (await self._run(update(recording).where(running).values(ended_at=self._unit.now))).rowcount:
            await self._audit("U", visit_id, recording_id, "stop")

    async def cut_off(self, written: Mapping[UUID, datetime], begun_before: datetime) -> int:
        """
        End those that an earlier process began and could not end, each when its files were `written` last.

        Return how many. The caller gives the recordings whose files it has, and when it began itself.
        """
        is_open = recording.c.id.in_(list(written)) & recording.c.ended_at.is_(None)
        rows = (await self._run(select(recording).where(is_open, recording.c.started_at < begun_before))).all()
        for row in rows:
            await self._unit.authorise(Action.WRITE, Object.RECORDING, row.visit_id)
            ended_at = min(max(written[row.id], row.started_at), self._unit.now)
            await self._run(update(recording).where(recording.c.id == row.id).values(ended_at=ended_at))
            await self._audit("U", row.visit_id, row.id, "cut off")
            await self._unit.resources.project(row.visit_id)
        return len(rows)

    async def discard(self, visit_id: UUID, recording_id: UUID) -> None:
        """Forget one that never had any media."""
        await self._unit.authorise(Action.WRITE, Object.RECORDING, visit_id)
        await self._run(delete(recording).where(recording.c.id == recording_id))
        await self._audit("D", visit_id, recording_id, "empty")

    async def of_visit(self, visit_id: UUID) -> list[StoredRecording]:
        """Return a visit's recordings, oldest first."""
        await self._unit.authorise(Action.READ, Object.RECORDING, visit_id)
        rows = await self._run(
            select(recording).where(recording.c.visit_id == visit_id).order_by(recording.c.started_at, recording.c.id)
        )
        return [StoredRecording(row.id, row.visit_id, row.started_at, row.ended_at) for row in rows]

    async def key(self, visit_id: UUID, recording_id: UUID, *, is_play: bool = False) -> MediaKey:
        """Return the key of a recording of this visit; playing is audited. Raises NotFound, KeyDestroyed."""
        await self._unit.authorise(Action.READ, Object.RECORDING, visit_id)
        wanted = (recording.c.id == recording_id) & (recording.c.visit_id == visit_id)
        row = (await self._run(select(recording.c.media_key).where(wanted))).one_or_none()
        if row is None:
            raise NotFound("recording")
        patient_id = await self._unit.patient_of(visit_id)
        material = await self._unit.open(patient_id, _cell(recording_id), row.media_key)
        if is_play:
            await self._audit("R", visit_id, recording_id, "play")
        return MediaKey(self._tenant, patient_id, recording_id, await self._suite(), material)

    async def is_agreed(self, visit_id: UUID) -> bool:
        """Return whether the newest answer about recording is yes."""
        await self._unit.authorise(Action.READ, Object.CONSENT, visit_id)
        asked = (consent.c.visit_id == visit_id) & (consent.c.scope == ConsentScope.RECORDING.value)
        newest = select(consent.c.given).where(asked).order_by(consent.c.number.desc()).limit(1)
        return bool((await self._run(newest)).scalar())

    async def sweep(self) -> int:
        """Delete rows whose term is over and that no legal hold keeps, and those of erased patients."""
        from records.store.resources import Write  # unit.py loads this module

        held = select(legal_hold.c.patient_id).where(legal_hold.c.lifted_at.is_(None))
        erased = select(patient.c.id).where(patient.c.erased_at.is_not(None))
        rows = await self._run(
            select(
                recording.c.id,
                recording.c.visit_id,
                recording.c.started_at,
                visit.c.patient_id.in_(erased).label("is_erased"),
            )
            .join(visit, visit.c.id == recording.c.visit_id)
            .where(or_(visit.c.patient_id.in_(erased), visit.c.patient_id.not_in(held)))
        )
        media = retention.RetentionClass.MEDIA
        over = [
            (row.id, row.visit_id, row.is_erased)
            for row in rows
            if row.is_erased or retention.ends(media, row.started_at) <= self._unit.now
        ]
        for recording_id, visit_id, is_erased in over:
            await self._run(delete(recording).where(recording.c.id == recording_id))
            if not is_erased:  # an erased patient's resources are sealed tombstones already
                await self._unit.resources.delete("DocumentReference", str(recording_id), Write(origin="visit"))
            await self._audit("D", visit_id, recording_id, "term over")
        return len(over)

    async def gone(self, ids: Collection[UUID]) -> set[UUID]:
        """Return which of these have no row (any more): their files may go."""
        known: ColumnElement[bool] = recording.c.id.in_(list(ids))
        rows = await self._run(select(recording.c.id).where(known))
        return set(ids) - set(rows.scalars())

    async def _suite(self) -> int:
        return int((await self._run(select(tenant.c.suite).where(tenant.c.id == self._tenant))).scalar_one())

    async def _audit(self, action: str, visit_id: UUID, recording_id: UUID, detail: str) -> None:
        patient_id = await self._unit.patient_of(visit_id)
        await self._unit.audit.record(
            action, "recording", entity_id=str(recording_id), visit_id=visit_id, patient_id=patient_id, detail=detail
        )


def _cell(recording_id: UUID) -> Cell:
    return Cell(recording.name, str(recording_id), "media_key")
