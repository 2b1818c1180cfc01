"""records/README.md "Rotation": `kill -9` in the middle of a step, under load: no read fails, a second run finishes."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from records.store.inspection import inspect
from records.store.rotation import SETTLED_AFTER, Rotation

from .conftest import SYSTEM, WANG, Store
from .test_rotation import filled, versions_in_use

ROOT = Path(__file__).resolve().parents[3]
# Rotates one level as `python -m server keys` does, and stops for ever inside the transaction of its second item.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from records.store import rotation, sealed_cells
from records.store.database import Database
from records.store.key_file import load_keyring
from records.store.patients import Patients
from tests.records.store.conftest import SYSTEM, TestClock

url, key_file, level, patient = sys.argv[1:]
calls = 0

def stopping(act):
    async def stopped(*arguments):
        global calls
        found = await act(*arguments)
        calls += 1
        if calls == 2:
            print("in the middle", flush=True)
            await asyncio.sleep(3600)
        return found
    return stopped

rotation.BATCH = 3
rotation._rewrap_patient_key = stopping(rotation._rewrap_patient_key)
Patients.reindex = stopping(Patients.reindex)
if level == "patient_key":
    sealed_cells._reseal_table = stopping(sealed_cells._reseal_table)

async def main():
    database = await Database.open(url, load_keyring(Path(key_file)), clock=TestClock())
    rotating = rotation.Rotation(database, SYSTEM)
    if level == "patient_key":
        from uuid import UUID
        await rotating.rotate_patient(UUID(patient))
        return
    await rotating.add(level)
    sweep = {"tenant_key": rotating.sweep_tenant, "index_key": rotating.sweep_index}[level]
    while (await sweep()).left:
        pass

asyncio.run(main())
"""


class Readers:
    """Reads and finds one patient all the time, in three tasks; a failed read fails the test."""

    def __init__(self, store: Store) -> None:
        self._store, self._is_over, self.count = store, asyncio.Event(), 0

    async def __aenter__(self) -> "Readers":
        self._tasks = [asyncio.create_task(self._read()) for _ in range(3)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over.set()
        await asyncio.gather(*self._tasks)

    async def _read(self) -> None:
        patient_id = await self._store.patient()
        while not self._is_over.is_set():
            async with self._store.database.unit(SYSTEM) as unit:
                assert (await unit.patients.get(patient_id)).name == WANG.name
                assert patient_id in await unit.patients.find_by_phone("13800138000")
            self.count += 1

    async def have_read(self, more: int = 3) -> None:
        wanted = self.count + more
        async with asyncio.timeout(60):
            while self.count < wanted:
                await asyncio.sleep(0)


async def killed(store: Store, level: str, patient: object) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, store.url, str(store.key_file), level, str(patient), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        assert await process.stdout.readline() == b"in the middle\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def settled(store: Store) -> None:
    """Wait until PostgreSQL has noticed that the killed client is gone and released its rows."""
    others = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"
    async with asyncio.timeout(60):
        while True:
            async with store.database.engine.connect() as connection:
                if not (await connection.execute(text(others))).scalar():
                    return
            await asyncio.sleep(0.05)


class TestKilled:
    @pytest.mark.parametrize("level", ["tenant_key", "index_key"])
    async def test_a_tenants_level(self, store: Store, level: str) -> None:
        patients = [await store.patient() for _ in range(8)]
        rotation = Rotation(store.database, SYSTEM)
        async with Readers(store) as readers:
            await readers.have_read()
            await killed(store, level, patients[0])
            await readers.have_read()
            sweep = {"tenant_key": rotation.sweep_tenant, "index_key": rotation.sweep_index}[level]
            async with asyncio.timeout(60):
                while (await sweep()).left:
                    pass
            await readers.have_read()
            store.clock.advance(SETTLED_AFTER.total_seconds() + 1)
            assert await rotation.retire(level) == 1
            await readers.have_read()
        assert (await inspect(store.database, SYSTEM)).broken == ()

    async def test_a_patients_level(self, store: Store) -> None:
        patient_id = await filled(store)
        rotation = Rotation(store.database, SYSTEM)
        async with Readers(store) as readers:
            await killed(store, "patient_key", patient_id)
            await settled(store)
            assert await versions_in_use(store) == {1}  # the new key went with its transaction
            await rotation.rotate_patient(patient_id)
            await readers.have_read()
        assert await versions_in_use(store) == {1, 2}  # the readers' own patients keep theirs
        assert (await inspect(store.database, SYSTEM)).broken == ()
