"""README "Backup and restore": with the key file everything comes back on a new machine; without it nothing begins."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from records.store import backup
from records.store.audit_log import write_checkpoint
from records.store.database import DEFAULT_TENANT, Database
from records.store.key_file import create_key_file, load_keyring
from server.adapters.embedded_postgres import LOGIN_ROLE
from server.adapters.postgres_binaries import find_binaries
from server.clock import Clock
from server.processes import unprivileged_account
from tests.fakes.folders import quick
from tests.records.store.conftest import SYSTEM, WANG
from tests.records.store.test_migrate import _down

from .test_cli import run


@pytest.fixture
def machine() -> Iterator[Path]:
    """A new data folder that the unprivileged account can enter; nothing is in it."""
    folder = Path(tempfile.mkdtemp(prefix="tc-restore-", dir=quick()))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def backed_up(database_url: str, cluster: Any, tmp_path: Path) -> Path:
    """A folder with both dumps of a database with one patient, and beside it the key file."""
    create_key_file(tmp_path / "kek.json")
    database = await Database.open(database_url, load_keyring(tmp_path / "kek.json"), clock=Clock())
    async with database.unit(SYSTEM) as unit:
        await unit.patients.create(WANG)
    await write_checkpoint(database, DEFAULT_TENANT, tmp_path / "backup")
    await database.close()
    await backup.dump(place_of(database_url, cluster), tmp_path / "backup")
    (tmp_path / "backup" / "recordings").mkdir()
    (tmp_path / "backup" / "recordings" / "r.0.sealed").write_bytes(b"sealed")
    (tmp_path / "backup" / "recordings" / "r.0.sealed").chmod(0o600)  # as the recorder makes it
    return tmp_path


def place_of(database_url: str, cluster: Any) -> backup.Place:
    name = database_url.partition("?")[0].rpartition("/")[2]
    programs = find_binaries(None, unprivileged_account()).folder
    return backup.Place(programs, cluster.admin(name), LOGIN_ROLE)


def restore(backed_up: Path, machine: Path) -> subprocess.CompletedProcess[str]:
    return run("restore", str(backed_up / "backup"), TELECONSULT_DATA_DIR=str(machine))


class TestRestore:
    def test_everything_opens_and_the_chain_is_sound(self, backed_up: Path, machine: Path) -> None:
        (machine / "keys").mkdir()
        shutil.copy2(backed_up / "kek.json", machine / "keys")
        done = restore(backed_up, machine)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Everything opens. Start Teleconsult." in done.stdout
        assert (machine / "recordings" / "r.0.sealed").read_bytes() == b"sealed"
        assert run("audit", "verify", TELECONSULT_DATA_DIR=str(machine)).returncode == 0
        again = restore(backed_up, machine)
        assert again.returncode == 78
        assert "restore into a new data folder" in again.stderr

    def test_with_another_key_file_it_says_so(self, backed_up: Path, machine: Path) -> None:
        create_key_file(machine / "keys" / "kek.json")
        done = restore(backed_up, machine)
        assert done.returncode == 78
        assert "is not the one that this database was sealed with" in done.stderr

    async def test_a_chain_rewritten_in_the_backup_is_named_by_its_checkpoints(
        self, backed_up: Path, machine: Path
    ) -> None:
        (machine / "keys").mkdir()
        shutil.copy2(backed_up / "kek.json", machine / "keys")
        checkpoints = backed_up / "backup" / "audit" / f"{DEFAULT_TENANT}.checkpoints"
        checkpoints.write_text(checkpoints.read_text().replace('"number": ', '"number": 9'))
        done = restore(backed_up, machine)
        assert done.returncode != 0
        assert "checkpoint" in done.stderr

    async def test_of_an_older_program_it_comes_to_this_ones_schema(
        self, backed_up: Path, machine: Path, database_url: str, cluster: Any
    ) -> None:
        (machine / "keys").mkdir()
        shutil.copy2(backed_up / "kek.json", machine / "keys")
        await _down(database_url, "0018")
        await backup.dump(place_of(database_url, cluster), backed_up / "backup")
        done = restore(backed_up, machine)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Everything opens" in done.stdout

    def test_a_backup_of_what_was_restored_is_nobody_elses_to_read(self, backed_up: Path, machine: Path) -> None:
        (machine / "keys").mkdir()
        shutil.copy2(backed_up / "kek.json", machine / "keys")
        assert restore(backed_up, machine).returncode == 0
        again = backed_up / "again"
        assert run("backup", str(again), TELECONSULT_DATA_DIR=str(machine)).returncode == 0
        modes = {path.relative_to(again).as_posix(): path.stat().st_mode & 0o077 for path in again.rglob("*")}
        assert (again.stat().st_mode & 0o077, set(modes.values())) == (0, {0})
        assert {"records.dump", "keys.dump", f"audit/{DEFAULT_TENANT}.checkpoints"} <= set(modes)

    def test_without_the_key_file_nothing_begins(self, backed_up: Path, machine: Path) -> None:
        done = restore(backed_up, machine)
        assert "restore it from its backup" in done.stderr
        assert list(machine.iterdir()) == []
