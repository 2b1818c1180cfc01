"""records/README.md "Backup": what was dumped comes back equal, opens, and has a sound chain."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text, update

from records.erasure import ErasureBasis
from records.errors import KeyDestroyed
from records.store.audit_log import verify, write_checkpoint
from records.store.backup import BackupFailed, Place, drill, dump, has_tables, restore, server_major
from records.store.database import DEFAULT_TENANT, Database
from records.store.inspection import inspect
from records.store.key_file import load_keyring
from records.store.tables import patient
from server.adapters.embedded_postgres import LOGIN_ROLE
from server.adapters.postgres_binaries import find_binaries
from server.processes import unprivileged_account

from .conftest import SYSTEM, WANG, Store

Url = Callable[[str], str]


@pytest.fixture
async def place(store: Store, cluster: object) -> Place:
    admin: Url = cluster.admin  # type: ignore[attr-defined]  # tests.conftest.Cluster
    url = admin(name_of(store.url))
    return Place(find_binaries(None, unprivileged_account(), await server_major(url)).folder, url, LOGIN_ROLE)


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


class TestDrill:
    """Dump, restore, compare, open, verify."""

    async def test_everything_comes_back(self, store: Store, place: Place, cluster: object) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.intakes.put(visit.id, {"complaint": "胸口疼"}, final=True)
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        async with drill(place, store.folder / "backup") as restored:
            assert (restored.differences, restored.rows > 10) == ((), True)
            login: Url = cluster.login  # type: ignore[attr-defined]  # tests.conftest.Cluster
            url = login(name_of(restored.url))
            again = await Database.open(url, load_keyring(store.key_file), clock=store.clock)
            try:
                found = await inspect(again, SYSTEM)
                assert (found.broken, found.opened) == ((), 8)
                assert (await verify(again, DEFAULT_TENANT, store.folder)).is_sound
            finally:
                await again.close()

    async def test_files_are_private_and_keys_stand_apart(self, store: Store, place: Place) -> None:
        await store.patient()
        await dump(place, store.folder / "backup")
        names = {path.name: path.stat().st_mode & 0o777 for path in (store.folder / "backup").iterdir()}
        assert names == {"records.dump": 0o600, "keys.dump": 0o600}

    async def test_failure_is_told_in_the_programs_words(self, store: Store, place: Place, tmp_path: Path) -> None:
        with pytest.raises(BackupFailed, match="pg_restore"):
            await restore(place, tmp_path)


def failing(place: Place, folder: Path, program: str, limit: str) -> Place:
    """PostgreSQL's programs, one of which meets a full disk: a limit of the shell stops its writing half way."""
    folder.mkdir()
    for each in ("pg_dump", "pg_restore"):
        script = f"#!/bin/sh\n{limit if each == program else ':'}\nexec {place.programs}/{each} \"$@\"\n"
        (folder / each).write_text(script)
        (folder / each).chmod(0o755)
    return Place(folder, place.url, place.owner)


class TestInterrupted:
    """What is cut off leaves the backup of yesterday, and nothing half restored."""

    async def test_a_full_disk_leaves_the_older_backup_whole(self, store: Store, place: Place, tmp_path: Path) -> None:
        backup = store.folder / "backup"
        await store.patient()
        await dump(place, backup)
        before = {path.name: path.read_bytes() for path in backup.iterdir()}
        await store.patient()
        with pytest.raises(BackupFailed):
            await dump(failing(place, tmp_path / "programs", "pg_dump", "ulimit -c 0; ulimit -f 20"), backup)
        assert {name: (backup / name).read_bytes() for name in before} == before
        await dump(place, backup)  # and the next one takes its place
        assert {path.name for path in backup.iterdir()} == set(before)

    @pytest.mark.parametrize("name", ["records.dump", "keys.dump"])
    @pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
    async def test_a_cut_file_is_told_and_nothing_of_it_is_there(
        self, store: Store, place: Place, empty_database_url: str, cluster: object, name: str, kept: float
    ) -> None:
        for _ in range(3):
            await store.patient()
        await dump(place, store.folder / "backup")
        path = store.folder / "backup" / name
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
        admin: Url = cluster.admin  # type: ignore[attr-defined]  # tests.conftest.Cluster
        target = Place(place.programs, admin(name_of(empty_database_url)), place.owner)
        with pytest.raises(BackupFailed):
            await restore(target, store.folder / "backup")
        if name == "records.dump":
            assert not await has_tables(target)


class TestErasedStaysErased:
    """The records of an old backup with the keys of a newer one: the erased patient is not in it."""

    async def test_old_records_with_new_keys(self, store: Store, place: Place, cluster: object) -> None:
        gone, kept = await store.patient(), await store.patient()
        old, new = store.folder / "old", store.folder / "new"
        await dump(place, old)
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.erase(gone, ErasureBasis.GDPR_ARTICLE_17)
        async with drill(place, new) as restored:
            raw = Place(place.programs, restored.url, place.owner)
            await _empty(restored.url)
            (new / "keys.dump").replace(old / "keys.dump")
            await restore(raw, old)
            login: Url = cluster.login  # type: ignore[attr-defined]  # tests.conftest.Cluster
            again = await Database.open(login(name_of(restored.url)), load_keyring(store.key_file), clock=store.clock)
            try:
                async with again.unit(SYSTEM) as unit:
                    assert (await unit.patients.get(kept)).name == WANG.name
                with pytest.raises(KeyDestroyed):
                    async with again.unit(SYSTEM) as unit:
                        await unit.patients.get(gone)
            finally:
                await again.close()


async def _empty(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(f"drop schema public cascade; create schema public authorization {LOGIN_ROLE}")
    await connection.close()


class TestInspection:
    """A value that does not open is named by its place, never by its content."""

    async def test_moved_value_is_named(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            await unit.connection.execute(update(patient).values(address=patient.c.name))
        assert (await inspect(store.database, SYSTEM)).broken == (f"patient.address {patient_id}",)

    async def test_erased_patients_are_counted(self, store: Store) -> None:
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            await unit.erasures.erase(patient_id, ErasureBasis.GDPR_ARTICLE_17)
            assert (await unit.connection.execute(text("select count(*) from patient"))).scalar() == 1
        assert (await inspect(store.database, SYSTEM)).erased == 1
