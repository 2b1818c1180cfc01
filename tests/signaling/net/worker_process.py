"""A relay process of its own for a test, and a client on its control channel."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from signaling.net.control import RelayClient

ROOT = Path(__file__).resolve().parents[3]

LOOPBACK = ("--udp", "127.0.0.1:0", "--public-address", "127.0.0.1")


@dataclass(frozen=True)
class Running:
    """A relay that listens: its process, its UDP port and a connected client."""

    process: asyncio.subprocess.Process
    port: int
    client: RelayClient
    control: str


@contextlib.asynccontextmanager
async def relay_process(folder: Path, *more: str, options: tuple[str, ...] = LOOPBACK) -> AsyncIterator[Running]:
    """Start a relay on a free loopback port; it ends with the block."""
    control = str(folder / "relay.sock")
    command = ["-m", "signaling.net.worker", "--control", control, *options, *more]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None  # asked for
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        client = await RelayClient.connect(control)
        yield Running(process, ready["udp"], client, control)
        await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 10)
        process._transport.close()  # type: ignore[attr-defined]  # else its pipe warns when the loop is gone
