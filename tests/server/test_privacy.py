"""What is written about people: one audit entry per act, no word in a log (security.md §13, rows 42 and 45)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from records.audit.leaf import AuditOutcome
from tests.server.clinic import CONSENTS, COUGH, NOTE, PASSWORD, PLACE, SYSTEM, Clinic, Person

CANARIES = {
    "name": "Zanzibar Quillfeather", "phone": "0898 7733 4411", "identity": "110101195307210091",
    "address": "Lighthouse Lane",
    "complaint": "marmalade-coloured cough", "place": "behind the marzipan bakery", "contact": "uncle Ferdinand",
    "finding": "whistling like a kettle", "email": "quillfeather@canary.example", "reason": "saxophone rehearsal",
}  # fmt: skip


async def whole_visit(clinic: Clinic) -> tuple[Person, Person, list[str]]:
    """A visit full of canaries; returns doctor, patient and every secret that went over the wire."""
    doctor = await clinic.staff(CANARIES["email"])
    given = {"name": CANARIES["name"], "phone": CANARIES["phone"], "identity_number": CANARIES["identity"],
             "address": CANARIES["address"], "birth_date": "1953-07-21"}  # fmt: skip
    visit_id, token = await clinic.book(doctor, patient=given, reason=CANARIES["reason"])
    patient = await clinic.join(token, visit_id)
    path = f"/api/visits/{visit_id}"
    place = {**PLACE, "place": CANARIES["place"], "emergency_contact": CANARIES["contact"]}
    note = {**NOTE, "findings": CANARIES["finding"]}
    calls: list[tuple[Person, str, str, Any]] = [
        (patient, "PUT", "/api/visit/consents", CONSENTS),
        (patient, "PUT", "/api/visit/place", place),
        (
            patient,
            "PUT",
            "/api/visit/intake",
            {"intake": {"complaint": CANARIES["complaint"], "age": "old"}, "final": True},
        ),
        (patient, "PUT", "/api/visit/intake", {"intake": {**COUGH, "complaint": CANARIES["complaint"]}, "final": True}),
        (patient, "POST", "/api/visit/wait", None),
        (doctor, "POST", "/api/session", {"email": CANARIES["email"], "password": "marzipan guess"}),
        (doctor, "GET", "/api/queue", None),
        (doctor, "POST", f"{path}/claim", None),
        (doctor, "GET", path, None),
        (doctor, "PUT", f"{path}/note", note),
        (patient, "GET", f"/static/{CANARIES['name']}", None),
    ]
    for person, method, target, body in calls:
        await person.call(method, target, body, If_Match='"0"')
    await clinic.both_present(visit_id)
    await doctor.post(f"{path}/end")
    await doctor.post(f"{path}/sign", If_Match='"1"')
    await patient.get("/api/visit/summary")
    cookies = [doctor.cookie("session"), patient.cookie("visit"), patient.cookie("browser")]
    return doctor, patient, [token, PASSWORD, "marzipan guess", *(each for each in cookies if each)]


class TestLogs:
    """Events with opaque ids: a whole visit leaves no name, number, word or token."""

    async def test_a_whole_visit_leaves_no_canary_in_any_log_record(
        self, clinic: Clinic, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("asyncio").setLevel(logging.INFO)
            _, _, secrets = await whole_visit(clinic)
        written = "\n".join(
            json.dumps({**vars(record), "text": record.getMessage()}, default=str) for record in caplog.records
        )
        assert "http.request" in written
        assert [each for each in [*CANARIES.values(), *secrets] if each in written] == []

    async def test_a_line_break_in_a_request_makes_no_log_line(
        self, clinic: Clinic, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            await (await clinic.person()).get("/nothing%0d%0a2026-11-22 ERROR forged")
        assert "forged" not in "\n".join(str(vars(record)) for record in caplog.records)


async def entries(clinic: Clinic, after: int = 0) -> list[dict[str, Any]]:
    async with clinic.database.unit(SYSTEM) as unit:
        return [{**each.fields, "number": each.number} for each in await unit.audit.search(after=after, limit=1_000)]


class TestAudit:
    """Every act on a patient's record leaves its entry, refused ones too."""

    async def test_every_call_about_a_patient_is_audited_under_its_request_id(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        path = f"/api/visits/{patient.visit_id}"
        acts: list[tuple[Person, str, str, Any]] = [
            (patient, "GET", "/api/visit", None),
            (patient, "PUT", "/api/visit/language", {"lang": "zh"}),
            (patient, "PUT", "/api/visit/consents", {**CONSENTS, "recording": True}),
            (patient, "PUT", "/api/visit/place", PLACE),
            (patient, "PUT", "/api/visit/intake", {"intake": COUGH, "final": True}),
            (patient, "POST", "/api/visit/check", {"camera": False, "microphone": True, "speaker": True}),
            (doctor, "GET", "/api/queue", None),
            (doctor, "GET", path, None),
            (doctor, "POST", f"{path}/links", {"role": "expert"}),
            (doctor, "POST", f"{path}/claim", None),
            (doctor, "PUT", f"{path}/note", NOTE),
            (doctor, "POST", f"{path}/triage-decision", {"action": "accept"}),
        ]
        unaudited = []
        for person, method, target, body in acts:
            answer = await person.call(method, target, body, If_Match='"0"')
            assert answer.status < 300, (target, answer)
            found = [each for each in await entries(clinic) if each["request"] == answer.headers["X-Request-Id"]]
            if not any(each.get("patient") or each.get("visit") for each in found):
                unaudited.append((method, target))
        assert unaudited == []

    async def test_a_refused_look_at_a_colleagues_patient_is_audited(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        answer = await colleague.get(f"/api/visits/{patient.visit_id}")
        found = [each for each in await entries(clinic) if each["request"] == answer.headers["X-Request-Id"]]
        assert [each["outcome"] for each in found if each["entity_type"] == "unit"] == [AuditOutcome.DENIED.value]
