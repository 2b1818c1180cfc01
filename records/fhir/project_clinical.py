"""The clinical resources of a visit: intake answers, vitals, the AI's triage note, the doctor's signed note."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

from records.fhir import terminology as t

if TYPE_CHECKING:
    from records.fhir.project import PractitionerRecord, SignedNote, TriageNote, VisitRecord

Json = dict[str, Any]

# vital -> LOINC code, display, UCUM code, printed unit (HL7 vital signs profile, R4 observation-vitalsigns)
VITALS = {
    "temperature_c": ("8310-5", "Body temperature", "Cel", "°C"),
    "heart_rate": ("8867-4", "Heart rate", "/min", "beats/minute"),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min", "breaths/minute"),
    "spo2": ("2708-6", "Oxygen saturation in Arterial blood", "%", "%"),
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
_QUESTIONS = {
    "complaint": "What brings you here, in your own words",
    "symptoms": "Symptoms",
    "conditions": "Known conditions",
    "medications": "Medicines",
    "allergies": "Allergies",
    "age": "Age in years",
    "age_months": "Age in months",
    "sex": "Sex",
    "pregnant": "Pregnant",
}
_SECTIONS = {
    "reason": ("Reason for the visit", "10154-3"),
    "findings": ("Findings", "29545-1"),
    "assessment": ("Assessment", "51848-0"),
    "plan": ("Plan", "18776-5"),
    "safety_net": ("When to seek help", "69730-0"),
    "mode": ("How the visit took place", None),
}


def questionnaire_response(record: VisitRecord, id_: str) -> Json:
    """Give the intake answers; one item per question, one answer per entry of a list."""
    intake = record.intake or {}
    found: Json = {
        "resourceType": "QuestionnaireResponse",
        "id": id_,
        "status": "completed" if record.intake_is_final else "in-progress",
        "subject": _patient(record),
        "encounter": _encounter(record),
        "authored": _instant(record.intake_at or record.created_at),
        "source": _patient(record),
    }
    if items := list(_items(intake)):
        found["item"] = items
    return found


def _items(intake: Json) -> Iterator[Json]:
    for name, text in _QUESTIONS.items():
        values = intake.get(name)
        answers = [_answer(v) for v in (values if isinstance(values, list) else [values]) if v not in (None, "")]
        if answers:
            yield {"linkId": name, "text": text, "answer": answers}
    vitals = intake.get("vitals") or {}
    children = [{"linkId": f"vitals.{n}", "answer": [_answer(v)]} for n, v in vitals.items() if v not in (None, "")]
    if children:
        yield {"linkId": "vitals", "text": "Vital signs", "item": children}


def _answer(value: Any) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, Decimal | float):
        return {"valueDecimal": value}
    return {"valueString": str(value)}


def observations(record: VisitRecord, id_of: Callable[[str], str]) -> list[Json]:
    """Give an Observation per vital; systolic and diastolic pressure are components of one."""
    vitals = (record.intake or {}).get("vitals") or {}
    found = []
    for name, (code, display, unit_code, unit) in VITALS.items():
        if vitals.get(name) is not None:
            value = _quantity(vitals[name], unit_code, unit)
            found.append({**_observation(record, id_of(name), code, display), "valueQuantity": value})
    if components := [_component(n, vitals[n]) for n in _PRESSURE if vitals.get(n) is not None]:
        head = _observation(record, id_of("blood_pressure"), "85354-9", "Blood pressure panel")
        found.append({**head, "component": components})
    if letter := vitals.get("consciousness"):
        head = _observation(record, id_of("consciousness"), "67775-7", "Level of responsiveness")
        text = CONSCIOUSNESS.get(letter, str(letter))
        found.append({**head, "valueCodeableConcept": t.concept(t.OURS + "acvpu", str(letter), text)})
    return found


def _observation(record: VisitRecord, id_: str, code: str, display: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "preliminary",  # stated by the patient, not measured by staff
        "category": [t.concept(t.OBSERVATION_CATEGORY, "vital-signs", "Vital Signs")],
        "code": t.concept(t.LOINC, code, display),
        "subject": _patient(record),
        "encounter": _encounter(record),
        "effectiveDateTime": _instant(record.intake_at or record.created_at),
        "performer": [_patient(record)],
    }


def _component(name: str, value: Any) -> Json:
    code, display = _PRESSURE[name]
    return {"code": t.concept(t.LOINC, code, display), "valueQuantity": _quantity(value, "mm[Hg]", "mmHg")}


def _quantity(value: Any, code: str, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": t.UCUM, "code": code}


def clinical_impression(record: VisitRecord, triage: TriageNote, id_: str) -> Json:
    """Give the triage note: marked as asserted by AI, whatever a doctor decided about it afterwards."""
    body = triage.body
    found: Json = {
        "resourceType": "ClinicalImpression",
        "id": id_,
        "meta": {"security": [t.AI_ASSERTED]},
        "text": _narrative(_triage_lines(body)),
        "status": "completed" if triage.decision else "in-progress",
        "code": {"text": "AI-generated triage note"},
        "description": "Generated by software from the patient's intake; a draft until a clinician decides.",
        "subject": _patient(record),
        "encounter": _encounter(record),
        "date": _instant(triage.created_at),
    }
    if findings := [_finding(f) for f in body.get("red_flags") or []]:
        found["finding"] = findings
    if body.get("summary"):
        found["summary"] = str(body["summary"])
    if notes := _notes(body, triage):
        found["note"] = notes
    return found


def _finding(flag: Json) -> Json:
    quote = str(flag.get("quote") or "")
    source = str(flag.get("source") or "")
    found: Json = {"itemCodeableConcept": {"coding": [t.coding(t.RULE, str(flag["rule"]))]}}
    if quote:
        found["itemCodeableConcept"]["text"] = quote
    if source:
        found["basis"] = source
    return found


def _notes(body: Json, triage: TriageNote) -> list[Json]:
    lines = [f"Level: {body.get('level') or 'not triaged, see in arrival order'}"]
    if departments := body.get("departments"):
        lines.append("Departments: " + ", ".join(map(str, departments)))
    if (score := body.get("news2")) and score.get("min") is not None:
        lines.append(f"NEWS2: {score['min']} to {score['max']}; missing: {', '.join(score.get('missing') or ['none'])}")
    lines += [f"Ask: {_question(q)}" for q in body.get("questions") or []]
    if body.get("engine"):
        lines.append(f"Engine: {body['engine']}")
    if triage.decision:
        lines.append(f"Clinician's decision: {triage.decision}")
    return [{"text": line} for line in lines]


def _question(question: Any) -> str:
    return str(question.get("text", question)) if isinstance(question, dict) else str(question)


def _triage_lines(body: Json) -> list[str]:
    lines = ["AI-generated triage note", str(body.get("level") or "not triaged")]
    lines += [f"{f['rule']}: {f.get('quote') or ''}" for f in body.get("red_flags") or []]
    return lines + ([str(body["summary"])] if body.get("summary") else [])


def composition(record: VisitRecord, note: SignedNote, practitioner: PractitionerRecord, id_: str) -> Json:
    """Give the signed note as a document; the signature is the attester."""
    author = {"reference": f"Practitioner/{practitioner.id}", "display": practitioner.display}
    signed_at = _instant(note.signed_at)
    sections = [_section(name, str(note.body[name])) for name in _SECTIONS if note.body.get(name)]
    found: Json = {
        "resourceType": "Composition",
        "id": id_,
        "status": "final",
        "type": t.concept(t.LOINC, "11488-4", "Consult note"),
        "subject": _patient(record),
        "encounter": _encounter(record),
        "date": signed_at,
        "author": [author],
        "title": "Consultation note",
        "attester": [{"mode": "legal", "time": signed_at, "party": author}],
    }
    if sections:
        found["section"] = sections
    return found


def _section(name: str, body: str) -> Json:
    title, code = _SECTIONS[name]
    found: Json = {"title": title}
    if code:
        found["code"] = t.concept(t.LOINC, code)
    return {**found, "text": _narrative([body])}


def _narrative(lines: list[str]) -> Json:
    paragraphs = "".join(f"<p>{escape(_printable(line), quote=False)}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def _printable(text: str) -> str:
    """XML 1.0 has no control characters."""
    return "".join(c for c in text if c >= " " or c in "\n\t")


def _patient(record: VisitRecord) -> Json:
    return {"reference": f"Patient/{record.patient.id}"}


def _encounter(record: VisitRecord) -> Json:
    return {"reference": f"Encounter/{record.id}"}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
