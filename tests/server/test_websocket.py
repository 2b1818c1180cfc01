"""signaling/README.md "Socket": /api/ws on the real application and a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError

from server.auth import passwords
from server.http import websocket
from server.http.websocket import PageSocket as ServerSocket
from server.http.websocket import Rate
from signaling import messages as m
from signaling.errors import TooFast
from tests.server.live_clinic import LiveClinic, live_clinic, open_clinic


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveClinic]:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    async with open_clinic(database_url, tmp_path) as running:
        yield running


class TestHello:
    """Ticket first, within 5 s."""

    async def test_ticket_seats_the_page(self, clinic: LiveClinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        page = await clinic.page(patient)
        welcome = await page.hear("welcome")
        assert (welcome["re"], welcome["body"]["role"]) == ("1", "patient")
        assert welcome["body"]["visit"] == {"id": patient.visit_id, "state": "waiting"}

    async def test_ticket_works_once(self, clinic: LiveClinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        ticket = await clinic.ticket(patient)
        for expected in ("welcome", "error"):
            socket = await clinic.socket(patient)
            await socket.send_str(json.dumps({"v": 1, "type": "hello", "body": {"ticket": ticket}}))
            assert (await socket.receive_json())["type"] == expected
        assert (await socket.receive()).data == 4401

    async def test_anything_but_hello_is_closed(self, clinic: LiveClinic) -> None:
        person = await clinic.person()
        socket = await clinic.socket(person)
        await socket.send_str('{"v":1,"type":"ping"}')
        assert (await socket.receive_json())["body"]["code"] == "hello-missing"
        assert (await socket.receive()).data == 4408

    async def test_silence_is_closed(self, clinic: LiveClinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(websocket, "HELLO_TIMEOUT_S", 0.01)
        socket = await clinic.socket(await clinic.person())
        assert (await socket.receive_json())["body"]["code"] == "hello-missing"
        assert (await socket.receive()).data == 4408

    async def test_frame_that_is_no_message_is_closed(self, clinic: LiveClinic) -> None:
        socket = await clinic.socket(await clinic.person())
        await socket.send_str("hello?")
        assert (await socket.receive_json())["body"]["code"] == "bad-message"
        assert (await socket.receive()).data == 4408

    async def test_foreign_page_cannot_connect(self, clinic: LiveClinic) -> None:
        with pytest.raises(WSServerHandshakeError) as refused:
            await clinic.socket(await clinic.person(), Origin="https://evil.example")
        assert refused.value.status == 403

    async def test_hello_comes_once(self, clinic: LiveClinic) -> None:
        page = await clinic.page(await clinic.waiting(await clinic.staff()))
        await page.hear("welcome")
        await page.say("hello", {"ticket": "again"})
        assert (await page.hear("error"))["body"]["code"] == "bad-message"


class TestCall:
    """From claim to end over two sockets."""

    async def test_whole_call(self, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.in_consult()
        await patient.say("chat", {"text": "I hear you", "key": "k1"}, seq=1)
        chat = await doctor.hear("chat")
        assert (chat["body"]["text"], chat["body"]["number"]) == ("I hear you", 1)
        assert (await patient.hear("chat"))["ack"] == 1
        await patient.say("publish", {"generation": 1, "sdp": "v=0", "sources": {"0": "camera"}})
        assert (await patient.hear("published"))["body"] == {"generation": 1, "sdp": "answer to v=0"}
        await doctor.say("end")
        await patient.state("wrap_up")
        assert await patient.closed() == 1000
        assert await clinic.state(doctor.person.visit_id) == "wrap_up"

    async def test_history_says_who_did_what(self, clinic: LiveClinic) -> None:
        doctor, _ = await clinic.in_consult()
        await doctor.say("end")
        await doctor.hear("done")
        answer = await doctor.person.get(f"/api/visits/{doctor.person.visit_id}")
        steps = [(line["trigger"], line["actor_kind"]) for line in answer.body["history"]][-3:]
        assert steps == [("claim", "practitioner"), ("both_present", "system"), ("end", "practitioner")]

    async def test_end_over_http_reaches_the_pages(self, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.in_consult()
        answer = await doctor.person.post(f"/api/visits/{doctor.person.visit_id}/end")
        assert answer.status == 200, answer
        await patient.state("wrap_up")
        assert await patient.closed() == 1000

    async def test_release_over_http_gives_the_patient_back(self, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.called()
        answer = await doctor.person.post(f"/api/visits/{doctor.person.visit_id}/release")
        assert answer.status == 200, answer
        await patient.hear("released")
        await patient.state("waiting")

    async def test_waiting_patient_is_told_the_place(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        first = await clinic.waiting(doctor)
        page = await clinic.page(first)
        await page.hear("welcome")
        await clinic.waiting(doctor)
        place = await page.hear("queue")
        assert (place["body"]["position"], place["body"]["ahead"]) == (1, 0)

    async def test_practitioner_reads_presence_in_the_queue(self, clinic: LiveClinic) -> None:
        doctor = await clinic.staff()
        page = await clinic.page(await clinic.waiting(doctor))
        await page.hear("welcome")
        rows = (await doctor.get("/api/queue")).body["rows"]
        assert [row["presence"] for row in rows] == ["present"]


class TestResume:
    """A lost socket loses nothing."""

    async def test_missed_chat_follows(self, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.in_consult()
        key = next(f["body"]["resume_key"] for f in patient.frames if f["type"] == "welcome")
        await patient.socket.close()
        await doctor.hear("seats", lambda body: body["seats"][0]["presence"] == "reconnecting")
        await doctor.say("chat", {"text": "are you there?", "key": "k"})
        await doctor.hear("chat")
        back = await clinic.page(patient.person, resume={"key": key, "ack": patient.ack})
        assert (await back.hear("welcome"))["body"]["resumed"]
        assert (await back.hear("chat"))["body"]["text"] == "are you there?"

    async def test_reloaded_page_takes_its_seat_and_closes_the_older(self, clinic: LiveClinic) -> None:
        _, patient = await clinic.in_consult()
        fresh = await clinic.page(patient.person)
        seat = (await fresh.hear("welcome"))["body"]["seat"]
        assert seat == next(f["body"]["seat"] for f in patient.frames if f["type"] == "welcome")
        assert await patient.closed() == 4409

    async def test_web_restart_in_a_call(self, database_url: str, tmp_path: Path, clinic: LiveClinic) -> None:
        doctor, patient = await clinic.in_consult()
        await patient.say("publish", {"generation": 1, "sdp": "v=0", "sources": {"0": "camera"}})
        await patient.hear("published")
        key = next(f["body"]["resume_key"] for f in patient.frames if f["type"] == "welcome")
        async with live_clinic(clinic.database, tmp_path, clinic.relay) as second:
            ticket = await clinic.ticket(patient.person)
            socket = await second.socket(await second.person())
            hello = {"ticket": ticket, "resume": {"key": key, "ack": patient.ack}}
            await socket.send_str(json.dumps({"v": 1, "type": "hello", "body": hello}))
            welcome = (await socket.receive_json())["body"]
            assert welcome["visit"]["state"] == "in_consult"
            assert welcome["links"] == {"up": "connected"}


class TestRightToBeThere:
    """A revoked session's socket is closed within 2 s."""

    async def test_logout_closes_the_doctors_socket(self, clinic: LiveClinic) -> None:
        doctor, _ = await clinic.called()
        await doctor.person.delete("/api/session")
        async with asyncio.timeout(2.5):
            assert await doctor.closed() == 4401


