"""A real coturn on loopback, as a child of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from server.turn import Turn

SECRET = "a-shared-secret-of-this-test"
STARTS_WITHIN_S = 10.0


@contextlib.asynccontextmanager
async def coturn(folder: Path, *more: str) -> AsyncIterator[Turn]:
    """Run turnserver with server/README.md's mechanism; peers on loopback are allowed since the relay is there."""
    port = _free_port()
    command = [
        "turnserver", "-n", "--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=test", "--no-cli",
        f"--listening-port={port}", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers",
        "--no-tls", "--no-dtls", "--no-rfc5780", "--log-file=stdout", f"--pidfile={folder / 'turn.pid'}",
        f"--userdb={folder / 'turn.db'}", *more,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(port)
        urls = tuple(f"turn:127.0.0.1:{port}?transport={way}" for way in ("udp", "tcp"))
        yield Turn(urls, SECRET, 300)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
