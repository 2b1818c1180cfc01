"""
FHIR beside a bare handler: requests/s, bundles/s and latencies of both in the same run, and their ratio.

Run `python -m tests.bench.fhir_ratio --patients 100000`, as `make bench` does. PostgreSQL 18 with its usual durability,
encryption and audit on, one web process each, load from this process over keep-alive connections; all of it shares
the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from records.store.migrate import upgrade
from server.adapters.embedded_postgres import EmbeddedPostgres, Place
from server.processes import unprivileged_account
from tests.fakes.hospital import sign_assertion

CONNECTIONS = 16
BUNDLE = 100
BUNDLES_A_TOKEN = 100  # a token lives for 300 s
SEARCHED = 1000  # patients that searches ask for; the import makes more
Request = Callable[["Target", int], Coroutine[Any, Any, None]]


def patient(number: int) -> dict[str, Any]:
    """A patient of usual size, with names that are not ASCII."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:his", "value": f"H{number:08}"}],
        "active": True,
        "name": [{"use": "official", "family": f"欧阳{number}", "given": ["Änne", "Marie"]}],
        "telecom": [{"system": "phone", "value": f"+86138{number:08}", "use": "mobile"}],
        "gender": ("male", "female")[number % 2],
        "birthDate": f"{1930 + number % 90}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "address": [{"city": "武汉市", "line": ["解放大道 1095 号"], "postalCode": "430030"}],
    }


