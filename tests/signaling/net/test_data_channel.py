"""Data channels through a real relay process, with aiortc on the other side: exchange, resume, hostile chunks."""

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import DataChunk, serialize_packet

from signaling.net.control import RelayClient
from signaling.net.data_channel import CHANNEL_ID, RECEIVE_WINDOW, DataChannel
from tests.signaling.net.test_aiortc import own_address
from tests.signaling.net.worker_process import Running, relay_process

MUTATIONS = int(os.environ.get("TELECONSULT_FUZZ_SCTP", "400"))
STROKE = {"type": "stroke", "body": {"on": "s_p/camera", "points": [0.1, 0.1, 0.2, 0.2]}}


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Running]:
    address = own_address()
    async with relay_process(tmp_path, options=("--udp", f"{address}:0", "--public-address", address)) as running:
        yield running


@dataclass
class Seat:
    """An aiortc client with one data channel."""

    name: str
    role: str
    connection: RTCPeerConnection
    channel: RTCDataChannel
    heard: list[dict[str, Any]] = field(default_factory=list)

    def say(self, **fields: Any) -> None:
        self.channel.send(json.dumps(fields))

    async def hears(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages of a type."""
        async with asyncio.timeout(60):
            while len(found := [m for m in self.heard if m["type"] == kind]) < count:
                await asyncio.sleep(0.01)
        return found


@contextlib.asynccontextmanager
async def seat(client: RelayClient, name: str, role: str, hello: dict[str, Any] | None = None) -> AsyncIterator[Seat]:
    connection = RTCPeerConnection(RTCConfiguration([]))  # no STUN server: nothing leaves the machine
    opened = Seat(name, role, connection, connection.createDataChannel("room", negotiated=True, id=CHANNEL_ID))
    opened.channel.on("message", lambda text: opened.heard.append(json.loads(text)))
    await connection.setLocalDescription(await connection.createOffer())
    link = f"l_{name}_{id(opened)}"
    answered = await client.publish("room", name, link, connection.localDescription.sdp, {}, role=role)
    await connection.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
    async with asyncio.timeout(60):
        while opened.channel.readyState != "open":
            await asyncio.sleep(0.01)
    opened.say(type="hello", **(hello or {}))
    await opened.hears("welcome")
    try:
        yield opened
    finally:
        await client.close_link("room", link)
        await connection.close()


class TestExchange:
    async def test_doctor_s_stroke_and_device_s_pulse_reach_the_others(self, relay: Running) -> None:
        async with (
            seat(relay.client, "s_d", "doctor") as doctor,
            seat(relay.client, "s_p", "patient") as patient,
            seat(relay.client, "s_box", "device") as device,
        ):
            doctor.say(seq=1, **STROKE)
            (stroke,) = await patient.hears("stroke")
            assert (stroke["from"], stroke["body"]["points"]) == ("s_d", [0.1, 0.1, 0.2, 0.2])
            device.say(type="vitals", seq=1, body={"key": "k", "values": {"heart_rate": 71}})
            (vitals,) = await doctor.hears("vitals")
            assert (vitals["from"], vitals["role"]) == ("s_box", "device")
            assert (await doctor.hears("done"))[0]["seq"] == 1

    async def test_role_is_the_seat_s_and_not_the_message_s(self, relay: Running) -> None:
        async with seat(relay.client, "s_p", "patient") as patient:
            patient.say(seq=1, role="doctor", **STROKE)
            assert (await patient.hears("error"))[0]["code"] == "not-allowed"

    async def test_page_that_reloads_gets_what_it_missed_once(self, relay: Running) -> None:
        async with seat(relay.client, "s_d", "doctor") as doctor:
            async with seat(relay.client, "s_p", "patient") as patient:
                doctor.say(seq=1, **STROKE)
                await patient.hears("stroke")
                room = patient.heard[0]["room"]
            doctor.say(seq=2, **STROKE)
            await doctor.hears("done", 2)
            async with seat(relay.client, "s_p", "patient", {"room": room, "after": 1}) as again:
                missed = await again.hears("stroke")
                assert [m["number"] for m in missed] == [2]
                assert again.heard[0]["resumed"] is True

    async def test_link_without_a_data_line_has_no_channel(self, relay: Running) -> None:
        connection = RTCPeerConnection()
        connection.addTransceiver("audio", direction="sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        answered = await relay.client.publish("room", "s_d", "l_d", connection.localDescription.sdp, {})
        assert "m=application" not in answered.sdp
        await connection.close()


def transport_of(opened: Seat) -> RTCDtlsTransport:
    sctp = opened.connection.sctp
    assert sctp is not None  # it has a channel
    return sctp.transport


class TestHostile:
    @pytest.mark.timeout(300)
    async def test_mutated_chunks_of_one_seat_leave_the_others_alone(self, relay: Running) -> None:
        """TELECONSULT_FUZZ_SCTP sets how many; each comes over an association that has authenticated itself."""
        chance = random.Random(7)
        memory = psutil.Process(relay.process.pid)
        async with seat(relay.client, "s_d", "doctor") as doctor, seat(relay.client, "s_p", "patient") as patient:
            before, sent = memory.memory_info().rss, 0
            while sent < MUTATIONS:
                async with seat(relay.client, "s_x", "expert") as attacker:
                    sent += await attack(attacker, chance)
            doctor.say(seq=1, **STROKE)
            await patient.hears("stroke")
            assert memory.memory_info().rss - before < 64 << 20

    async def test_fragments_without_an_end_cost_one_channel(self, relay: Running) -> None:
        async with seat(relay.client, "s_d", "doctor") as doctor, seat(relay.client, "s_p", "patient") as patient:
            async with seat(relay.client, "s_x", "expert") as attacker:
                sctp = attacker.connection.sctp
                assert sctp is not None  # it has a channel
                for number in range(400):
                    chunk = DataChunk(flags=2)  # the first fragment, again and again
                    chunk.tsn, chunk.stream_id, chunk.user_data = (sctp._local_tsn + number) % 2**32, 1, bytes(1100)
                    chunk.stream_seq, chunk.protocol = number, 51
                    with contextlib.suppress(ConnectionError):
                        await transport_of(attacker)._send_data(packet_of(sctp, bytes(chunk)))
                    if number % 4 == 3:
                        await asyncio.sleep(0.002)  # a flood would be dropped at the link's queue instead
                async with asyncio.timeout(60):
                    while attacker.channel.readyState == "open":
                        await asyncio.sleep(0.01)
            doctor.say(seq=1, **STROKE)
            await patient.hears("stroke")


def packet_of(sctp: Any, chunk: bytes) -> bytes:
    """An SCTP packet of this association, its checksum right."""
    found: bytes = serialize_packet(5000, 5000, sctp._remote_verification_tag, RawChunk(chunk))
    return found


class RawChunk(DataChunk):
    """A chunk of any bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data

    def __bytes__(self) -> bytes:
        return self.data


async def attack(attacker: Seat, chance: random.Random) -> int:
    """Send mutated chunks of every type, with right and wrong lengths; returns how many."""
    sctp = attacker.connection.sctp
    for count in range(40):
        kind = chance.choice((*range(15), 130, 192, chance.randrange(256)))
        body = chance.randbytes(chance.choice((0, 1, 4, 12, 16, 40, 600)))
        length = chance.choice((4 + len(body), 4 + len(body), 0, 3, 65535, chance.randrange(65536)))
        chunk = bytes((kind, chance.randrange(256))) + length.to_bytes(2, "big") + body
        with contextlib.suppress(ConnectionError):
            await transport_of(attacker)._send_data(packet_of(sctp, chunk + bytes(-len(chunk) % 4)))
        if count % 10 == 9:
            await asyncio.sleep(0.002)  # a flood would be dropped at the link's queue instead
    return 40


class TestContract:
    """What of aiortc's private parts the channel stands on."""

    async def test_private_parts_are_as_expected(self) -> None:
        connection = RTCPeerConnection()
        connection.createDataChannel("x")
        sctp = connection.sctp
        assert sctp is not None  # just made
        assert sctp._advertised_rwnd == RECEIVE_WINDOW
        assert sctp.transport._data_receiver is None
        for name in ("_inbound_streams", "_data_channels", "_data_channel_inbound_reset", "_inbound_streams_max"):
            assert hasattr(sctp, name)
        assert not DataChannel(sctp.transport).is_open
        await connection.close()
