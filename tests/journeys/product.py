"""The real product as a child process: `python -m server demo --json …`, for journeys in real browsers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.folders import quick

ROOT = Path(__file__).resolve().parents[2]
# A new database, migrations, demo people and two relays: about 8 s on two busy cores; five times that is a fault.
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
# A relay or the web is restarted in about 2 s; pages notice within 9 s and need 6 s more after a try too early.
BACK_S = 40.0


@dataclass(frozen=True)
class Product:
    """What the demo wrote into its file (DESIGN.md §6)."""

    facts: dict[str, Any]

    @property
    def base_url(self) -> str:
        return str(self.facts["base_url"])

    @property
    def pids(self) -> dict[str, Any]:
        """Processes of this product, as they were at the start."""
        return dict(self.facts["pids"])

    @property
    def doctors(self) -> list[dict[str, str]]:
        return list(self.facts["doctors"])

    @property
    def data_dir(self) -> Path:
        return Path(self.facts["data_dir"])


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(folder: Path, *options: str) -> AsyncIterator[Product]:
    """Start the product with fresh data below `folder`, wait until it is ready, stop it afterwards."""
    description = folder / "demo.json"
    output = (folder / "demo.log").open("wb")
    arguments = ["-m", "server", "demo", "--json", str(description), "--port", str(free_port()), *options]
    environment = {**os.environ, "TMPDIR": quick()}  # where a demo keeps its data
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=output, stderr=output
    )
    try:
        await asyncio.wait_for(_written(description, process), READY_TIMEOUT_S)
        yield Product(json.loads(description.read_text()))
    finally:
        await _stop(process)
        output.close()


def _is_there(path: Path) -> bool:
    return path.exists()


async def _written(description: Path, process: asyncio.subprocess.Process) -> None:
    while not _is_there(description):
        assert process.returncode is None, f"the demo ended: {(description.parent / 'demo.log').read_text()[-2000:]}"
        await asyncio.sleep(0.1)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise


def kill(pid: int) -> None:
    """Kill without warning, as a fault would."""
    os.kill(pid, signal.SIGKILL)


async def pid_of(product: Product, name: str, before: int = 0) -> int:
    """Return the pid of a child of the supervisor, other than `before`: the file keeps only those of the start."""
    deadline = time.monotonic() + BACK_S
    while time.monotonic() < deadline:
        for pid, command in children(product):
            if name in command and pid != before:
                return pid
        await asyncio.sleep(0.2)
    raise AssertionError(f"{name} did not come back")


def children(product: Product) -> list[tuple[int, str]]:
    """Return the supervisor's direct children with their command lines (Linux /proc)."""
    supervisor = int(product.pids["supervisor"])
    pids = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split()
    commands = ((int(pid), Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in pids)
    return [(pid, command.replace(b"\0", b" ").decode()) for pid, command in commands]


@asynccontextmanager
async def staff(product: Product, index: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """A signed-in doctor without a browser: to make visits, or to be the other doctor."""
    headers = {"X-Requested-With": "teleconsult", "Origin": product.base_url}
    async with aiohttp.ClientSession(
        product.base_url, headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True)
    ) as session:
        async with session.post("/api/session", json=product.doctors[index]) as answer:
            assert answer.status == 200, await answer.text()
        yield session


@dataclass(frozen=True)
class Booked:
    """A visit and its patient's link."""

    visit_id: str
    link: str


async def book(product: Product, name: str, lang: str = "en") -> Booked:
    """Make a visit for a new patient."""
    patient = {"name": name, "birth_date": "1964-05-17", "sex": "female", "phone": "+86 10 5555 0101"}
    async with (
        staff(product) as session,
        session.post("/api/visits", json={"patient": patient, "lang": lang}) as answer,
    ):
        assert answer.status == 201, await answer.text()
        made = await answer.json()
        return Booked(made["visit_id"], made["link"])


async def invite(product: Product, visit_id: str, role: str, doctor: int = 0) -> str:
    """Return a link for one more person."""
    async with (
        staff(product, doctor) as session,
        session.post(f"/api/visits/{visit_id}/links", json={"role": role}) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["link"])
