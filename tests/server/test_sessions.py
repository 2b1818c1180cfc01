"""Sessions end by idleness, age and revocation; a login makes a new one (security.md §13, rows 8-10)."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie

from server.auth import accounts
from tests.server.clinic import PASSWORD, Clinic


class TestStaffSession:
    """Idle 15 minutes, absolute 12 hours."""

    async def test_it_lives_when_used_within_15_minutes(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        for _ in range(4):
            clinic.clock.advance(minutes=14)
            assert (await doctor.get("/api/session")).status == 200

    async def test_it_ends_after_15_idle_minutes(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        clinic.clock.advance(minutes=15, seconds=1)
        answer = await doctor.get("/api/session")
        assert (answer.status, answer.code) == (401, "not-signed-in")

    async def test_it_ends_after_12_hours_whatever_the_use(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        for _ in range(12 * 6 - 1):
            clinic.clock.advance(minutes=10)
            assert (await doctor.get("/api/session")).status == 200
        clinic.clock.advance(minutes=10, seconds=1)
        assert (await doctor.get("/api/session")).status == 401


class TestLinkSession:
    """A patient's page may lie idle as long as the link lives; it ends a day after the link."""

    async def test_an_idle_patient_is_still_in_the_queue_after_an_hour(self, clinic: Clinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        clinic.clock.advance(hours=1)
        assert (await patient.get("/api/visit")).body["state"] == "waiting"

    async def test_the_session_is_over_when_link_and_grace_are(self, clinic: Clinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        clinic.clock.advance(hours=48, seconds=1)
        assert (await patient.get("/api/visit")).status == 401


class TestRevocation:
    """What is ended is ended at once."""

    async def test_logging_out_ends_the_session_on_the_server(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        token = doctor.cookie("session")
        assert (await doctor.delete("/api/session")).status == 204
        replay = await (await clinic.person()).get("/api/session", Cookie=f"session={token}")
        assert replay.status == 401

    async def test_disabling_an_account_ends_every_session_of_it(self, clinic: Clinic) -> None:
        doctor = await clinic.staff("lin@clinic.example")
        await accounts.disable(clinic.database, "lin@clinic.example")
        assert (await doctor.get("/api/session")).status == 401

    async def test_withdrawing_the_links_ends_the_patients_session(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.patient(doctor)
        await doctor.delete(f"/api/visits/{patient.visit_id}/links")
        assert (await patient.get("/api/visit")).status == 401

    async def test_a_new_patient_link_ends_the_older_links_session(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.patient(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/links", {"role": "patient"})
        assert (await patient.get("/api/visit")).status == 401

    async def test_a_revoked_session_ends_its_queue_stream_within_seconds(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        token = doctor.cookie("session")
        async with doctor.client.get("/api/queue/stream") as stream:
            assert (await stream.content.readline()).startswith(b"event: queue")
            await doctor.delete("/api/session", Cookie=f"session={token}")
            await asyncio.wait_for(stream.content.read(), 5)
            assert stream.content.at_eof()

    async def test_watching_the_queue_is_not_working(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        async with doctor.client.get("/api/queue/stream") as stream:
            assert (await stream.content.readline()).startswith(b"event: queue")
            clinic.clock.advance(minutes=15, seconds=1)
            await asyncio.wait_for(stream.content.read(), 5)
        assert (await doctor.get("/api/session")).status == 401


class TestLogin:
    """A new id at each login, in a cookie that no script reads."""

    async def test_a_login_never_keeps_the_id_that_came(self, clinic: Clinic) -> None:
        doctor = await clinic.staff("lin@clinic.example")
        before = doctor.cookie("session")
        await doctor.post("/api/session", {"email": "lin@clinic.example", "password": PASSWORD})
        assert doctor.cookie("session") != before
        replay = await (await clinic.person()).get("/api/session", Cookie=f"session={before}")
        assert replay.status == 401

    async def test_an_id_that_was_planted_is_not_adopted(self, clinic: Clinic) -> None:
        await clinic.employ("lin@clinic.example")
        person = await clinic.person()
        answer = await person.post(
            "/api/session", {"email": "lin@clinic.example", "password": PASSWORD}, Cookie="session=planted"
        )
        assert SimpleCookie(answer.headers["Set-Cookie"])["session"].value != "planted"

    async def test_the_cookie_is_for_http_and_this_site_only(self, clinic: Clinic) -> None:
        await clinic.employ("lin@clinic.example")
        person = await clinic.person()
        answer = await person.post("/api/session", {"email": "lin@clinic.example", "password": PASSWORD})
        cookie = SimpleCookie(answer.headers["Set-Cookie"])["session"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")

    async def test_a_console_and_a_patient_page_live_in_one_browser(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        visit_id, token = await clinic.book(doctor)
        await doctor.post("/api/join", {"token": token})
        assert (await doctor.get("/api/visit")).body["id"] == visit_id
        assert (await doctor.get("/api/session")).status == 200
