"""signaling/README.md "Devices": WHIP and WHEP over real HTTP and a real database; the relay is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse

from server.auth import passwords
from server.http import whip
from server.turn import Turn
from server.visit_store import room_actor
from tests.server.live_clinic import LiveClinic, open_clinic

OFFER = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:oldu\r\na=ice-pwd:oldpasswordoldpasswordold\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
)
FRAGMENT = "a=ice-ufrag:newu\r\na=ice-pwd:newpasswordnewpasswordnew\r\n"
SDP, FRAGMENT_TYPE = "application/sdp", "application/trickle-ice-sdpfrag"


@dataclass
class Devices:
    """A visit in consultation, and devices with its tokens."""

    clinic: LiveClinic
    visit_id: str
    whip: str
    whep: str

    async def call(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> ClientResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        person = await self.clinic.person()
        response = await person.client.request(method, path, data=body, headers=sent)
        await response.read()
        return response

    async def post(self, kind: str = "whip", body: str | bytes = OFFER, **headers: str) -> ClientResponse:
        token = self.whip if kind == "whip" else self.whep
        headers = {"Authorization": f"Bearer {token}", "Content_Type": SDP, **headers}
        return await self.call("POST", f"/{kind}/{self.visit_id}", body, **headers)

    async def patch(self, location: str, body: str, **headers: str) -> ClientResponse:
        sent = {"Authorization": f"Bearer {self.whip}", "Content_Type": FRAGMENT_TYPE, **headers}
        return await self.call("PATCH", location, body, **sent)


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveClinic]:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    async with open_clinic(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def devices(clinic: LiveClinic) -> Devices:
    return await devices_of(clinic)


async def devices_of(clinic: LiveClinic, email: str = "lin@clinic.example") -> Devices:
    doctor = await clinic.staff(email)
    patient = await clinic.waiting(doctor)
    assert (await doctor.post(f"/api/visits/{patient.visit_id}/claim")).status == 200
    await clinic.both_present(patient.visit_id)
    tokens = [await clinic.device_token(patient.visit_id, kind) for kind in ("whip", "whep")]
    return Devices(clinic, patient.visit_id, *tokens)


async def code(response: ClientResponse) -> tuple[int, Any]:
    assert response.content_type == "application/problem+json"
    return response.status, (await response.json(content_type=None))["code"]


class TestPublish:
    """POST /whip."""

    async def test_created_with_everything_a_client_needs(self, devices: Devices) -> None:
        response = await devices.post()
        assert (response.status, response.content_type) == (201, SDP)
        assert await response.text() == f"answer to {OFFER}"
        assert response.headers["Location"].startswith(f"/whip/{devices.visit_id}/l_")
        assert response.headers["ETag"].startswith('"')
        assert response.headers["Accept-Patch"] == FRAGMENT_TYPE

    async def test_sound_and_picture_are_two_sources(self, devices: Devices) -> None:
        await devices.post()
        (links,) = devices.clinic.relay.links.values()
        assert [track.source for link in links.values() for track in link.tracks] == ["microphone", "device"]

    async def test_doctor_sees_the_device(self, clinic: LiveClinic) -> None:
        doctor, _ = await clinic.in_consult()
        token = await clinic.device_token(doctor.person.visit_id, "whip")
        await Devices(clinic, doctor.person.visit_id, token, "").post()
        await doctor.hear("seats", lambda body: "device" in [seat["role"] for seat in body["seats"]])


class TestReceive:
    """POST /whep: any number on one token."""

    async def test_five_at_once(self, devices: Devices) -> None:
        answers = await asyncio.gather(*(devices.post("whep") for _ in range(5)))
        assert [answer.status for answer in answers] == [201] * 5
        assert len({answer.headers["Location"] for answer in answers}) == 5

    async def test_receiver_may_come_before_the_publisher(self, devices: Devices) -> None:
        assert (await devices.post("whep")).status == 201

    async def test_many_rooms_at_once(self, clinic: LiveClinic) -> None:
        rooms = [await devices_of(clinic, f"doctor{number}@clinic.example") for number in range(3)]
        kinds = ["whip", "whep", "whep", "whep", "whep", "whep"]
        answers = await asyncio.gather(*(room.post(kind) for room in rooms for kind in kinds))
        assert {answer.status for answer in answers} == {201}


class TestToken:
    """401 with WWW-Authenticate; another visit's token opens nothing."""

    async def test_missing(self, devices: Devices) -> None:
        response = await devices.call("POST", f"/whip/{devices.visit_id}", OFFER, Content_Type=SDP)
        assert await code(response) == (401, "device-token-needed")
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")

    async def test_unknown(self, devices: Devices) -> None:
        assert (await devices.post(Authorization="Bearer nonsense")).status == 401

    async def test_of_the_other_kind(self, devices: Devices) -> None:
        response = await devices.post(Authorization=f"Bearer {devices.whep}")
        assert await code(response) == (404, "not-found")

    async def test_of_another_visit(self, devices: Devices) -> None:
        sent = {"Authorization": f"Bearer {devices.whip}", "Content_Type": SDP}
        response = await devices.call("POST", f"/whip/{uuid4()}", OFFER, **sent)
        assert await code(response) == (404, "not-found")

    async def test_revoked(self, clinic: LiveClinic) -> None:
        doctor, _ = await clinic.in_consult()
        token = await clinic.device_token(doctor.person.visit_id, "whip")
        await doctor.person.delete(f"/api/visits/{doctor.person.visit_id}/links")
        assert (await Devices(clinic, doctor.person.visit_id, token, "").post()).status == 401


