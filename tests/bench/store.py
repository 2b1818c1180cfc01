"""
Audited, sealed reads and writes beside plain asyncpg storing the same JSON in the clear, in one run.

    python -m tests.bench.store URL [--seconds S] [--clients N]     URL: a migrated, empty database

Each side runs N clients in one process. Plain: one statement, autocommit. Ours: a unit of work with its audit entry.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT, Database
from records.store.key_file import create_key_file, load_keyring
from records.store.patients import NewPatient
from records.store.visits import NewVisit

ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "bench", Purpose.TREAT, "bench")
PATIENTS = 200
PATIENT = NewPatient("王小明", "1953-07-21", "female", "13800138000", "11010119530721002X", "北京市东城区")
DOCUMENT = {"complaint": "胸口疼" * 40, "conditions": ["hypertension"] * 5, "vitals": {"heart_rate": 92, "spo2": 96}}


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


async def rate(work: Callable[[int], Awaitable[object]], clients: int, seconds: float) -> float:
    """How often per second `work` is done by so many clients at once."""
    stop = time.perf_counter() + seconds
    counts = [0] * clients

    async def client(number: int) -> None:
        turn = number
        while time.perf_counter() < stop:
            await work(turn)
            counts[number] += 1
            turn += clients

    started = time.perf_counter()
    await asyncio.gather(*map(client, range(clients)))
    return sum(counts) / (time.perf_counter() - started)


async def seed(database: Database) -> list[tuple[UUID, UUID]]:
    """Patients with a visit and an intake each."""
    made = []
    for _ in range(PATIENTS):
        async with database.unit(ACTOR) as unit:
            patient_id = await unit.patients.create(PATIENT)
            visit = await unit.visits.create(NewVisit(patient_id, state="intake"))
            await unit.intakes.put(visit.id, DOCUMENT, final=False)
            made.append((patient_id, visit.id))
    return made


async def plain_pool(url: str, ids: list[tuple[UUID, UUID]]) -> asyncpg.Pool:
    """A table of JSON in the clear, and a pool as large as ours."""
    pool = await asyncpg.create_pool(url, min_size=10, max_size=20)
    await pool.execute("create table plain (id uuid primary key, content text not null)")
    await pool.executemany("insert into plain values ($1, $2)", [(each[1], json.dumps(DOCUMENT)) for each in ids])
    return pool


async def measure(url: str, clients: int, seconds: float) -> list[tuple[str, float, float]]:
    """(what, plain per second, ours per second) for reads and writes."""
    with tempfile.TemporaryDirectory() as folder:
        create_key_file(Path(folder) / "kek.json")
        database = await Database.open(url, load_keyring(Path(folder) / "kek.json"), clock=WallClock())
    ids = await seed(database)
    pool = await plain_pool(url, ids)
    text = json.dumps(DOCUMENT)

    async def plain_read(turn: int) -> None:
        json.loads(await pool.fetchval("select content from plain where id = $1", ids[turn % PATIENTS][1]))

    async def plain_write(turn: int) -> None:
        await pool.execute("update plain set content = $2 where id = $1", ids[turn % PATIENTS][1], text)

    async def our_read(turn: int) -> None:
        async with database.unit(ACTOR) as unit:
            await unit.intakes.get(ids[turn % PATIENTS][1])

    async def our_identity(turn: int) -> None:
        async with database.unit(ACTOR) as unit:
            await unit.patients.get(ids[turn % PATIENTS][0])

    async def our_write(turn: int) -> None:
        async with database.unit(ACTOR) as unit:
            await unit.intakes.put(ids[turn % PATIENTS][1], DOCUMENT, final=False)

    pairs = [("read a document", plain_read, our_read), ("read an identity", plain_read, our_identity),
             ("write a document", plain_write, our_write)]  # fmt: skip
    results = []
    for name, plain, ours in pairs:
        for work in (plain, ours):
            await rate(work, clients, 0.3)  # warm: pools, prepared statements, keys
        results.append((name, await rate(plain, clients, seconds), await rate(ours, clients, seconds)))
    await pool.close()
    await database.close()
    return results


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    print(f"{'':18}{'plain /s':>10}{'sealed, audited /s':>20}{'ratio':>8}")
    for name, plain, ours in asyncio.run(measure(options.url, options.clients, options.seconds)):
        print(f"{name:18}{plain:10.0f}{ours:20.0f}{ours / plain:8.2f}")


if __name__ == "__main__":
    main()
