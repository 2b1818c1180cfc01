"""Join links: one browser, POST only (security.md §13, rows 15 and 16)."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.clinic import Clinic


class TestOneBrowser:
    """The first browser has the link; the same browser may come again."""

    async def test_a_hundred_browsers_at_once_are_one_session(self, clinic: Clinic) -> None:
        _, token = await clinic.book(await clinic.staff())
        people = [await clinic.person() for _ in range(100)]
        answers = await asyncio.gather(*(person.post("/api/join", {"token": token}) for person in people))
        assert sorted({answer.code or "joined" for answer in answers}) == ["joined", "link-used-elsewhere"]
        assert sum(answer.status == 200 for answer in answers) == 1

    async def test_another_browser_is_told_what_to_do(self, clinic: Clinic) -> None:
        visit_id, token = await clinic.book(await clinic.staff())
        await clinic.join(token, visit_id)
        answer = await (await clinic.person()).post("/api/join", {"token": token})
        assert (answer.status, answer.code) == (409, "link-used-elsewhere")
        assert "ask the clinic for a new link" in answer.body["detail"]

    async def test_the_same_browser_resumes(self, clinic: Clinic) -> None:
        visit_id, token = await clinic.book(await clinic.staff())
        patient = await clinic.join(token, visit_id)
        assert (await patient.post("/api/join", {"token": token})).body["visit_id"] == visit_id

    async def test_a_join_whose_answer_was_lost_can_be_repeated(self, clinic: Clinic) -> None:
        _, token = await clinic.book(await clinic.staff())
        person = await clinic.person()
        await person.get("/visit")  # the page gives the browser its value before the link is used
        browser = person.cookie("browser")
        await person.post("/api/join", {"token": token})
        person.client.session.cookie_jar.clear()
        again = await person.post("/api/join", {"token": token}, Cookie=f"browser={browser}")
        assert again.status == 200

    async def test_a_session_cookie_alone_does_not_open_the_link_elsewhere(self, clinic: Clinic) -> None:
        visit_id, token = await clinic.book(await clinic.staff())
        patient = await clinic.join(token, visit_id)
        stranger = await clinic.person()
        answer = await stranger.post("/api/join", {"token": token}, Cookie=f"visit={patient.cookie('visit')}")
        assert answer.code == "link-used-elsewhere"


class TestPreviews:
    """Messengers fetch links before people do: nothing they can do uses one up."""

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_fetching_the_page_leaves_the_link_unused(self, clinic: Clinic, method: str) -> None:
        visit_id, token = await clinic.book(await clinic.staff())
        preview = await clinic.person()
        for path in ("/visit", f"/visit?t={token}", f"/visit/{token}", "/api/join"):
            await preview.call(method, path)
        assert (await clinic.join(token, visit_id)).visit_id == visit_id

    async def test_the_token_stands_in_the_fragment(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        answer = await desk.post("/api/visits", {"patient": {"name": "Ada"}, "lang": "en"})
        before, _, after = answer.body["link"].partition("#")
        assert (before.endswith("/visit"), after[:2], len(after)) == (True, "t=", 45)


class TestLife:
    """A link has a time, and says which side of it we are on."""

    async def test_an_unknown_link_is_said_to_be_unknown(self, clinic: Clinic) -> None:
        answer = await (await clinic.person()).post("/api/join", {"token": "x" * 43})
        assert (answer.status, answer.code) == (404, "link-unknown")

    async def test_an_appointments_link_opens_30_minutes_before(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        visit_id, token = await clinic.book(desk, scheduled_at="2026-11-22T10:00:00+00:00")
        person = await clinic.person()
        assert (await person.post("/api/join", {"token": token})).code == "link-not-yet"
        clinic.clock.advance(minutes=30)
        assert (await person.post("/api/join", {"token": token})).body["visit_id"] == visit_id

    async def test_an_appointments_link_closes_4_hours_after(self, clinic: Clinic) -> None:
        _, token = await clinic.book(await clinic.staff(), scheduled_at="2026-11-22T10:00:00+00:00")
        clinic.clock.advance(hours=5, seconds=1)
        assert (await (await clinic.person()).post("/api/join", {"token": token})).code == "link-expired"

    async def test_a_replaced_link_is_said_to_be_revoked(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        visit_id, token = await clinic.book(desk)
        await desk.post(f"/api/visits/{visit_id}/links", {"role": "patient"})
        assert (await (await clinic.person()).post("/api/join", {"token": token})).code == "link-revoked"
