"""The doctor's calls: claims, notes, signature, decisions, links (security.md §13, rows 32 and 33)."""

from __future__ import annotations

import asyncio

import pytest

from server.auth.principals import StaffRole
from tests.server.clinic import CHEST_PAIN, COUGH, NOTE, PATIENT, Clinic, Person


async def claimed(clinic: Clinic, doctor: Person) -> str:
    """The path of a visit that the doctor holds."""
    patient = await clinic.waiting(doctor)
    path = f"/api/visits/{patient.visit_id}"
    assert (await doctor.post(f"{path}/claim")).status == 200
    return path


async def ended(clinic: Clinic, doctor: Person) -> str:
    """The path of a visit whose call is over, with a note of version 1."""
    path = await claimed(clinic, doctor)
    await clinic.both_present(path.rpartition("/")[2])
    assert (await doctor.put(f"{path}/note", NOTE, If_Match='"0"')).body == {"version": 1}
    assert (await doctor.post(f"{path}/end")).body == {"state": "wrap_up"}
    return path


class TestClaim:
    """One patient, one doctor."""

    async def test_of_200_claims_at_once_one_wins(self, clinic: Clinic) -> None:
        doctors = [await clinic.staff(f"doctor{n}@clinic.example") for n in range(10)]
        patient = await clinic.waiting(doctors[0])
        path = f"/api/visits/{patient.visit_id}/claim"
        answers = await asyncio.gather(*(doctors[n % 10].post(path) for n in range(200)))
        winners = {n % 10 for n, answer in enumerate(answers) if answer.status == 200}
        assert len(winners) == 1
        assert {answer.code for answer in answers if answer.status != 200} <= {"already-claimed"}

    async def test_claiming_again_is_the_same_claim(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        assert (await doctor.post(f"{path}/claim")).body["state"] == "called"

    async def test_a_colleague_is_told_that_it_is_not_their_own(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        path = await claimed(clinic, doctor)
        answer = await colleague.post(f"{path}/claim")
        assert (answer.status, answer.code, answer.body["by_self"]) == (409, "already-claimed", False)

    async def test_a_released_patient_keeps_the_place(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        first = await clinic.waiting(doctor)
        clinic.clock.advance(minutes=5)
        second = await clinic.waiting(doctor)
        path = f"/api/visits/{first.visit_id}"
        await doctor.post(f"{path}/claim")
        assert (await doctor.post(f"{path}/release")).body == {"state": "waiting"}
        assert (await doctor.post(f"{path}/release")).body == {"state": "waiting"}
        rows = (await doctor.get("/api/queue")).body["rows"]
        assert [row["visit_id"] for row in rows] == [first.visit_id, second.visit_id]

    async def test_a_patient_whose_call_broke_off_waits_again_for_anyone(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        path = await claimed(clinic, doctor)
        await clinic.both_present(path.rpartition("/")[2])
        await clinic.move(path.rpartition("/")[2], "in_consult", "dropped", "lose")
        assert (await doctor.post(f"{path}/release")).body == {"state": "waiting"}
        assert (await colleague.post(f"{path}/claim")).body["state"] == "called"

    async def test_the_rooms_are_told_of_each_change(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        clinic.rooms.changed.clear()
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        assert [str(each) for each in clinic.rooms.changed] == [patient.visit_id]

    async def test_who_is_not_waiting_is_not_claimed(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.patient(doctor)
        answer = await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        assert (answer.status, answer.code) == (409, "wrong-state")


class TestNote:
    """If-Match: nobody overwrites what they did not read."""

    async def test_a_save_without_if_match_is_told_to_send_it(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        answer = await doctor.put(f"{await claimed(clinic, doctor)}/note", NOTE)
        assert (answer.status, answer.code) == (428, "if-match-required")

    @pytest.mark.parametrize("tag", ["*", "one", '"-1"', 'W/"1"', '"1", "2"'])
    async def test_an_if_match_that_is_not_a_version_is_refused(self, clinic: Clinic, tag: str) -> None:
        doctor = await clinic.staff()
        answer = await doctor.put(f"{await claimed(clinic, doctor)}/note", NOTE, If_Match=tag)
        assert (answer.status, answer.code) == (400, "invalid-header")

    async def test_a_stale_save_is_told_the_current_version(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        await doctor.put(f"{path}/note", NOTE, If_Match='"0"')
        answer = await doctor.put(f"{path}/note", {**NOTE, "plan": "other"}, If_Match='"0"')
        assert (answer.status, answer.code, answer.body["current"]) == (412, "stale-version", 1)

    async def test_a_save_whose_answer_was_lost_can_be_repeated(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        await doctor.put(f"{path}/note", NOTE, If_Match='"0"')
        assert (await doctor.put(f"{path}/note", NOTE, If_Match='"0"')).body == {"version": 1}

    async def test_of_many_saves_over_one_version_one_wins(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        saves = (doctor.put(f"{path}/note", {**NOTE, "plan": f"plan {n}"}, If_Match='"0"') for n in range(20))
        assert sorted(answer.status for answer in await asyncio.gather(*saves)) == [200] + [412] * 19

    async def test_a_note_needs_the_claim(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        answer = await doctor.put(f"/api/visits/{patient.visit_id}/note", NOTE, If_Match='"0"')
        assert (answer.status, answer.code) == (409, "not-claimed")


class TestSignature:
    """Signed is final, completed is signed."""

    async def test_signing_completes_the_visit_and_gives_the_patient_the_summary(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        path = f"/api/visits/{patient.visit_id}"
        await doctor.post(f"{path}/claim")
        await clinic.both_present(patient.visit_id)
        await doctor.put(f"{path}/note", NOTE, If_Match='"0"')
        await doctor.post(f"{path}/end")
        assert (await patient.get("/api/visit/summary")).code == "summary-not-ready"
        assert (await doctor.post(f"{path}/sign", If_Match='"1"')).body["state"] == "completed"
        assert (await patient.get("/api/visit")).body["has_summary"] is True

    async def test_signing_twice_is_one_signature(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await ended(clinic, doctor)
        first = await doctor.post(f"{path}/sign", If_Match='"1"')
        clinic.clock.advance(minutes=1)
        assert (await doctor.post(f"{path}/sign", If_Match='"1"')).body == first.body

    async def test_a_signed_note_takes_no_change(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await ended(clinic, doctor)
        await doctor.post(f"{path}/sign", If_Match='"1"')
        answer = await doctor.put(f"{path}/note", {**NOTE, "plan": "x"}, If_Match='"1"')
        assert (answer.status, answer.code) == (409, "already-signed")

    async def test_a_call_is_ended_before_its_note_is_signed(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        await clinic.both_present(path.rpartition("/")[2])
        await doctor.put(f"{path}/note", NOTE, If_Match='"0"')
        assert (await doctor.post(f"{path}/sign", If_Match='"1"')).code == "wrong-state"
        assert (await doctor.get(path)).body["note"]["signed"] is False

    async def test_there_must_be_a_note_to_sign(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        await clinic.both_present(path.rpartition("/")[2])
        await doctor.post(f"{path}/end")
        assert (await doctor.post(f"{path}/sign", If_Match='"0"')).code == "note-needed"

    @pytest.mark.parametrize(("lang", "title"), [("en", "Your visit in short"), ("zh", "本次就诊小结")])
    async def test_the_summary_speaks_the_visits_language(self, clinic: Clinic, lang: str, title: str) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        await patient.put("/api/visit/language", {"lang": lang})
        path = f"/api/visits/{patient.visit_id}"
        await doctor.post(f"{path}/claim")
        await clinic.both_present(patient.visit_id)
        await doctor.put(f"{path}/note", NOTE, If_Match='"0"')
        await doctor.post(f"{path}/end")
        await doctor.post(f"{path}/sign", If_Match='"1"')
        summary = (await patient.get("/api/visit/summary")).body
        assert (summary["texts"]["title"], summary["assessment"]) == (title, "a cold")


class TestTriageDecision:
    """Accept, or say why not."""

    @pytest.mark.parametrize("body", [{"action": "override", "level": "routine"}, {"action": "reject"}])
    async def test_disagreeing_needs_a_reason(self, clinic: Clinic, body: dict[str, str]) -> None:
        doctor = await clinic.staff()
        answer = await doctor.post(f"{await claimed(clinic, doctor)}/triage-decision", body)
        assert (answer.status, answer.code) == (422, "reason-required")

    async def test_an_override_sets_the_level_and_is_kept_with_its_reason(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path = await claimed(clinic, doctor)
        body = {"action": "override", "level": "urgent", "reason": "looks worse than it reads"}
        assert (await doctor.post(f"{path}/triage-decision", body)).body == {"number": 1, "level": "urgent"}
        case = (await doctor.get(path)).body
        decision = case["triage"]["decisions"][0]
        assert (case["visit"]["level"], decision["reason"]) == ("urgent", "looks worse than it reads")

    async def test_without_a_note_there_is_nothing_to_decide_on(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, COUGH, ai=False)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        answer = await doctor.post(f"/api/visits/{patient.visit_id}/triage-decision", {"action": "accept"})
        assert (answer.status, answer.code) == (409, "triage-needed")

    async def test_feedback_counts_overrides_by_direction_and_severity(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        for level in ("emergency", "self-care"):
            path = await claimed(clinic, doctor)  # the note says routine
            body = {"action": "override", "level": level, "reason": "seen"}
            await doctor.post(f"{path}/triage-decision", body)
        await doctor.post(f"{await claimed(clinic, doctor)}/triage-decision", {"action": "accept"})
        found = (await doctor.get("/api/triage/feedback")).body
        assert found["decisions"] == {"accept": 1, "override": 2, "reject": 0}
        assert (found["raised"], found["lowered"], found["severe"]) == (1, 1, 1)
        severe = {"name": "teleconsult_triage_severe_under_total", "labels": {"group": "en"}, "value": 1}
        assert severe in found["figures"]


class TestEmergency:
    """The red button keeps the call and the claim."""

    async def test_escalating_a_waiting_patient_claims_them(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, CHEST_PAIN)
        path = f"/api/visits/{patient.visit_id}"
        assert (await doctor.post(f"{path}/escalate")).body == {"state": "emergency"}
        assert (await doctor.post(f"{path}/escalate")).body == {"state": "emergency"}
        row = (await doctor.get("/api/queue")).body["rows"][0]
        assert (row["mine"], row["level"]) == (True, "emergency")
        assert (await doctor.post(f"{path}/end")).body == {"state": "wrap_up"}


class TestVoid:
    """Entered in error: nothing is deleted, a code says why."""

    async def test_a_voided_visit_is_out_of_the_queue_and_in_the_history(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        path = f"/api/visits/{patient.visit_id}"
        assert (await doctor.post(f"{path}/void", {"reason": "wrong-patient"})).body == {"state": "entered_in_error"}
        assert (await doctor.get("/api/queue")).body["rows"] == []
        assert (await doctor.get(path)).body["history"][-1]["cause"] == "wrong-patient"

    async def test_a_voided_visits_links_and_sessions_end(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/void", {"reason": "wrong-patient"})
        assert (await patient.get("/api/visit")).status == 401

    async def test_free_text_is_no_reason(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        answer = await doctor.post(f"/api/visits/{patient.visit_id}/void", {"reason": "Ada called again"})
        assert answer.code == "invalid-body"


class TestBooking:
    """Idempotency-Key: a repetition makes nothing twice (row 32)."""

    BODY = {"patient": PATIENT, "lang": "en"}

    async def test_fifty_calls_with_one_key_make_one_visit(self, clinic: Clinic) -> None:
        desk = await clinic.staff("desk@clinic.example", StaffRole.DESK)
        calls = (desk.post("/api/visits", self.BODY, Idempotency_Key="key-1") for _ in range(50))
        answers = await asyncio.gather(*calls)
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body["visit_id"] for answer in answers}) == 1

    async def test_the_same_key_with_another_body_is_refused(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        await desk.post("/api/visits", self.BODY, Idempotency_Key="key-1")
        answer = await desk.post("/api/visits", {**self.BODY, "lang": "zh"}, Idempotency_Key="key-1")
        assert (answer.status, answer.code) == (409, "idempotency-conflict")

    async def test_the_link_of_the_last_answer_is_the_one_that_works(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        first = (await desk.post("/api/visits", self.BODY, Idempotency_Key="key-1")).body
        again = (await desk.post("/api/visits", self.BODY, Idempotency_Key="key-1")).body
        assert (await clinic.join(again["link"].partition("#t=")[2], again["visit_id"])).visit_id == first["visit_id"]

    async def test_a_known_identity_number_with_the_same_name_is_the_same_patient(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        body = {"patient": {**PATIENT, "identity_number": "11010119530721002X"}, "lang": "en"}
        one, two = [(await desk.post("/api/visits", body)).body["patient_id"] for _ in range(2)]
        assert one == two

    async def test_a_known_identity_number_with_another_name_is_never_guessed(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        numbered = {**PATIENT, "identity_number": "11010119530721002X"}
        one = (await desk.post("/api/visits", {"patient": numbered, "lang": "en"})).body["patient_id"]
        other = (await desk.post("/api/visits", {"patient": {**numbered, "name": "Bo"}, "lang": "en"})).body[
            "patient_id"
        ]
        assert one != other


class TestInvitations:
    """N seats: every helper has a link of their own."""

    @pytest.mark.parametrize("role", ["caregiver", "interpreter", "expert"])
    async def test_a_helper_joins_in_their_role(self, clinic: Clinic, role: str) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        made = (await doctor.post(f"/api/visits/{patient.visit_id}/links", {"role": role})).body
        helper = await clinic.join(made["link"].partition("#t=")[2], patient.visit_id)
        assert (await helper.get("/api/visit")).body["role"] == role
        assert (await helper.post("/api/tickets")).status == 201

    async def test_a_device_gets_an_address_and_a_token(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        made = (await doctor.post(f"/api/visits/{patient.visit_id}/links", {"role": "device", "kind": "whip"})).body
        assert made["url"].endswith(f"/whip/{patient.visit_id}")
        assert len(made["token"]) == 43

    async def test_a_visit_that_is_over_takes_no_new_link(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        await patient.post("/api/visit/leave")
        answer = await doctor.post(f"/api/visits/{patient.visit_id}/links", {"role": "expert"})
        assert (answer.status, answer.code, answer.body["next"]) == (409, "wrong-state", "over")
