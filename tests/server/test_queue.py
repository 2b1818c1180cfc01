"""The console's queue, once and as a stream (README "Staff")."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from server.board import PER_SESSION
from tests.server.clinic import CHEST_PAIN, COUGH, Clinic, Person


async def rows(doctor: Person) -> list[dict[str, Any]]:
    return (await doctor.get("/api/queue")).body["rows"]  # type: ignore[no-any-return]


class TestOrder:
    """Who is more ill first, then who came first."""

    async def test_an_emergency_goes_before_who_came_earlier(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        mild = await clinic.waiting(doctor, COUGH)
        clinic.clock.advance(minutes=10)
        ill = await clinic.waiting(doctor, CHEST_PAIN)
        assert [row["visit_id"] for row in await rows(doctor)] == [ill.visit_id, mild.visit_id]

    async def test_a_patient_sees_the_place_that_the_console_shows(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        mild = await clinic.waiting(doctor, COUGH)
        await clinic.waiting(doctor, CHEST_PAIN)
        place = (await mild.get("/api/visit")).body["queue"]
        assert (place["position"], place["ahead"], place["may_be_overtaken"]) == (2, 1, True)

    async def test_what_was_promised_first_is_kept(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor, COUGH)
        promised = (await rows(doctor))[0]["promised_min"]
        await clinic.waiting(doctor, CHEST_PAIN)
        await patient.post("/api/visit/wait")
        mine = next(row for row in await rows(doctor) if row["visit_id"] == patient.visit_id)
        assert mine["promised_min"] == promised

    async def test_a_row_says_who_claimed_and_since_when_it_waits(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        patient = await clinic.waiting(doctor)
        clinic.clock.advance(minutes=3)
        await colleague.post(f"/api/visits/{patient.visit_id}/claim")
        row = (await rows(doctor))[0]
        assert (row["claimed_by"], row["mine"], row["waited_s"], row["age"]) == ("Dr. Mei", False, 180, 73)


class Stream:
    """An EventSource."""

    def __init__(self, response: Any) -> None:
        self._lines = response.content

    async def next(self) -> dict[str, Any]:
        """Return the next document."""
        async with asyncio.timeout(60):
            while True:
                line = (await self._lines.readline()).decode()
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return found


class TestStream:
    """The newest state at once and on change; nothing queues up."""

    async def test_the_state_comes_at_once(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        await clinic.waiting(doctor)
        async with doctor.client.get("/api/queue/stream") as response:
            assert response.content_type == "text/event-stream"
            assert len((await Stream(response).next())["rows"]) == 1

    async def test_a_change_by_anyone_comes_by_itself(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        async with doctor.client.get("/api/queue/stream") as response:
            stream = Stream(response)
            assert (await stream.next())["rows"] == []
            await clinic.waiting(doctor)
            document = await stream.next()
            while document["counts"]["waiting"] == 0:  # red flags and steps before waiting may come first
                document = await stream.next()
            assert document["counts"]["waiting"] == 1

    async def test_a_burst_of_changes_is_one_document(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        async with doctor.client.get("/api/queue/stream") as response:
            stream = Stream(response)
            await stream.next()
            await asyncio.gather(*(clinic.waiting(doctor) for _ in range(5)))
            seen = []
            while not seen or seen[-1] < 5:
                seen.append((await stream.next())["counts"]["waiting"])
            assert len(seen) <= 4  # five patients with five changes each within about two seconds

    async def test_one_login_opens_so_many_streams(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        opened = [await doctor.client.get("/api/queue/stream") for _ in range(PER_SESSION)]
        answer = await doctor.get("/api/queue/stream")
        for response in opened:
            response.close()
        assert (answer.status, answer.code) == (429, "stream-limit")

    @pytest.mark.parametrize("method", ["HEAD", "POST"])
    async def test_a_stream_is_only_read(self, clinic: Clinic, method: str) -> None:
        doctor = await clinic.staff()
        assert (await doctor.call(method, "/api/queue/stream")).status == 405
