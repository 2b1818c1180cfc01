"""The whole visit by a scripted HTTP client; only the meeting itself (media) is the live rooms'."""

from __future__ import annotations

from tests.server.clinic import CHEST_PAIN, CONSENTS, COUGH, NOTE, PLACE, Clinic


class TestWholeVisit:
    """README "Patient" and "Staff": from the link to the summary."""

    async def test_a_script_can_do_the_entire_visit(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        waiting = (await patient.get("/api/visit")).body
        assert (waiting["state"], waiting["queue"]["position"]) == ("waiting", 1)
        row = (await doctor.get("/api/queue")).body["rows"][0]
        assert (row["visit_id"], row["triage"], row["state"]) == (patient.visit_id, "done", "waiting")
        of_visit = f"/api/visits/{patient.visit_id}"
        assert (await doctor.post(f"{of_visit}/claim")).body["state"] == "called"
        case = (await doctor.get(of_visit)).body
        assert case["triage"]["note"]["level"] is not None
        assert case["place"]["place"] == PLACE["place"]
        await clinic.both_present(patient.visit_id)
        saved = await doctor.put(f"{of_visit}/note", NOTE, If_Match='"0"')
        assert saved.body == {"version": 1}
        assert (await doctor.post(f"{of_visit}/end")).body["state"] == "wrap_up"
        signed = await doctor.post(f"{of_visit}/sign", If_Match='"1"')
        assert signed.body["state"] == "completed"
        summary = (await patient.get("/api/visit/summary")).body
        assert (summary["plan"], summary["practitioner"]["display"]) == ("rest and fluids", "Dr. Lin")


class TestOrder:
    """Steps out of order name the step to do first."""

    async def test_intake_before_consent_names_the_consents(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        answer = await patient.put("/api/visit/intake", {"intake": COUGH, "final": False})
        assert (answer.status, answer.code, answer.body["next"]) == (409, "consent-needed", "consents")

    async def test_intake_before_place_names_the_place(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        await patient.put("/api/visit/consents", CONSENTS)
        answer = await patient.put("/api/visit/intake", {"intake": COUGH, "final": False})
        assert (answer.status, answer.code) == (409, "place-needed")

    async def test_waiting_before_the_intake_is_final_names_the_intake(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        await patient.put("/api/visit/consents", CONSENTS)
        await patient.put("/api/visit/place", PLACE)
        await patient.put("/api/visit/intake", {"intake": COUGH, "final": False})
        answer = await patient.post("/api/visit/wait")
        assert (answer.status, answer.code, answer.body["next"]) == (409, "wrong-state", "intake")


class TestRedFlag:
    """A red flag is answered at once; staff are alerted, the form is kept."""

    async def test_a_red_flag_in_a_partial_form_shows_the_number_at_once(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        await patient.put("/api/visit/consents", CONSENTS)
        await patient.put("/api/visit/place", PLACE)
        answer = await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        assert answer.body["emergency"]["number"] == "120"
        assert (await patient.get("/api/visit")).body["intake"] == CHEST_PAIN

    async def test_staff_see_the_alarm_before_the_patient_waits(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.patient(doctor)
        await patient.put("/api/visit/consents", CONSENTS)
        await patient.put("/api/visit/place", PLACE)
        await patient.put("/api/visit/intake", {"intake": CHEST_PAIN, "final": False})
        queue = (await doctor.get("/api/queue")).body
        assert [(row["visit_id"], row["level"]) for row in queue["rows"]] == [(patient.visit_id, "emergency")]
        assert queue["counts"]["alerts"] == 1
