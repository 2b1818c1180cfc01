"""HTTP and the live rooms together: each change by one is told by the other (README "Patient", signaling/README.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.auth import passwords
from tests.server.clinic import COUGH, NOTE
from tests.server.live_clinic import LiveClinic, PageSocket, open_clinic


@pytest.fixture
async def live(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveClinic]:
    """A clinic whose pages open sockets."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    async with open_clinic(database_url, tmp_path) as clinic:
        yield clinic


class TestWholeVisit:
    """From the link to the summary, over HTTP and WebSocket, as two pages do it."""

    async def test_pages_hear_of_every_change_that_http_makes(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        path = f"/api/visits/{patient.person.visit_id}"
        saved = await doctor.person.put(f"{path}/note", NOTE, If_Match='"0"')
        assert saved.body == {"version": 1}
        assert (await doctor.person.post(f"{path}/end")).body["state"] == "wrap_up"
        await patient.state("wrap_up")
        assert (await doctor.person.post(f"{path}/sign", If_Match='"1"')).body["state"] == "completed"
        assert (await patient.person.get("/api/visit/summary")).body["plan"] == NOTE["plan"]

    async def test_http_knows_of_the_call_that_the_rooms_made(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        seen = (await patient.person.get("/api/visit")).body
        assert (seen["state"], seen["next"], seen["practitioner"]["display"]) == ("in_consult", "call", "Dr. Lin")
        row = (await doctor.person.get("/api/queue")).body["rows"][0]
        assert (row["state"], row["presence"], row["mine"]) == ("in_consult", "present", True)

    async def test_a_release_by_http_sends_the_patient_back_to_waiting(self, live: LiveClinic) -> None:
        doctor, patient = await live.called()
        await doctor.person.post(f"/api/visits/{patient.person.visit_id}/release")
        await patient.state("waiting")


class TestReadings:
    """What the patient measures in the call stands in the doctor's case, with who told it and when."""

    async def test_reading_is_told_at_once_and_stands_in_the_case_once(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        for _ in range(2):  # a page that doubts sends it again
            await patient.say("vitals", {"values": {"heart_rate": 118, "glucose_mmol_l": 5.6}, "key": "k1"})
        told = (await doctor.hear("vitals"))["body"]
        assert (told["role"], told["values"]) == ("patient", {"heart_rate": 118, "glucose_mmol_l": 5.6})
        case = (await doctor.person.get(f"/api/visits/{patient.person.visit_id}")).body
        (kept,) = case["readings"]
        assert {name: kept[name] for name in ("from", "role", "values", "key", "number")} == {
            name: told[name] for name in ("from", "role", "values", "key", "number")
        }

    async def test_the_early_warning_score_follows_and_the_triage_note_stays(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        path = f"/api/visits/{patient.person.visit_id}"
        before = (await doctor.person.get(path)).body
        await patient.say("vitals", {"values": {"heart_rate": 135, "spo2": 90}, "key": "k1"})
        await doctor.hear("vitals")
        after = (await doctor.person.get(path)).body
        assert (before["news2"], after["triage"]) == (None, before["triage"])
        assert (after["news2"]["min"], after["news2"]["told"]) == (6, ["heart_rate", "spo2"])
        assert after["news2"]["at"] == after["readings"][0]["at"]

    async def test_impossible_one_is_refused_and_the_doctor_may_write_one_down(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        await patient.say("vitals", {"values": {"spo2": 300}, "key": "k1"})
        assert (await patient.hear("error"))["body"]["code"] == "bad-message"
        await doctor.say("vitals", {"values": {"spo2": 97}, "key": "k1"})
        assert (await patient.hear("vitals"))["body"]["role"] == "doctor"


class TestLastWords:
    """A page that is closed while its socket is away gives what it wrote by HTTP."""

    async def test_entries_are_stored_once_and_told_to_who_is_there(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        entries = [{"type": "chat", "key": "c1", "text": "I go now"},
                   {"type": "vitals", "key": "v1", "values": {"spo2": 95}}]  # fmt: skip
        await patient.socket.close()
        for _ in range(2):
            assert (await patient.person.post("/api/visit/written", {"entries": entries})).status == 204
        assert (await doctor.hear("chat"))["body"]["text"] == "I go now"
        assert (await doctor.hear("vitals"))["body"]["values"] == {"spo2": 95}
        case = (await doctor.person.get(f"/api/visits/{patient.person.visit_id}")).body
        assert [line["key"] for line in case["chat"]] == ["c1"]
        assert [(one["key"], one["role"]) for one in case["readings"]] == [("v1", "patient")]

    async def test_the_page_that_comes_back_after_all_sends_no_second_line(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        body = {"entries": [{"type": "chat", "key": "c1", "text": "I go now"}]}
        await patient.person.post("/api/visit/written", body)
        await patient.say("chat", {"text": "I go now", "key": "c1"}, seq=1)
        await patient.hear("chat", lambda line: line["key"] == "c1")
        await patient.say("chat", {"text": "next", "key": "c2"}, seq=2)
        await doctor.hear("chat", lambda line: line["key"] == "c2")
        assert [one["body"]["key"] for one in doctor.frames if one["type"] == "chat"] == ["c1", "c2"]

    async def test_what_no_body_has_is_refused_whole(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        entries = [{"type": "chat", "key": "c1", "text": "x"}, {"type": "vitals", "key": "v", "values": {"spo2": 300}}]
        answer = await patient.person.post("/api/visit/written", {"entries": entries})
        assert (answer.code, answer.body["errors"][0]["pointer"]) == ("invalid-body", "/entries/1/values/spo2")
        assert (await doctor.person.get(f"/api/visits/{patient.person.visit_id}")).body["chat"] == []

    async def test_the_doctor_s_page_has_the_same_way(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        path = f"/api/visits/{patient.person.visit_id}/written"
        answer = await doctor.person.post(path, {"entries": [{"type": "chat", "key": "d", "text": "bye"}]})
        assert answer.status == 204
        assert (await patient.hear("chat"))["body"]["role"] == "doctor"

    async def test_nothing_is_added_to_a_visit_that_is_over(self, live: LiveClinic) -> None:
        doctor, patient = await live.in_consult()
        path = f"/api/visits/{patient.person.visit_id}"
        await doctor.person.put(f"{path}/note", NOTE, If_Match='"0"')
        await doctor.person.post(f"{path}/end")
        await doctor.person.post(f"{path}/sign", If_Match='"1"')
        body = {"entries": [{"type": "chat", "key": "c", "text": "x"}]}
        answer = await patient.person.post("/api/visit/written", body)
        assert answer.code == "wrong-state"


class TestPlace:
    """The place that HTTP tells and the one that is pushed are one."""

    async def test_a_pushed_place_is_the_place_that_http_tells(self, live: LiveClinic) -> None:
        doctor = await live.staff()
        await live.waiting(doctor, COUGH)
        second = await live.waiting(doctor, COUGH)
        page = await live.page(second)
        await page.hear("welcome")
        pushed = (await page.hear("queue"))["body"]
        told = (await second.get("/api/visit")).body["queue"]
        assert (pushed["position"], pushed["wait_min"]) == (told["position"], told["wait_min"])


class TestRevocation:
    """What HTTP ends, the socket loses within two seconds (security.md §13, row 9)."""

    async def test_withdrawn_links_close_the_patients_socket(self, live: LiveClinic) -> None:
        doctor = await live.staff()
        patient = await live.waiting(doctor)
        page = await live.page(patient)
        await page.hear("welcome")
        await doctor.delete(f"/api/visits/{patient.visit_id}/links")
        async with asyncio.timeout(2.5):
            assert await page.closed() == 4401

    async def test_logging_out_closes_the_doctors_socket(self, live: LiveClinic) -> None:
        doctor, _ = await live.called()
        await doctor.person.delete("/api/session")
        async with asyncio.timeout(2.5):
            assert await doctor.closed() == 4401


class TestTicket:
    """One use; the seat is the session's (row 20)."""

    async def test_a_ticket_serves_once(self, live: LiveClinic) -> None:
        patient = await live.waiting(await live.staff())
        ticket = await live.ticket(patient)
        first, second = [PageSocket(patient, await live.socket(patient)) for _ in range(2)]
        await first.say("hello", {"ticket": ticket})
        await first.hear("welcome")
        await second.say("hello", {"ticket": ticket})
        assert await second.closed() == 4401
