"""One visit of ours as FHIR resources. Pure: VisitRecord in, valid R4 out; README "From a visit to resources"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from records.fhir import terminology as t
from records.fhir.project_clinical import clinical_impression, composition, questionnaire_response
from records.fhir.project_recording import document_reference
from records.fhir.project_vitals import call_observations, observations

Json = dict[str, Any]

# The visit's 19 states, R4 column of facts/consultation.md §2 and of the README, which a test compares.
ENCOUNTER_STATUS: Mapping[str, str] = {
    "requested": "planned",
    "booked": "planned",
    "checked_in": "planned",
    "intake": "arrived",
    "triaged": "triaged",
    "waiting": "triaged",
    "away": "triaged",
    "called": "triaged",
    "in_consult": "in-progress",
    "held": "onleave",
    "dropped": "onleave",
    "transferred": "finished",
    "emergency": "in-progress",
    "wrap_up": "in-progress",
    "completed": "finished",
    "left_unseen": "cancelled",
    "no_show": "cancelled",
    "service_cancelled": "cancelled",
    "discontinued": "finished",
    "entered_in_error": "entered-in-error",
}
_ENDED = frozenset(("finished", "cancelled", "entered-in-error"))


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """Who the visit is about; empty text where nothing is known."""

    id: UUID
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    phone: str = ""
    identity_number: str = ""
    address: str = ""
    lang: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()
    """(system, value) pairs of other registers."""


@dataclass(frozen=True, slots=True)
class PractitionerRecord:
    """The doctor of the visit."""

    id: UUID
    display: str
    registration_number: str = ""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One step of the visit's life."""

    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """The current answer to one of the three questions."""

    scope: str
    given: bool
    text_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SignedNote:
    """The doctor's note after signature."""

    body: Json
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class TriageNote:
    """The engine's note and what the doctor decided about it."""

    body: Json
    created_at: datetime
    decision: str | None = None
    """accept, override or reject; None while nobody looked."""


@dataclass(frozen=True, slots=True)
class RecordedMedia:
    """A finished recording."""

    id: UUID
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class CallReading:
    """What somebody measured and told during the call."""

    number: int
    role: str
    """Who told it: patient, caregiver, doctor."""
    values: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """All that a visit's resources are made of."""

    id: UUID
    state: str
    level: str | None
    mode: str
    created_at: datetime
    patient: PatientRecord
    practitioner: PractitionerRecord | None = None
    history: Sequence[StateChange] = ()
    consents: Sequence[ConsentAnswer] = ()
    intake: Json | None = None
    intake_at: datetime | None = None
    intake_is_final: bool = False
    triage: TriageNote | None = None
    note: SignedNote | None = None
    lines: Sequence[Mapping[str, Any]] = ()
    """What each participant's line was fit for: role, verdict, reasons, score."""
    recordings: Sequence[RecordedMedia] = ()
    readings: Sequence[CallReading] = ()


def resource_id(visit_id: UUID, role: str) -> str:
    """Give the stable id of a visit's resource, e.g. role `triage`."""
    return str(uuid5(visit_id, role))


def project(record: VisitRecord) -> list[Json]:
    """Give all resources of a visit, referenced ones first."""
    found = [patient(record.patient)]
    if record.practitioner is not None:
        found.append(practitioner(record.practitioner))
    found.append(encounter(record))
    found += consents(record)
    if record.intake is not None:
        found.append(questionnaire_response(record, resource_id(record.id, "intake")))
        found += observations(record, lambda name: resource_id(record.id, f"vital-{name}"))
    found += call_observations(record, lambda name: resource_id(record.id, f"vital-{name}"))
    if record.triage is not None:
        found.append(clinical_impression(record, record.triage, resource_id(record.id, "triage")))
    if record.note is not None and record.practitioner is not None:
        found.append(composition(record, record.note, record.practitioner, resource_id(record.id, "note")))
    for each in record.recordings:
        period = {"start": fhir_instant(each.started_at), "end": fhir_instant(each.ended_at)}
        found.append(document_reference(record, each, period))
    return found


_GENDER = {"male": "male", "female": "female", "m": "male", "f": "female", "other": "other"}


def patient(record: PatientRecord) -> Json:
    """Give the Patient."""
    found: Json = {"resourceType": "Patient", "id": str(record.id)}
    if identifiers := list(_identifiers(record)):
        found["identifier"] = identifiers
    found["active"] = True
    if record.name:
        found["name"] = [_human_name(record.name)]
    if record.phone:
        found["telecom"] = [{"system": "phone", "value": record.phone, "use": "mobile"}]
    found["gender"] = _GENDER.get(record.sex.lower(), "unknown")
    if record.birth_date:
        found["birthDate"] = record.birth_date
    if record.address:
        found["address"] = [{"text": record.address}]
    if record.lang:
        found["communication"] = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": record.lang}]}}]
    return found


def _identifiers(record: PatientRecord) -> Iterator[Json]:
    if record.identity_number:
        type_ = t.concept(t.IDENTIFIER_TYPE, "NI")
        yield {"use": "official", "type": type_, "system": t.IDENTITY_NUMBER, "value": record.identity_number}
    for system, value in record.identifiers:
        yield {"system": system, "value": value} if system else {"value": value}