@dataclass
class Target:
    """One of the two servers."""

    name: str
    base: str
    session: aiohttp.ClientSession
    ids: list[str] = field(default_factory=list)

    async def send(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(method, f"{self.base}{path}", data=data) as response:
            answer = await response.read()
            assert response.status < 300, (self.name, method, path, response.status, answer[:500])
            return answer


async def create(target: Target, number: int) -> None:
    target.ids.append(json.loads(await target.send("POST", "/Patient", patient(number)))["id"])


async def read(target: Target, number: int) -> None:
    await target.send("GET", f"/Patient/{target.ids[number * 7919 % len(target.ids)]}")


async def update(target: Target, number: int) -> None:
    id_ = target.ids[number * 7919 % len(target.ids)]
    await target.send("PUT", f"/Patient/{id_}", {**patient(number), "id": id_})


async def search(target: Target, number: int) -> None:
    found = await target.send("GET", f"/Patient?identifier=urn:his|H{number * 7919 % SEARCHED:08}".replace("|", "%7C"))
    assert b'"entry"' in found


async def import_bundle(target: Target, number: int) -> None:
    entries = [
        {"resource": patient(number * BUNDLE + n), "request": {"method": "POST", "url": "Patient"}}
        for n in range(BUNDLE)
    ]
    await target.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


@dataclass
class Measured:
    """One interaction on one server."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def measure(
    target: Target, request: Request, seconds: float, first: int, connections: int = CONNECTIONS
) -> Measured:
    """Send requests back to back over some connections."""
    latencies: list[float] = []
    begun = time.perf_counter()
    numbers = iter(range(first, 1 << 40))

    async def one_connection() -> None:
        while time.perf_counter() - begun < seconds:
            sent = time.perf_counter()
            await request(target, next(numbers))
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*(one_connection() for _ in range(connections)))
    took = time.perf_counter() - begun
    cuts = statistics.quantiles(latencies, n=100)
    return Measured(len(latencies) / took, cuts[49] * 1000, cuts[98] * 1000)


@contextmanager
def process(*arguments: str) -> Iterator[dict[str, Any]]:
    """Start a server of fhir_servers.py; give what it prints."""
    started = subprocess.Popen([sys.executable, "-m", "tests.bench.fhir_servers", *arguments], stdout=subprocess.PIPE)
    try:
        assert started.stdout is not None  # a pipe was asked for
        yield json.loads(started.stdout.readline())
    finally:
        started.terminate()
        started.wait(timeout=10)


@contextmanager
def database() -> Iterator[tuple[str, str]]:
    """A fresh PostgreSQL 18 of our own; URLs for ours and for the bare one."""
    with tempfile.TemporaryDirectory(prefix="tc-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(Place(folder, unprivileged_account()))
        server.prepare()
        server.start()
        try:
            server.wait_ready(time.sleep)
            server.bootstrap()
            url = server.url()
            asyncio.run(upgrade(url))
            yield url, server.url("postgres", "postgres")
        finally:
            server.stop()


@asynccontextmanager
async def target(name: str, access: dict[str, Any]) -> AsyncIterator[Target]:
    """A session with a fresh token where one is needed."""
    headers = {"Content-Type": "application/fhir+json"}
    async with aiohttp.ClientSession() as plain:
        if "token_url" in access:
            form = {
                "grant_type": "client_credentials", "scope": "system/*.cruds",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": sign_assertion(access),
            }  # fmt: skip
            async with plain.post(access["token_url"], data=form) as response:
                headers["Authorization"] = f"Bearer {(await response.json())['access_token']}"
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Target(name, access["base"], session)


ROWS: list[tuple[str, Request, int]] = [
    ("create", create, CONNECTIONS),
    ("read", read, CONNECTIONS),
    ("update", update, CONNECTIONS),
    ("search by identifier", search, CONNECTIONS),
    (f"transaction of {BUNDLE}", import_bundle, 2),
]
HEADER = """| | bare/s | ours/s | ratio | ours p50, p99 ms | bare p50, p99 ms |
| --- | --- | --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Plan:
    """How much of what."""

    patients: int
    seconds: float
    rounds: int


async def fill(access: dict[str, Any], name: str, patients: int) -> float:
    """Import patients by transactions of 100, two at a time; give how many resources a second."""
    begun = time.perf_counter()
    for first in range(0, patients // BUNDLE, BUNDLES_A_TOKEN):
        async with target(name, access) as filled:
            numbers = iter(range(first, min(first + BUNDLES_A_TOKEN, patients // BUNDLE)))

            async def one_connection(filled: Target = filled, numbers: Iterator[int] = numbers) -> None:
                for number in numbers:
                    await import_bundle(filled, number)

            await asyncio.gather(one_connection(), one_connection())
    return patients / (time.perf_counter() - begun)


async def run(sides: dict[str, dict[str, Any]], plan: Plan, admin: str) -> list[str]:
    """Fill both, then measure each row on one and the other in turn; give the table's lines, medians of the rounds."""
    lines = []
    filled = {name: await fill(access, name, plan.patients) for name, access in sides.items()}
    ratio = filled["ours"] / filled["bare"]
    title = f"import of {plan.patients:,} patients, resources"
    lines.append(f"| {title} | {filled['bare']:,.0f} | {filled['ours']:,.0f} | {ratio:.2f} | | |")
    print("\n".join([HEADER, *lines]), flush=True)
    await tidy(admin)
    kept: dict[str, list[str]] = {name: [] for name in sides}
    for row, (label, request, connections) in enumerate(ROWS):
        found: dict[str, list[Measured]] = {name: [] for name in sides}
        for turn in range(plan.rounds):
            for name, access in sides.items():  # next to each other in time, so that a busy neighbour hits both
                async with target(name, access) as measured:
                    measured.ids = kept[name]
                    first = 10_000_000 * (row + 1) + 1_000_000 * turn
                    if request is import_bundle:
                        first //= BUNDLE
                    found[name].append(await measure(measured, request, plan.seconds, first, connections))
        lines.append(_line(label, found["bare"], found["ours"]))
        print(lines[-1], flush=True)
    return lines


def _line(label: str, bare: Sequence[Measured], ours: Sequence[Measured]) -> str:
    ratio = statistics.median(o.per_s / b.per_s for o, b in zip(ours, bare, strict=True))
    rates = [statistics.median(m.per_s for m in side) for side in (bare, ours)]
    delays = [
        ", ".join(f"{statistics.median(getattr(m, name) for m in side):.1f}" for name in ("p50_ms", "p99_ms"))
        for side in (ours, bare)
    ]
    return f"| {label} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f} | {delays[0]} | {delays[1]} |"


async def tidy(admin: str) -> None:
    """Gather statistics once, as autovacuum does within a minute of a large import."""
    for database in ("teleconsult", "postgres"):
        connection = await asyncpg.connect(admin.replace("/postgres?", f"/{database}?"))
        await connection.execute("vacuum analyze")
        await connection.close()


def compare(plan: Plan) -> list[str]:
    """Start both servers on a database of their own and measure."""
    with (
        database() as (url, admin),
        tempfile.TemporaryDirectory() as folder,
        process("bare", admin, "18471") as bare,
        process("ours", url, "18472", folder) as ours,
    ):
        return asyncio.run(run({"bare": bare, "ours": ours}, plan, admin))


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    compare(Plan(arguments.patients, arguments.seconds, arguments.rounds))
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
