"""server/http/README.md "POST /api/line-tests": bounded rooms at a relay, and what the patient's test leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server import line_tests
from server.auth import passwords
from server.keys import LINE_TESTS
from server.line_tests import LIFE_S
from signaling.media.reports import Quality
from tests.server.clinic import Person
from tests.server.live_clinic import LiveClinic, open_clinic

UP = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
OFFERS = {"up": UP, "down": "v=0"}
FOUND = {"verdict": "small_video", "ways": ["udp", "tcp"], "up_bps": 420_000, "rtt_ms": 62}


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveClinic]:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    async with open_clinic(database_url, tmp_path) as running:
        yield running


def rooms(clinic: LiveClinic) -> list[str]:
    return [asked[1] for asked in clinic.relay.asked if asked[0] == "close_room"]


class TestRoom:
    """One room, two seats, closed after use."""

    async def test_relay_answers_both_offers(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        answer = await doctor.post("/api/line-tests", OFFERS)
        assert (answer.status, answer.body["up"], answer.body["down"]) == (201, f"answer to {UP}", "answer to v=0")
        asked = [asked[:3] for asked in clinic.relay.asked]
        room = answer.body["id"]
        assert asked == [("publish", room, "s_line_up"), ("subscribe_offer", room, "s_line_down")]

    async def test_ended_by_the_page(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        room = (await doctor.post("/api/line-tests", OFFERS)).body["id"]
        assert (await doctor.call("DELETE", f"/api/line-tests/{room}", {})).status == 204
        assert rooms(clinic) == [room]

    async def test_another_person_cannot_end_it(self, clinic: LiveClinic) -> None:
        doctor, other = await clinic.staff(), await clinic.staff("wu@clinic.example")
        room = (await doctor.post("/api/line-tests", OFFERS)).body["id"]
        assert (await other.call("DELETE", f"/api/line-tests/{room}", {})).status == 404
        assert rooms(clinic) == []

    async def test_a_new_test_ends_the_older_one(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        older = (await doctor.post("/api/line-tests", OFFERS)).body["id"]
        await doctor.post("/api/line-tests", OFFERS)
        assert rooms(clinic) == [older]

    async def test_a_patient_may_test_before_the_queue(self, clinic: LiveClinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        assert (await patient.post("/api/line-tests", OFFERS)).status == 201


class TestBounds:
    """A test costs what a call costs, so there are few and they are short."""

    async def test_nobody_can_keep_one_open(self, clinic: LiveClinic, monkeypatch: pytest.MonkeyPatch) -> None:
        doctor = await clinic.staff()
        room = (await doctor.post("/api/line-tests", OFFERS)).body["id"]
        tests = clinic.app[LINE_TESTS]
        await tests.sweep()
        assert rooms(clinic) == []
        begun = clinic.clock.monotonic()
        monkeypatch.setattr(tests, "_now", lambda: begun + LIFE_S + 1)
        await tests.sweep()
        assert rooms(clinic) == [room]

    async def test_one_person_tests_a_few_times(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        statuses = [(await doctor.post("/api/line-tests", OFFERS)).status for _ in range(9)]
        assert statuses == [201] * 8 + [429]

    async def test_tests_do_not_fill_the_relays(self, clinic: LiveClinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(line_tests, "MAX_AT_ONCE", 1)
        first, second = await clinic.staff(), await clinic.staff("wu@clinic.example")
        assert (await first.post("/api/line-tests", OFFERS)).status == 201
        refused = await second.post("/api/line-tests", OFFERS)
        assert (refused.status, refused.code) == (429, "line-test-busy")

    async def test_what_the_relay_cannot_read_is_told(self, clinic: LiveClinic) -> None:
        clinic.relay.refuses["publish"] = "bad_sdp"
        answer = await (await clinic.staff()).post("/api/line-tests", OFFERS)
        assert (answer.status, answer.code) == (400, "bad-sdp")

    async def test_relay_away_is_no_fault_of_the_page(self, clinic: LiveClinic) -> None:
        clinic.relay.refuses["publish"] = "draining"
        answer = await (await clinic.staff()).post("/api/line-tests", OFFERS)
        assert (answer.status, answer.code) == (429, "line-test-busy")


class TestResult:
    """What the doctor sees before joining."""

    async def test_the_patients_line_stands_in_the_case(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        devices = {"camera": True, "microphone": True, "speaker": True}
        assert (await patient.post("/api/visit/check", {**devices, "line": FOUND})).status == 200
        visit = (await doctor.get(f"/api/visits/{patient.visit_id}")).body["visit"]
        assert visit["line_check"] == FOUND

    async def test_an_unknown_verdict_is_refused(self, clinic: LiveClinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        devices = {"camera": True, "microphone": True, "speaker": True}
        line = {"verdict": "<b>great</b>", "ways": []}
        assert (await patient.post("/api/visit/check", {**devices, "line": line})).status == 422

    async def test_a_call_leaves_what_its_lines_were_fit_for(self, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.in_consult()
        visit_id = doctor.person.visit_id
        seat = next(s["seat"] for s in patient.frames[0]["body"]["seats"] if s["role"] == "patient")
        clinic.relay.tell(Quality(visit_id, seat, 3.8, "conversation", ("up_loss",), 0.03, 80.0, 200_000))
        await doctor.hear("quality")
        await doctor.say("end")
        await doctor.state("wrap_up")
        (kept,) = await line_record(doctor.person, visit_id)
        assert (kept["role"], kept["verdict"], kept["reasons"]) == ("patient", "conversation", ["up_loss"])


async def line_record(doctor: Person, visit_id: str) -> list[dict[str, object]]:
    """Return what the visit keeps of its lines; it is written after the pages were told that the call is over."""
    async with asyncio.timeout(60):
        while not (kept := (await doctor.get(f"/api/visits/{visit_id}")).body["visit"]["line_record"]):
            await asyncio.sleep(0)
    return list(kept)
