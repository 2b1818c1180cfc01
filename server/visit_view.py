"""The visit as its patient, caregiver or helper sees it: fields by role."""

from __future__ import annotations

from typing import Any

from records.store.patients import PatientIdentity
from server import intake as intakes
from server import waiting
from server.auth.principals import SPEAKS_FOR_PATIENT
from server.queue_rows import age_of
from server.summaries import practitioner
from server.visits import BEFORE_CONSULT, CONSENT_TEXT_VERSION, Call, Progress, Services, progress
from signaling import queue
from signaling.states import QUEUED


async def view(services: Services, call: Call) -> dict[str, Any]:
    """Return what the page needs to draw any step. A helper who does not speak for the patient sees no answers."""
    now = services.clock.now()
    async with services.database.unit(call.actor) as unit:
        at = await progress(unit, call.visit_id)
        patient = await unit.patients.get(at.visit.patient_id)
        note = await unit.notes.get(call.visit_id)
    is_speaker = call.holder.role in SPEAKS_FOR_PATIENT
    place = None
    if is_speaker and at.state in QUEUED:
        place = await waiting.place_of(services, call.system("queue"), call.visit_id, now)
    return {
        "id": str(at.visit.id),
        "role": call.holder.role.value,
        "state": at.visit.state,
        "next": at.next,
        "lang": at.visit.lang,
        "patient": _patient(patient, services) if is_speaker else {"display": patient.name},
        "consents": at.consents,
        "consent_text_version": CONSENT_TEXT_VERSION,
        "place_given": at.place_given,
        "intake": at.intake if is_speaker else None,
        "intake_final": at.intake_final,
        "queue": place_part(place),
        "practitioner": await _practitioner(services, call, at),
        "emergency": await _emergency(services, call, at) if is_speaker else None,
        "mode": at.visit.mode,
        "has_summary": is_speaker and note is not None and note.signed_at is not None,
    }


def _patient(identity: PatientIdentity, services: Services) -> dict[str, Any]:
    age = age_of(identity.birth_date, services.clock.now().date())
    return {"display": identity.name, "age": age, "age_months": None, "sex": identity.sex}


def place_part(place: queue.Place | None) -> dict[str, Any] | None:
    """Return a place in the queue as the pages and the WebSocket tell it."""
    if place is None:
        return None
    return {
        "position": place.position,
        "ahead": place.ahead,
        "wait_min": None if place.wait_min is None else list(place.wait_min),
        "may_be_overtaken": True,
        "full": place.is_full,
    }


async def _practitioner(services: Services, call: Call, at: Progress) -> dict[str, Any] | None:
    if at.visit.practitioner_id is None:
        return None
    async with services.database.unit(call.system("names")) as unit:
        return await practitioner(unit, at.visit.practitioner_id)


async def _emergency(services: Services, call: Call, at: Progress) -> dict[str, Any] | None:
    """Return the notice again after a reload, as long as the patient is not with a doctor."""
    if at.state not in BEFORE_CONSULT or at.intake is None:
        return None
    is_known = at.visit.level == intakes.EMERGENCY
    if at.intake_final and at.visit.level is not None and not is_known:
        return None  # the note, or the doctor who overrode it, found none: the rules need not run again
    rules = await intakes.raised_rules(services, call.visit_id, at)
    if not is_known and not rules:
        return None
    number = services.settings.emergency_number
    return intakes.emergency_notice(number, at.visit.lang, rules, staff_alerted=is_known)
