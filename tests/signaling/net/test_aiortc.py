"""aiortc as a client, a WebRTC stack of other people's: it publishes through the relay and receives from it."""

import asyncio
import fractions
from pathlib import Path

import av
import ifaddr
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from signaling.net.control import RelayClient
from tests.signaling.net.worker_process import relay_process


def own_address() -> str:
    """An address that is not loopback, which aioice leaves out of its candidates."""
    addresses = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return next(str(address) for address in addresses if not str(address).startswith("127."))


class Grey(VideoStreamTrack):
    """Ten small frames a second."""

    count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.1)  # the frame rate of a real encoder
        self.count += 1
        frame = av.VideoFrame(160, 120, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes((self.count * 8 % 255,)) * plane.buffer_size)
        frame.pts, frame.time_base = self.count * 9000, fractions.Fraction(1, 90000)
        return frame


async def publish(client: RelayClient) -> RTCPeerConnection:
    connection = RTCPeerConnection()
    connection.addTrack(AudioStreamTrack())
    connection.addTrack(Grey())
    for transceiver in connection.getTransceivers():
        transceiver.direction = "sendonly"
    await connection.setLocalDescription(await connection.createOffer())
    answered = await client.publish("room", "s_a", "l_up", connection.localDescription.sdp, {})
    await connection.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
    return connection


async def subscribe(client: RelayClient) -> RTCPeerConnection:
    connection = RTCPeerConnection()
    connection.addTransceiver("audio", direction="recvonly")
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answered = await client.subscribe_offer("room", "s_b", "l_down", connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
    return connection


class TestAiortc:
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    async def test_publishes_and_decodes_what_it_receives(self, tmp_path: Path) -> None:
        address = own_address()
        options = ("--udp", f"{address}:0", "--public-address", address)
        async with relay_process(tmp_path, options=options) as relay:
            publisher = await publish(relay.client)
            subscriber = await subscribe(relay.client)
            tracks = {t.receiver.track.kind: t.receiver.track for t in subscriber.getTransceivers()}
            async with asyncio.timeout(20):
                picture = await tracks["video"].recv()
                sound = await tracks["audio"].recv()
            assert (picture.width, picture.height, sound.sample_rate) == (160, 120, 48000)
            await subscriber.close()
            await publisher.close()
