"""
aiortc's own MediaRelay as a server of WHIP and WHEP, and its load: it decodes and encodes, so it needs real pictures.

    python -m tests.bench.media_relay --http PORT
"""

import argparse
import asyncio
import contextlib
import fractions
import os
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
import av
import numpy as np
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from tests.bench.load import GENERATOR_CORE, Result, cpu_seconds
from tests.bench.servers import free_port, process, until_listening

WIDTH, HEIGHT, FRAMES_PER_S = 640, 480, 30


class Server:
    """One room, as aiortc's documentation shows it."""

    def __init__(self) -> None:
        self._relay = MediaRelay()
        self._tracks: list[object] = []
        self._connections: set[RTCPeerConnection] = set()

    async def whip(self, request: web.Request) -> web.Response:
        connection = self._connection()
        connection.on("track", self._tracks.append)
        return await self._answer(connection, request)

    async def whep(self, request: web.Request) -> web.Response:
        connection = self._connection()
        for track in self._tracks:
            connection.addTrack(self._relay.subscribe(track))  # type: ignore[arg-type]  # MediaStreamTracks
        return await self._answer(connection, request)

    def _connection(self) -> RTCPeerConnection:
        connection = RTCPeerConnection()
        self._connections.add(connection)
        return connection

    @staticmethod
    async def _answer(connection: RTCPeerConnection, request: web.Request) -> web.Response:
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(status=201, text=connection.localDescription.sdp)


class Picture(VideoStreamTrack):
    """640×480, 30 frames/s: a gradient that moves, with some noise, about as hard as a face."""

    def __init__(self) -> None:
        super().__init__()
        self._base = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
        self._noise = np.random.default_rng(1).integers(0, 12, (HEIGHT, WIDTH), dtype=np.uint8)
        self._count = 0
        self._begun = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        self._count += 1
        await asyncio.sleep(max(0.0, self._begun + self._count / FRAMES_PER_S - time.monotonic()))
        grey = np.roll(self._base, 3 * self._count, 1) + np.roll(self._noise, self._count, 0)
        frame = av.VideoFrame.from_ndarray(np.repeat(grey[:, :, None], 3, axis=2), "rgb24")
        frame.pts, frame.time_base = self._count * 90_000 // FRAMES_PER_S, fractions.Fraction(1, 90_000)
        return frame


@contextlib.asynccontextmanager
async def joined(http: aiohttp.ClientSession, url: str, *, sends: bool) -> AsyncIterator[RTCPeerConnection]:
    """A client's connection, up."""
    connection, up = RTCPeerConnection(), asyncio.Event()
    connection.on("connectionstatechange", lambda: up.set() if connection.connectionState == "connected" else None)
    if sends:
        connection.addTrack(AudioStreamTrack())
        connection.addTrack(Picture())
    else:
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    async with http.post(url, data=connection.localDescription.sdp) as response:
        answer = RTCSessionDescription(await response.text(), "answer")
    await connection.setRemoteDescription(answer)
    async with asyncio.timeout(20):
        await up.wait()
    yield connection
    await connection.close()


async def received(connection: RTCPeerConnection) -> int:
    report = await connection.getStats()
    return sum(stat.packetsReceived for stat in report.values() if stat.type == "inbound-rtp")


async def run(seconds: float) -> Result:
    """One room of 1→1; how long a picture is under way is not measured."""
    os.sched_setaffinity(0, {GENERATOR_CORE % (os.cpu_count() or 1)})
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "tests.bench.media_relay", "--http", str(port))
    async with process(*command) as child, aiohttp.ClientSession() as http:
        await until_listening(port)
        async with (
            joined(http, f"{base}/whip/0", sends=True),
            joined(http, f"{base}/whep/0", sends=False) as subscriber,
        ):
            await asyncio.sleep(3)  # until its encoder has the rate it will have
            cpu, count, begun = cpu_seconds(child.pid), await received(subscriber), time.monotonic()
            await asyncio.sleep(seconds)
            cpu, count = cpu_seconds(child.pid) - cpu, await received(subscriber) - count
            window = time.monotonic() - begun
    missing = float("nan")
    return Result(count / window, 1e6 * cpu / max(1, count), missing, missing, missing, missing, cpu / window)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", type=int, required=True)
    server, app = Server(), web.Application()
    app.add_routes([web.post("/whip/0", server.whip), web.post("/whep/0", server.whep)])
    web.run_app(app, host="127.0.0.1", port=parser.parse_args().http, print=None)


if __name__ == "__main__":
    main()
