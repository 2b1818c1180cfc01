"""Reads all of one visit and projects it. Reads as the system: the writer of one part may not see the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.actors import ActorKind
from records.errors import NotFound
from records.fhir import text
from records.fhir.project import (
    CallReading,
    ConsentAnswer,
    PatientRecord,
    PractitionerRecord,
    RecordedMedia,
    SignedNote,
    StateChange,
    TriageNote,
    VisitRecord,
    project,
)

if TYPE_CHECKING:
    from records.store.unit import Unit

Json = dict[str, Any]


async def projected(unit: Unit, visit_id: UUID) -> list[Json]:
    """Give the resources of a visit. Nothing of them reaches the actor, so only the writes that follow are audited."""
    reader = await _system_unit(unit)
    return project(await _record(reader, visit_id))


async def _system_unit(unit: Unit) -> Unit:
    """A second view of the same transaction, whose own audit entries are never appended."""
    from records.store.unit import Link  # unit.py loads this module

    actor = replace(unit.actor, kind=ActorKind.SYSTEM, id="projection", visit_id=None)
    reader = type(unit)(Link(unit.connection, unit.raw), actor, unit.now, unit.keys)
    await reader.start()
    return reader


async def _record(reader: Unit, visit_id: UUID) -> VisitRecord:
    visit = await reader.visits.get(visit_id)
    intake = await reader.intakes.get(visit_id)
    history = await reader.visits.history(visit_id)
    answers = await reader.consents.current(visit_id)
    return VisitRecord(
        id=visit.id,
        state=visit.state,
        level=visit.level,
        mode=visit.mode,
        created_at=visit.created_at,
        patient=await _patient(reader, visit.patient_id),
        practitioner=await _practitioner(reader, visit.practitioner_id),
        history=[StateChange(step.to_state, step.at) for step in history],
        consents=[ConsentAnswer(s, a.given, a.text_version, a.at) for s, a in sorted(answers.items())],
        intake=_exact(intake.content) if intake else None,
        intake_at=intake.updated_at if intake else None,
        intake_is_final=bool(intake and intake.final),
        triage=await _triage(reader, visit_id),
        note=await _note(reader, visit_id),
        lines=visit.line_record or (),
        recordings=[
            RecordedMedia(each.id, each.started_at, each.ended_at)
            for each in await reader.recordings.of_visit(visit_id)
            if each.ended_at is not None
        ],
        readings=[
            CallReading(each.number, each.role, _exact(dict(each.values)), each.at)
            for each in await reader.readings.of_visit(visit_id)
        ],
    )


async def _patient(reader: Unit, patient_id: UUID) -> PatientRecord:
    found = await reader.patients.get(patient_id)
    return PatientRecord(
        id=patient_id,
        name=found.name or "",
        birth_date=found.birth_date or "",
        sex=found.sex or "",
        phone=found.phone or "",
        identity_number=found.identity_number or "",
        address=found.address or "",
        lang=found.lang or "",
        identifiers=tuple((i.system, i.value) for i in found.identifiers),
    )


async def _practitioner(reader: Unit, practitioner_id: UUID | None) -> PractitionerRecord | None:
    if practitioner_id is None:
        return None
    try:
        found = await reader.accounts.get(practitioner_id)
    except NotFound:  # the account was disabled since; the Practitioner of earlier projections stays
        return PractitionerRecord(practitioner_id, "")
    return PractitionerRecord(practitioner_id, found.display, found.registration_number or "")


async def _triage(reader: Unit, visit_id: UUID) -> TriageNote | None:
    found = await reader.triage_notes.current(visit_id)
    if found is None:
        return None
    about = [d for d in await reader.triage_notes.decisions(visit_id) if d.note_version == found.version]
    return TriageNote(_exact(found.content), found.created_at, about[-1].decision.action if about else None)


async def _note(reader: Unit, visit_id: UUID) -> SignedNote | None:
    found = await reader.notes.get(visit_id)
    if found is None or found.signed_at is None:
        return None
    return SignedNote(_exact(found.content), found.signed_at)


def _exact(content: Json) -> Json:
    """Numbers as text.py reads them: a float would lose the digits that the patient typed."""
    exact: Json = text.loads(json.dumps(content, ensure_ascii=False))
    return exact