def _human_name(name: str) -> Json:
    """A name in one field cannot be split safely; only what a blank or a Chinese name tells is split."""
    words = name.split()
    if len(words) > 1:
        return {"text": name, "family": words[-1], "given": words[:-1]}
    if 2 <= len(name) <= 3 and all("\u4e00" <= c <= "\u9fff" for c in name):
        return {"text": name, "family": name[0], "given": [name[1:]]}
    return {"text": name}


def practitioner(record: PractitionerRecord) -> Json:
    """Give the Practitioner, with the registration number that a patient can check."""
    found: Json = {"resourceType": "Practitioner", "id": str(record.id)}
    if record.registration_number:
        type_ = t.concept(t.IDENTIFIER_TYPE, "MD")
        found["identifier"] = [{"type": type_, "system": t.REGISTRATION, "value": record.registration_number}]
    return {**found, "active": True, "name": [{"text": record.display}]}


def encounter(record: VisitRecord) -> Json:
    """Give the Encounter; its id is the visit's."""
    status = ENCOUNTER_STATUS[record.state]
    found: Json = {
        "resourceType": "Encounter",
        "id": str(record.id),
        "meta": {"tag": [t.coding(t.VISIT_STATE, record.state)]},
        **({"extension": [line_fitness(line) for line in record.lines]} if record.lines else {}),
        "identifier": [{"system": t.VISIT_ID, "value": str(record.id)}],
        "status": status,
    }
    if history := _status_history(record):
        found["statusHistory"] = history
    found["class"] = t.coding(t.ACT_CODE, "VR", "virtual")
    if priority := _priority(record):
        found["priority"] = priority
    found["subject"] = reference("Patient", record.patient.id)
    if record.practitioner is not None:
        found["participant"] = [_participant(record.practitioner)]
    found["period"] = _period(record, status)
    return found


def line_fitness(line: Mapping[str, Any]) -> Json:
    """Give the extension for one participant's line: what it was fit for, why not better, mean opinion score."""
    parts: list[Json] = [
        {"url": "participant", "valueCode": line["role"]},
        {"url": "verdict", "valueCode": line["verdict"]},
        *({"url": "reason", "valueCode": reason} for reason in line["reasons"]),
        {"url": "score", "valueDecimal": line["score"]},
    ]
    return {"url": t.LINE_FITNESS, "extension": parts}


def _priority(record: VisitRecord) -> Json | None:
    codings = [t.coding(t.URGENCY, record.level)] if record.level else []
    if record.state == "emergency" or record.level == "emergency":
        codings.insert(0, t.coding(t.ACT_PRIORITY, "EM", "emergency"))
    return {"coding": codings} if codings else None


def _status_history(record: VisitRecord) -> list[Json]:
    """Each status left behind with the time it lasted; states of one status are one line."""
    lines: list[Json] = []
    at = record.created_at
    for change, following in zip(record.history, record.history[1:], strict=False):
        status = ENCOUNTER_STATUS[change.state]
        at = max(at, change.at)  # nodes' clocks differ by moments; a period never ends before it starts
        end = fhir_instant(max(at, following.at))
        if lines and lines[-1]["status"] == status:
            lines[-1]["period"]["end"] = end
        else:
            lines.append({"status": status, "period": {"start": fhir_instant(at), "end": end}})
    return lines


def _participant(practitioner_: PractitionerRecord) -> Json:
    return {
        "type": [t.concept(t.PARTICIPATION, "PPRF", "primary performer")],
        "individual": {**reference("Practitioner", practitioner_.id), "display": practitioner_.display},
    }


def _period(record: VisitRecord, status: str) -> Json:
    found = {"start": fhir_instant(record.created_at)}
    if status in _ENDED and record.history:
        found["end"] = fhir_instant(max(step.at for step in (*record.history, StateChange("", record.created_at))))
    return found


def consents(record: VisitRecord) -> list[Json]:
    """Give one Consent per question; a refusal is a consent that denies (Consent.provision.type)."""
    return [
        {
            "resourceType": "Consent",
            "id": resource_id(record.id, f"consent-{answer.scope}"),
            "status": "active",
            "scope": t.concept(t.CONSENT_SCOPE, "treatment" if answer.scope == "consultation" else "patient-privacy"),
            "category": [t.concept(t.CONSENT_KIND, answer.scope)],
            "patient": reference("Patient", record.patient.id),
            "dateTime": fhir_instant(answer.at),
            "policyRule": {"text": f"consent text {answer.text_version}"},
            "provision": {
                "type": "permit" if answer.given else "deny",
                "data": [{"meaning": "instance", "reference": reference("Encounter", record.id)}],
            },
        }
        for answer in record.consents
    ]


def reference(type_: str, id_: UUID | str) -> Json:
    """Give a relative literal Reference."""
    return {"reference": f"{type_}/{id_}"}


def fhir_instant(at: datetime) -> str:
    """Give an instant in UTC with milliseconds, as FHIR writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
