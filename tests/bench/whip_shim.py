"""
The relay alone behind WHIP and WHEP, for the shared load generator: no database, no tokens, rooms by number.

    python -m tests.bench.whip_shim --udp PORT --http PORT [--plane python|native]
"""

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from signaling.net.control import RelayClient, RelayError

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
CLIENT = web.AppKey("client", RelayClient)
NUMBERS = web.AppKey("numbers", list)


async def whip(request: web.Request) -> web.Response:
    """Publish into a room."""
    room, link = request.match_info["room"], _link(request.app)
    text = await request.text()
    return await _answer(request.app[CLIENT].publish(room, "s_publisher", link, text, {}))


async def whep(request: web.Request) -> web.Response:
    """Subscribe to a room."""
    room, link = request.match_info["room"], _link(request.app)
    text = await request.text()
    return await _answer(request.app[CLIENT].subscribe_offer(room, f"s_{link}", link, text))


def _link(app: web.Application) -> str:
    app[NUMBERS][0] += 1
    return f"l_{app[NUMBERS][0]:012x}"


async def _answer(call) -> web.Response:  # type: ignore[no-untyped-def]  # a coroutine of Answered
    try:
        answered = await call
    except RelayError as error:
        return web.Response(status=400, text=str(error))
    headers = {"Content-Type": "application/sdp", "Location": "/"}
    return web.Response(status=201, text=answered.sdp, headers=headers)


async def main() -> None:
    """Start the relay as a child, then the HTTP server; end with SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--udp", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--plane", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        control = os.path.join(folder, "relay.sock")
        command = ["-m", "signaling.net.worker", "--control", control, "--udp", f"127.0.0.1:{options.udp}"]
        child = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--public-address", "127.0.0.1", "--plane", options.plane,
            stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
        )  # fmt: skip
        assert child.stdout is not None  # asked for
        await child.stdout.readline()
        client = await RelayClient.connect(control)
        app = web.Application()
        app[CLIENT], app[NUMBERS] = client, [0]
        app.add_routes([web.post("/whip/{room}", whip), web.post("/whep/{room}", whep)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", options.http).start()
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        async for _ in _until(client, stop):
            pass
        await runner.cleanup()
        await client.close()
        child.terminate()
        await child.wait()


async def _until(client: RelayClient, stop: asyncio.Event):  # type: ignore[no-untyped-def]  # an async generator of events
    """Read events away until told to stop."""
    stopping = asyncio.create_task(stop.wait())
    events = client.events()
    while not stopping.done():
        reading = asyncio.ensure_future(anext(events))
        await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            yield reading.result()
        else:
            reading.cancel()


if __name__ == "__main__":
    asyncio.run(main())
