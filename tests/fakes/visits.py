"""A visit with everything that projects: patient, doctor, intake, triage note, consents, signed note."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from records.actors import Actor, ActorKind, Purpose
from records.store.accounts import NewAccount
from records.store.database import DEFAULT_TENANT, Database
from records.store.patients import NewPatient
from records.store.visits import NewVisit

INTAKE = {
    "complaint": "胸痛两小时，向左臂放射",
    "age": 45,
    "sex": "male",
    "conditions": ["高血压"],
    "medications": ["aspirin 100 mg"],
    "allergies": ["penicillin"],
    "vitals": {
        "temperature_c": 37.5, "heart_rate": 110, "respiratory_rate": 22, "spo2": 95,
        "systolic_bp": 150, "diastolic_bp": 90, "consciousness": "A",
    },
}  # fmt: skip
TRIAGE = {
    "level": "emergency",
    "red_flags": [{"rule": "chest-pain-radiating", "quote": "胸痛", "source": "own", "level": "emergency"}],
    "departments": ["cardiology"],
    "news2": {"min": 5, "max": 7, "missing": ["oxygen"]},
    "questions": ["Since when exactly?"],
    "summary": "45-year-old man with chest pain.",
    "engine": "rules 1",
}
NOTE = {"reason": "Chest pain", "findings": "Sweating", "assessment": "ACS < 2 h & likely", "plan": "Call 120",
        "safety_net": "If worse, call 120", "mode": "video"}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """Ids of a visit that was made for a test."""

    visit: UUID
    patient: UUID
    doctor: UUID


async def signed_visit(database: Database, name: str = "李四", identity: str = "110101198002030012") -> Seen:
    """Make a visit from booking to signature and project it."""
    system = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.OPERAT, "test")
    async with database.unit(system) as unit:
        patient = await unit.patients.create(
            NewPatient(name, "1980-02-03", "male", "+8613800138000", identity, "武汉市江岸区", "zh")
        )
        doctor = await unit.accounts.create(NewAccount(f"{uuid4()}@clinic", "Dr. Wang", "110-2024", "doctor", "x"))
        visit = (await unit.visits.create(NewVisit(patient, "zh"))).id
        for scope, given in (("consultation", True), ("ai", True), ("recording", False)):
            await unit.consents.record(visit, scope=scope, given=given, text_version="1", at=unit.now)
        await unit.intakes.put(visit, INTAKE, final=True)
        await unit.triage_notes.append(visit, TRIAGE)
        await unit.visits.transition(
            visit, expected={"booked"}, to="waiting", trigger="wait", cause=None, at=datetime.now(UTC)
        )
        await unit.visits.set_level(visit, "emergency")
        await unit.visits.claim(visit, doctor, 60)
        await unit.resources.project(visit)
    as_doctor = Actor(DEFAULT_TENANT, ActorKind.PRACTITIONER, str(doctor), Purpose.TREAT, "test")
    async with database.unit(as_doctor) as unit:
        await unit.notes.put_draft(visit, NOTE, 0)
        await unit.notes.sign(visit, 1)
        await unit.resources.project(visit)
    return Seen(visit, patient, doctor)
