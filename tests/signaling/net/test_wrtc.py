"""libwebrtc outside a browser (@roamhq/wrtc in Node): it sends, receives and restarts ICE through a real relay."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from signaling.net.control import LinkState, OfferReady, RelayClient
from tests.signaling.net.worker_process import relay_process

PROGRAM = Path(__file__).with_name("wrtc_seat.mjs")
COMMAND_TIMEOUT_S = 20.0


class NodeSeat:
    """A Node process with the two links of a seat."""

    def __init__(self, process: asyncio.subprocess.Process, client: RelayClient, seat: str) -> None:
        self.seat, self.up, self.down = seat, f"l_up_{seat}", f"l_down_{seat}"
        self._process, self._client = process, client
        self._turn = asyncio.Lock()

    async def ask(self, name: str, **details: Any) -> Any:
        """Give a command and return its value."""
        assert self._process.stdin is not None and self._process.stdout is not None  # asked for
        async with self._turn, asyncio.timeout(COMMAND_TIMEOUT_S):
            self._process.stdin.write(json.dumps({"name": name, **details}).encode() + b"\n")
            answer = json.loads(await self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer["value"]

    async def publish(self, *, restart: bool = False) -> None:
        sdp = await self.ask("offer", iceRestart=restart)
        sources = {"0": "microphone", "1": "camera"}
        answered = await self._client.publish("room", self.seat, self.up, sdp, sources)
        await self.ask("takeAnswer", sdp=answered.sdp)

    async def subscribe(self, *, restart: bool = False) -> None:
        offered = await self._client.subscribe("room", self.seat, self.down, restart=restart)
        await self.take_offer(offered.sdp, offered.generation)

    async def take_offer(self, sdp: str, generation: int) -> None:
        await self._client.answer("room", self.down, generation, await self.ask("answer", sdp=sdp))

    async def until(self, frames: int, loud: int) -> dict[str, int]:
        """Wait until so many frames and so many loud 10 ms of sound were decoded."""
        async with asyncio.timeout(20):
            while True:
                heard: dict[str, int] = await self.ask("heard")
                if heard["frames"] >= frames and heard["loud"] >= loud:
                    return heard
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def node_seat(client: RelayClient, seat: str) -> AsyncIterator[NodeSeat]:
    node = shutil.which("node")
    assert node, "Node is missing: `make test` installs it"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(node, str(PROGRAM), stdin=pipe, stdout=pipe, limit=1 << 20)
    running = NodeSeat(process, client, seat)
    try:
        yield running
        await running.ask("end")
    finally:
        assert process.stdin is not None  # asked for
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else its pipe warns when the loop is gone


class TestLibwebrtc:
    async def test_two_seats_decode_each_other_before_and_after_an_ice_restart(self, tmp_path: Path) -> None:
        states: list[str] = []

        async def negotiate(client: RelayClient, seats: dict[str, NodeSeat]) -> None:
            async for event in client.events():
                if isinstance(event, OfferReady):
                    await seats[event.link].take_offer(event.sdp, event.generation)
                elif isinstance(event, LinkState):
                    states.append(event.state)

        async with (
            relay_process(tmp_path) as relay,
            node_seat(relay.client, "s_a") as a,
            node_seat(relay.client, "s_b") as b,
            asyncio.TaskGroup() as tasks,
        ):
            negotiating = tasks.create_task(negotiate(relay.client, {a.down: a, b.down: b}))
            for seat in (a, b):
                await seat.subscribe()
                await seat.publish()
            for seat in (a, b):
                heard = await seat.until(frames=20, loud=50)
                assert heard["width"] == 320
            await a.publish(restart=True)
            await b.subscribe(restart=True)
            for seat in (a, b):
                now = await seat.ask("heard")
                await seat.until(frames=now["frames"] + 20, loud=now["loud"] + 50)
            negotiating.cancel()
        assert states.count("connected") == 4 and "lost" not in states
