"""Vital signs as Observations: those of the intake, and those that were told in the call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from records.fhir import terminology as t

if TYPE_CHECKING:
    from records.fhir.project import CallReading, VisitRecord

Json = dict[str, Any]

# vital -> LOINC code, display, UCUM code, printed unit (HL7 vital signs profile, R4 observation-vitalsigns)
VITALS = {
    "temperature_c": ("8310-5", "Body temperature", "Cel", "°C"),
    "heart_rate": ("8867-4", "Heart rate", "/min", "beats/minute"),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min", "breaths/minute"),
    "spo2": ("2708-6", "Oxygen saturation in Arterial blood", "%", "%"),
    "glucose_mmol_l": ("15074-8", "Glucose [Moles/volume] in Blood", "mmol/L", "mmol/L"),
}
_PRESSURE = {
    "systolic_bp": ("8480-6", "Systolic blood pressure"),
    "diastolic_bp": ("8462-4", "Diastolic blood pressure"),
}
# ACVPU; the letter itself is our own code, the LOINC code names the scale.
CONSCIOUSNESS = {
    "A": "alert",
    "C": "new confusion",
    "V": "responds to voice",
    "P": "responds to pain",
    "U": "unresponsive",
}
# Blood glucose is a measurement of the same moment but no vital sign (HL7 vital signs profile lists those).
_LABORATORY = frozenset(("glucose_mmol_l",))


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was measured at one moment, who told it and how it came."""

    record: VisitRecord
    vitals: Mapping[str, Any]
    at: datetime
    performer: Json
    method: str = ""


def observations(record: VisitRecord, id_of: Callable[[str], str]) -> list[Json]:
    """Give an Observation per vital of the intake; systolic and diastolic pressure are components of one."""
    vitals = (record.intake or {}).get("vitals") or {}
    return _measured(_Taken(record, vitals, record.intake_at or record.created_at, _patient(record)), id_of)


def call_observations(record: VisitRecord, id_of: Callable[[str], str]) -> list[Json]:
    """Give the Observations of each reading that was told in the call, oldest first."""
    found: list[Json] = []
    for reading in record.readings:
        method = f"Self-reported in the remote consultation by the {reading.role}; no device was connected"
        taken = _Taken(record, reading.values, reading.at, _performer(record, reading), method)
        found += _measured(taken, lambda name, number=reading.number: id_of(f"call-{number}-{name}"))  # type: ignore[misc]
    return found


def _performer(record: VisitRecord, reading: CallReading) -> Json:
    if reading.role == "patient":
        return _patient(record)
    if reading.role == "doctor" and record.practitioner is not None:
        who = record.practitioner
        return {"reference": f"Practitioner/{who.id}", "display": who.display} if who.display else {
            "reference": f"Practitioner/{who.id}"
        }
    return {"display": reading.role}


def _measured(taken: _Taken, id_of: Callable[[str], str]) -> list[Json]:
    vitals = taken.vitals
    found = []
    for name, (code, display, unit_code, unit) in VITALS.items():
        if vitals.get(name) is not None:
            value = _quantity(vitals[name], unit_code, unit)
            category = "laboratory" if name in _LABORATORY else "vital-signs"
            head = _observation(taken, id_of(name), t.concept(t.LOINC, code, display), category)
            found.append({**head, "valueQuantity": value})
    if components := [_component(n, vitals[n]) for n in _PRESSURE if vitals.get(n) is not None]:
        panel = t.concept(t.LOINC, "85354-9", "Blood pressure panel")
        found.append({**_observation(taken, id_of("blood_pressure"), panel), "component": components})
    if letter := vitals.get("consciousness"):
        level = t.concept(t.LOINC, "67775-7", "Level of responsiveness")
        text = CONSCIOUSNESS.get(letter, str(letter))
        value = t.concept(t.OURS + "acvpu", str(letter), text)
        found.append({**_observation(taken, id_of("consciousness"), level), "valueCodeableConcept": value})
    return found


_CATEGORIES = {"vital-signs": "Vital Signs", "laboratory": "Laboratory"}


def _observation(taken: _Taken, id_: str, code: Json, category: str = "vital-signs") -> Json:
    found: Json = {
        "resourceType": "Observation",
        "id": id_,
        "status": "preliminary",  # stated by the patient, not measured by staff
        "category": [t.concept(t.OBSERVATION_CATEGORY, category, _CATEGORIES[category])],
        "code": code,
        "subject": _patient(taken.record),
        "encounter": {"reference": f"Encounter/{taken.record.id}"},
        "effectiveDateTime": taken.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "performer": [taken.performer],
    }
    if taken.method:
        found["method"] = {"text": taken.method}
    return found


def _component(name: str, value: Any) -> Json:
    code, display = _PRESSURE[name]
    return {"code": t.concept(t.LOINC, code, display), "valueQuantity": _quantity(value, "mm[Hg]", "mmHg")}


def _quantity(value: Any, code: str, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": t.UCUM, "code": code}


def _patient(record: VisitRecord) -> Json:
    return {"reference": f"Patient/{record.patient.id}"}
