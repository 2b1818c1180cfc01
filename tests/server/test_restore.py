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
from records.store.database import Database
from records.store.key_file import create_key_file, load_keyring
from server.adapters.embedded_postgres import LOGIN_ROLE
from server.adapters.postgres_binaries import find_binaries
from server.clock import Clock
from server.processes import unprivileged_account
from tests.fakes.folders import quick
from tests.records.store.conftest import SYSTEM, WANG

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
    await database.close()
    name = database_url.partition("?")[0].rpartition("/")[2]
    programs = find_binaries(None, unprivileged_account()).folder
    await backup.dump(backup.Place(programs, cluster.admin(name), LOGIN_ROLE), tmp_path / "backup")
    (tmp_path / "backup" / "recordings").mkdir()
    (tmp_path / "backup" / "recordings" / "r.0.sealed").write_bytes(b"sealed")
    return tmp_path


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

    def test_without_the_key_file_nothing_begins(self, backed_up: Path, machine: Path) -> None:
        done = restore(backed_up, machine)
        assert "restore it from its backup" in done.stderr
        assert list(machine.iterdir()) == []
