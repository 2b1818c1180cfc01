"""The intake: saved as it comes, triaged when final, never lost (README "Patient"; triage.md §8 hazards)."""

from __future__ import annotations

from uuid import UUID

import pytest

from server.keys import TRIAGE
from tests.fakes.triage import FakeTriage
from tests.server.clinic import CHEST_PAIN, CONSENTS, COUGH, PLACE, SYSTEM, Clinic, Person


async def prepared(clinic: Clinic, desk: Person, **consents: bool) -> Person:
    """A patient who comes to the form."""
    patient = await clinic.patient(desk)
    await patient.put("/api/visit/consents", {**CONSENTS, **consents})
    await patient.put("/api/visit/place", PLACE)
    return patient


async def triage_of(doctor: Person, visit_id: str) -> dict[str, object]:
    return (await doctor.get(f"/api/visits/{visit_id}")).body["triage"]


def engine(clinic: Clinic) -> FakeTriage:
    found = clinic.app[TRIAGE]
    assert isinstance(found, FakeTriage)
    return found


class TestPartialSaves:
    """Every answer is kept, complete or not."""

    async def test_a_form_without_a_complaint_is_saved(self, clinic: Clinic) -> None:
        patient = await prepared(clinic, await clinic.staff())
        answer = await patient.put("/api/visit/intake", {"intake": {"age": 34}, "final": False})
        assert (answer.status, answer.body["state"]) == (200, "intake")
        assert (await patient.get("/api/visit")).body["intake"] == {"age": 34}

    async def test_a_final_form_needs_a_complaint(self, clinic: Clinic) -> None:
        patient = await prepared(clinic, await clinic.staff())
        answer = await patient.put("/api/visit/intake", {"intake": {"age": 34, "complaint": "  "}, "final": True})
        assert (answer.status, answer.code, answer.body["pointer"]) == (422, "intake-invalid", "/complaint")

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"age": 34, "age_months": 4}, "/age_months"),
            ({"vitals": {"spo2": "high"}}, "/intake/vitals"),
            ({"complaint": 5}, "/intake/complaint"),
        ],
    )
    async def test_an_answer_that_cannot_be_is_named(
        self, clinic: Clinic, fields: dict[str, object], pointer: str
    ) -> None:
        patient = await prepared(clinic, await clinic.staff())
        answer = await patient.put("/api/visit/intake", {"intake": fields, "final": False})
        assert answer.status == 422
        assert pointer in (answer.body.get("pointer"), answer.body.get("errors", [{}])[0].get("pointer"))

    async def test_the_alarm_is_taken_back_when_the_answer_is(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await prepared(clinic, doctor)
        await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        answer = await patient.put("/api/visit/intake", {"intake": COUGH, "final": False})
        assert answer.body["emergency"] is None
        assert (await doctor.get("/api/queue")).body["rows"] == []

    async def test_the_notice_is_there_again_after_a_reload(self, clinic: Clinic) -> None:
        patient = await prepared(clinic, await clinic.staff())
        await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        seen = (await patient.get("/api/visit")).body["emergency"]
        assert (seen["number"], seen["rules"]) == ("120", ["chest-pain"])

    async def test_the_notice_speaks_the_patients_language(self, clinic: Clinic) -> None:
        patient = await prepared(clinic, await clinic.staff())
        await patient.put("/api/visit/language", {"lang": "zh"})
        answer = await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        assert "请立即拨打 120" in answer.body["emergency"]["text"]


class TestNote:
    """The note is there before the doctor is, and belongs to the newest answers."""

    async def test_a_final_form_has_its_note_and_level(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await prepared(clinic, doctor)
        answer = await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": True})
        assert (answer.body["state"], answer.body["emergency"]["rules"]) == ("triaged", ["chest-pain"])
        triage = await triage_of(doctor, patient.visit_id)
        assert (triage["status"], triage["note"]["level"]) == ("done", "emergency")  # type: ignore[index]

    async def test_edited_answers_make_a_new_note_and_keep_the_old_one(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, COUGH)
        answer = await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": True})
        assert answer.body["state"] == "waiting"
        triage = await triage_of(doctor, patient.visit_id)
        assert (triage["version"], triage["superseded"]) == (2, [1])
        assert (await doctor.get("/api/queue")).body["rows"][0]["level"] == "emergency"

    async def test_the_note_and_the_state_are_one_unit(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        doctor = await clinic.staff()
        patient = await prepared(clinic, doctor)
        with monkeypatch.context() as breaking:
            breaking.setattr("server.intake.takes", explode)
            answer = await patient.put("/api/visit/intake", {"intake": COUGH, "final": True})
        assert answer.status == 500
        assert (await triage_of(doctor, patient.visit_id))["version"] is None
        assert await clinic.state(patient.visit_id) == "intake"

    async def test_a_triage_that_was_cut_off_is_made_up_for_when_waiting_begins(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        doctor = await clinic.staff()
        patient = await prepared(clinic, doctor)
        with monkeypatch.context() as breaking:
            breaking.setattr("server.intake.takes", explode)
            await patient.put("/api/visit/intake", {"intake": COUGH, "final": True})
        assert (await patient.post("/api/visit/wait")).body["state"] == "waiting"
        assert (await triage_of(doctor, patient.visit_id))["status"] == "done"


def explode(*_: object) -> bool:
    raise ZeroDivisionError


class TestEngineAway:
    """A failed engine means "not triaged, see in arrival order", never "routine"."""

    async def test_the_patient_waits_without_a_level(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        engine(clinic).is_failing = True
        patient = await clinic.waiting(doctor, COUGH)
        row = (await doctor.get("/api/queue")).body["rows"][0]
        assert (row["visit_id"], row["level"], row["triage"]) == (patient.visit_id, None, "failed")
        note = (await triage_of(doctor, patient.visit_id))["note"]
        assert (note["level"], "arrival order" in note["level_reason"]) == (None, True)  # type: ignore[index]

    async def test_the_emergency_number_stays_although_there_is_no_note(self, clinic: Clinic) -> None:
        engine(clinic).is_failing = True
        patient = await clinic.waiting(await clinic.staff(), CHEST_PAIN)
        assert (await patient.get("/api/visit")).body["emergency"]["number"] == "120"

    async def test_a_failure_after_an_edit_leaves_no_stale_level(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, CHEST_PAIN)
        engine(clinic).is_failing = True
        await patient.put("/api/visit/intake", {"intake": COUGH, "final": True})
        assert (await doctor.get("/api/queue")).body["rows"][0]["level"] is None


class TestNoToAi:
    """Refusing AI costs nothing but the note."""

    async def test_there_is_no_note_and_no_level(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, CHEST_PAIN, ai=False)
        triage = await triage_of(doctor, patient.visit_id)
        assert (triage["status"], triage["note"]) == ("declined", None)
        async with clinic.database.unit(SYSTEM) as unit:
            assert await unit.triage_notes.versions(UUID(patient.visit_id)) == []

    async def test_the_emergency_number_is_shown_all_the_same(self, clinic: Clinic) -> None:
        patient = await prepared(clinic, await clinic.staff(), ai=False)
        answer = await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        assert answer.body["emergency"]["number"] == "120"

    async def test_they_keep_their_place_among_those_who_said_yes(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        refusing = await clinic.waiting(doctor, COUGH, ai=False)
        clinic.clock.advance(minutes=1)
        agreeing = await clinic.waiting(doctor, COUGH)
        rows = (await doctor.get("/api/queue")).body["rows"]
        assert [row["visit_id"] for row in rows] == [refusing.visit_id, agreeing.visit_id]

    async def test_a_no_that_comes_later_takes_level_and_note_away(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, CHEST_PAIN)
        await patient.put("/api/visit/consents", {**CONSENTS, "ai": False})
        row = (await doctor.get("/api/queue")).body["rows"][0]
        assert (row["level"], row["flags"], row["triage"]) == (None, [], "none")
        assert (await triage_of(doctor, patient.visit_id))["status"] == "declined"

    async def test_a_yes_that_comes_later_makes_the_note(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, COUGH, ai=False)
        await patient.put("/api/visit/consents", CONSENTS)
        assert (await triage_of(doctor, patient.visit_id))["status"] == "done"


class TestConsents:
    """Three separate answers; a no is an answer."""

    async def test_a_no_to_the_consultation_is_kept_and_stops_before_the_form(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        answer = await patient.put("/api/visit/consents", {**CONSENTS, "consultation": False})
        assert answer.body == {
            "state": "requested",
            "consents": {"consultation": False, "ai": True, "recording": False},
        }
        assert (await patient.put("/api/visit/place", PLACE)).code == "consent-needed"

    async def test_repeating_an_answer_adds_no_line(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        for _ in range(3):
            await patient.put("/api/visit/consents", CONSENTS)
        async with clinic.database.unit(SYSTEM) as unit:
            assert len(await unit.consents.history(UUID(patient.visit_id))) == 3


class TestDevices:
    """The device test chooses the rung; it never decides about the place."""

    @pytest.mark.parametrize(
        ("camera", "microphone", "mode"),
        [(True, True, "video"), (False, True, "audio"), (True, False, "text"), (False, False, "text")],
    )
    async def test_what_works_decides_the_rung(self, clinic: Clinic, camera: bool, microphone: bool, mode: str) -> None:
        patient = await prepared(clinic, await clinic.staff())
        body = {"camera": camera, "microphone": microphone, "speaker": True, "network": {"rtt_ms": 40}}
        assert (await patient.post("/api/visit/check", body)).body == {"mode": mode}
        assert (await patient.get("/api/visit")).body["mode"] == mode


class TestLeaving:
    """Leaving before being seen is the patient's; ending a call is the doctor's."""

    async def test_a_patient_who_leaves_is_out_of_the_queue(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        assert (await patient.post("/api/visit/leave")).body["state"] == "left_unseen"
        assert (await patient.post("/api/visit/leave")).body["state"] == "left_unseen"
        assert (await doctor.get("/api/queue")).body["rows"] == []

    async def test_a_patient_does_not_end_a_call(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        await clinic.both_present(patient.visit_id)
        assert (await patient.post("/api/visit/leave")).code == "wrong-state"