class TestLimits:
    """What a page may not do."""

    async def test_frame_over_64_kib_is_closed(self, clinic: LiveClinic) -> None:
        page = await clinic.page(await clinic.waiting(await clinic.staff()))
        await page.hear("welcome")
        await page.socket.send_str("x" * 65_537)
        assert await page.closed() == 1009

    async def test_eight_bad_messages_are_the_last(self, clinic: LiveClinic) -> None:
        page = await clinic.page(await clinic.waiting(await clinic.staff()))
        await page.hear("welcome")
        for _ in range(8):
            await page.socket.send_str("{}")
        assert await page.closed() == 4400

    async def test_flood_is_closed(self, clinic: LiveClinic) -> None:
        page = await clinic.page(await clinic.waiting(await clinic.staff()))
        await page.hear("welcome")
        for _ in range(130):
            await page.say("ping")
        assert await page.closed() == 4429

    def test_bucket_fills_again(self) -> None:
        rate = Rate(0.0)
        for _ in range(100):
            rate.take(0.0)
        with pytest.raises(TooFast):
            rate.take(0.0)
        rate.take(0.1)

    async def test_page_that_does_not_read_is_closed_and_nobody_waits(self) -> None:
        class Stuck:
            """A socket whose peer reads nothing."""

            closed: tuple[int, bytes] | None = None

            async def send_str(self, text: str) -> None:
                await asyncio.Event().wait()

            async def close(self, *, code: int, message: bytes) -> None:
                self.closed = (code, message)

        response = Stuck()
        socket = ServerSocket(response)  # type: ignore[arg-type]  # only these two methods are used
        for _ in range(websocket.MAX_QUEUED + 1):
            socket.send(m.ServerEnvelope(m.Pong()))
        await socket.write()
        assert response.closed == (1013, b"too slow")
