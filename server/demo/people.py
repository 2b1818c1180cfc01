"""The demo clinic's made-up people. Telephone numbers are from ranges that are never given to anyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from records.store.patients import Identifier, NewPatient

HOSPITAL = "urn:teleconsult:demo:mrn"


@dataclass(frozen=True, slots=True)
class DemoStaff:
    """A member of staff who can log in."""

    email: str
    display: str
    registration_number: str | None
    role: str = "doctor"


@dataclass(frozen=True, slots=True, repr=False)
class DemoPatient:
    """A patient and what they answer."""

    patient: NewPatient
    place: str
    callback: str
    intake: Mapping[str, Any]
    waits: bool = True
    """False: stops after the triage note, before the queue."""
    consents: Mapping[str, bool] = field(default_factory=lambda: {"consultation": True, "ai": True, "recording": False})


DOCTORS = (
    DemoStaff("lin@demo.example", "Dr Lin Wei 林伟", "110000000000001"),
    DemoStaff("okafor@demo.example", "Dr Ada Okafor", "110000000000002"),
)

ROOM_DOCTOR = DemoStaff("rooms@demo.example", "Demo Rooms", "110000000000009")
"""Holds the open consultations for devices, so that the doctors' own lists stay short."""

OFFICER = DemoStaff("privacy@demo.example", "Ming Zhou 周明", None, "privacy")
"""The privacy officer: reviews, holds and erases, sees no clinical content."""

PATIENTS = (
    DemoPatient(
        NewPatient("Thomas Berger", "1969-04-02", "male", "+49 1511 0000001", lang="en",
                   identifiers=(Identifier(HOSPITAL, "D-1001"),)),
        "Hotel Garden, room 12, Chengdu", "+49 1511 0000001",
        {"age": 57, "sex": "male", "complaint": "Pressing chest pain going into my left arm since an hour, sweating",
         "conditions": ["hypertension"], "medications": ["amlodipine"], "allergies": [],
         "vitals": {"heart_rate": 104, "systolic_bp": 150, "spo2": 95}},
    ),
    DemoPatient(
        NewPatient("王秀英", "1957-11-20", "female", "+86 10 0000 0002", lang="zh",
                   identifiers=(Identifier(HOSPITAL, "D-1002"),)),
        "成都市武侯区示例路2号", "+86 10 0000 0002",
        {"age": 69, "sex": "female", "complaint": "发烧三天，咳嗽有黄痰，走路气短", "conditions": ["糖尿病"],
         "medications": ["二甲双胍"], "allergies": ["青霉素"],
         "vitals": {"temperature_c": 38.6, "respiratory_rate": 22, "spo2": 94, "heart_rate": 98}},
    ),
    DemoPatient(
        NewPatient("Maria Santos", "1996-02-11", "female", "+63 2 0000 0003", lang="en",
                   identifiers=(Identifier(HOSPITAL, "D-1003"),)),
        "At home, Example Street 3, Chengdu", "+63 2 0000 0003",
        {"age": 30, "sex": "female", "complaint": "Burning when I pass urine for two days, no fever, no back pain",
         "conditions": [], "medications": [], "allergies": []},
    ),
    DemoPatient(
        NewPatient("李小明", "2022-06-01", "male", "+86 10 0000 0004", lang="zh",
                   identifiers=(Identifier(HOSPITAL, "D-1004"),)),
        "成都市锦江区示例街4号", "+86 10 0000 0004",
        {"age": 4, "sex": "male", "complaint": "流鼻涕，轻微咳嗽两天，没有发烧，精神好", "conditions": [],
         "medications": [], "allergies": []},
        waits=False,
    ),
)  # fmt: skip

INVITED = NewPatient("Demo Patient", "1984-05-17", "female", "+86 10 0000 0009", lang="en",
                     identifiers=(Identifier(HOSPITAL, "D-1009"),))  # fmt: skip
"""Whose link is printed: everything is still to be answered."""


def in_room(number: int) -> NewPatient:
    """Return the patient of one open consultation for devices."""
    return NewPatient(f"Room {number}", lang="en", identifiers=(Identifier(HOSPITAL, f"R-{number}"),))
