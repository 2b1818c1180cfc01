"""
Mutated SDPs through every way into the relay, while a call goes on in the same room.

    TELECONSULT_SDP_MUTATIONS=100000 .venv/bin/python -m pytest tests/fuzz/test_hostile_sdp.py
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from signaling.media import sdp
from signaling.media.reports import OfferReady
from signaling.net.control_server import ControlServer
from tests.fuzz.media_mutator import mutate
from tests.signaling.net.planes import PLANES
from tests.signaling.net.virtual_room import VirtualRoom, description

COUNT = int(os.environ.get("TELECONSULT_SDP_MUTATIONS", "1500"))
CHROMIUM = (Path(__file__).resolve().parents[1] / "vectors/sdp/chromium_sendonly.sdp").read_bytes().decode()
FRAGMENT = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:" + "p" * 24 + "\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
)
REFUSALS = {"bad_sdp", "sdp_too_large", "stale_generation", "no_such_link"}
LOOK_EVERY = 50


class Attacker:
    """A third seat of the room: its own links, everything it says is mutated."""

    def __init__(self, room: VirtualRoom, seed: int) -> None:
        self._server, self._random = ControlServer(room.registry, 0), random.Random(seed)
        self._seeds = {
            "publish": [CHROMIUM, description("sendonly", rids=("l", "h")), description("sendrecv", wide=False)],
            "subscribe_offer": [CHROMIUM.replace("a=sendonly", "a=recvonly"), description("recvonly")],
            "add_candidates": [FRAGMENT],
        }
        self.accepted = self.refused = 0

    def strike(self, number: int) -> None:
        """Say one mutated thing. Anything but an answer or a refusal of its own seat is a fault."""
        kind = ("publish", "subscribe_offer", "answer", "add_candidates")[number % 4]
        request: dict[str, Any] = {"room": "room", "seat": "s_evil", "link": f"evil_{kind}_{number // 4 % 3}"}
        if kind == "answer":
            offer = self._ask({"type": "subscribe", **request, "restart": False})["ok"]
            texts = [offer["sdp"].replace("a=sendonly", "a=recvonly").replace("actpass", "active")]
            request["generation"] = offer["generation"]
        else:
            texts = self._seeds[kind]
        if kind == "add_candidates":
            request["link"] = "evil_publish_0"
        seeds = [text.encode() for text in texts]
        text = mutate(self._random, self._random.choice(seeds), seeds).decode("utf-8", "replace")
        request["fragment" if kind == "add_candidates" else "sdp"] = text or "v"
        reply = self._ask({"type": kind, **request, "sources": {"0": "microphone", "1": "camera"}, "role": "patient"})
        if "error" in reply:
            assert reply["error"]["code"] in REFUSALS, (reply, text)
            self.refused += 1
        else:
            self.accepted += 1

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(self._server.answer(json.dumps({"id": 1, **request}).encode())[4:])
        return reply


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", PLANES, ids=["python", "native"])
def test_a_running_call_is_untouched(kind: type) -> None:
    room = VirtualRoom(kind)
    room.publish("s_a")
    doctor = room.join("s_b")
    room.pass_time(1)
    doctor.received()
    attacker = Attacker(room, seed=8)
    for number in range(COUNT // len(PLANES)):
        attacker.strike(number)
        if number % LOOK_EVERY == 0:
            room.pass_time(0.25)
            assert doctor.received(), "the call's picture has stopped"
            for offer in room.told(OfferReady):
                sdp.parse(offer.sdp)  # what the others are told of the attacker is a description still
    assert attacker.accepted > COUNT // 20
    assert attacker.refused > COUNT // 20
    assert set(room.room.ups) <= {"up_s_a", *(f"evil_publish_{n}" for n in range(3))}
    print(f"{kind.__name__}: {attacker.accepted} taken, {attacker.refused} refused")
    room.close()