class TestRefusals:
    """What is wrong is said."""

    async def test_other_content_type(self, devices: Devices) -> None:
        assert await code(await devices.post(Content_Type="text/plain")) == (415, "sdp-needed")

    async def test_answer_not_accepted(self, devices: Devices) -> None:
        assert await code(await devices.post(Accept="text/html")) == (406, "sdp-not-acceptable")

    async def test_over_32_kib(self, devices: Devices) -> None:
        assert await code(await devices.post(body="v" * 32_769)) == (413, "sdp-too-large")

    async def test_not_utf8(self, devices: Devices) -> None:
        assert await code(await devices.post(body=b"v=0\xff")) == (400, "bad-sdp")

    async def test_relay_cannot_use_it(self, devices: Devices) -> None:
        devices.clinic.relay.refuses["publish"] = "bad_sdp"
        assert await code(await devices.post()) == (400, "bad-sdp")

    async def test_relay_away(self, devices: Devices) -> None:
        devices.clinic.relay.die()
        assert await code(await devices.post()) == (503, "relay-lost")

    async def test_visit_not_open_yet(self, clinic: LiveClinic) -> None:
        patient = await clinic.waiting(await clinic.staff())
        token = await clinic.device_token(patient.visit_id, "whip")
        response = await Devices(clinic, patient.visit_id, token, "").post()
        assert await code(response) == (409, "not-admitted")


class TestSession:
    """PATCH and DELETE on the Location (RFC 9725 §4.2, §4.3)."""

    async def test_trickled_candidates_are_taken(self, devices: Devices) -> None:
        session = await devices.post()
        response = await devices.patch(session.headers["Location"], "a=mid:0\r\n", If_Match=session.headers["ETag"])
        assert response.status == 204

    async def test_ice_restart_has_a_new_etag(self, devices: Devices) -> None:
        session = await devices.post()
        response = await devices.patch(session.headers["Location"], FRAGMENT, If_Match="*")
        assert (response.status, response.content_type) == (200, FRAGMENT_TYPE)
        assert response.headers["ETag"] != session.headers["ETag"]
        assert "a=ice-ufrag:newu\r\n" in await response.text()  # the fake relay's answer repeats the offer

    async def test_old_etag_is_stale_then(self, devices: Devices) -> None:
        session = await devices.post()
        await devices.patch(session.headers["Location"], FRAGMENT, If_Match="*")
        response = await devices.patch(session.headers["Location"], "a=mid:0\r\n", If_Match=session.headers["ETag"])
        assert await code(response) == (412, "stale-session")

    async def test_if_match_is_required(self, devices: Devices) -> None:
        session = await devices.post()
        response = await devices.patch(session.headers["Location"], "a=mid:0\r\n")
        assert await code(response) == (428, "if-match-required")

    async def test_restart_without_credentials(self, devices: Devices) -> None:
        session = await devices.post()
        response = await devices.patch(session.headers["Location"], "a=mid:0\r\n", If_Match="*")
        assert await code(response) == (400, "bad-sdp")

    async def test_unknown_session(self, devices: Devices) -> None:
        response = await devices.patch(f"/whip/{devices.visit_id}/l_000000000000", FRAGMENT, If_Match="*")
        assert await code(response) == (404, "not-found")

    async def test_delete_ends_the_link(self, devices: Devices) -> None:
        session = await devices.post()
        location = session.headers["Location"]
        response = await devices.call("DELETE", location, Authorization=f"Bearer {devices.whip}")
        assert response.status == 200
        assert (await devices.post()).status == 201  # asked after the DELETE, so the relay has carried it out
        assert "close_link" in devices.clinic.relay.kinds()

    async def test_delete_needs_the_token(self, devices: Devices) -> None:
        session = await devices.post()
        assert (await devices.call("DELETE", session.headers["Location"])).status == 401

    async def test_options_say_what_a_post_takes(self, devices: Devices) -> None:
        response = await devices.call("OPTIONS", f"/whip/{devices.visit_id}")
        assert (response.status, response.headers["Accept-Post"]) == (204, SDP)


class TestTurn:
    """A Link header for each TURN address (RFC 9725 §4.6)."""

    async def test_a_device_is_told_the_turn_server(self, devices: Devices, monkeypatch: pytest.MonkeyPatch) -> None:
        turn = Turn(("turn:turn.example", "turns:turn.example"), "s" * 22, 300)
        monkeypatch.setattr(whip, "turn_of", lambda settings: turn)
        links = (await devices.post()).headers.getall("Link")
        assert [link.partition(";")[0] for link in links] == ["<turn:turn.example>", "<turns:turn.example>"]


class TestTokenThatEnds:
    """A session lives by its token: revoked, its link is closed within 2 s."""

    async def test_revoked_token_ends_the_running_link(self, clinic: LiveClinic, devices: Devices) -> None:
        response = await devices.post()
        link = response.headers["Location"].rpartition("/")[2]
        async with clinic.database.unit(room_actor()) as unit:
            await unit.links.revoke(UUID(devices.visit_id))
        async with asyncio.timeout(3):
            while ("close_link", devices.visit_id, link) not in clinic.relay.asked:
                await asyncio.sleep(0.05)

    async def test_a_living_token_keeps_it(self, clinic: LiveClinic, devices: Devices) -> None:
        await devices.post()
        await asyncio.sleep(1.2)  # a look of the rooms
        assert "close_link" not in clinic.relay.kinds()
