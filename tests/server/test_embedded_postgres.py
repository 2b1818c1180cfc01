"""The embedded PostgreSQL: private, owned by one supervisor, back after any kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from server.adapters import embedded_postgres
from server.adapters.embedded_postgres import EmbeddedPostgres, Place, socket_folder
from server.adapters.postgres_binaries import find_binaries
from server.faults import DatabaseForeign, DatabaseUnavailable
from server.processes import unprivileged_account
from tests.fakes.folders import quick


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data folder with a stopped cluster, to copy from: initdb takes half a second."""
    folder = Path(tempfile.mkdtemp(prefix="tc-made-", dir=quick()))
    folder.chmod(0o711)
    EmbeddedPostgres(Place(folder, unprivileged_account())).prepare()
    yield folder
    shutil.rmtree(folder)


def test_a_cluster_that_cannot_be_made_says_why() -> None:
    said = """creating configuration files ... ok
running bootstrap script ... FATAL:  could not extend file "base/1/1255": No space left on device
child process exited with exit code 1
initdb: removing contents of data directory "/data/.postgres.new"
"""
    assert "No space left on device" in embedded_postgres.cause_of(said)


@pytest.fixture
def folder(made: Path) -> Iterator[Path]:
    copy = Path(tempfile.mkdtemp(prefix="tc-copy-", dir=quick()))
    subprocess.run(["cp", "-a", f"{made}/.", str(copy)], check=True)
    yield copy
    shutil.rmtree(copy)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running one."""
    running = open_in(folder)
    up(running)
    yield running
    running.stop()


def open_in(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(Place(folder, unprivileged_account(), settings={"fsync": "off"}))


def up(server: EmbeddedPostgres) -> None:
    server.prepare()
    server.start()
    server.wait_ready(time.sleep)
    server.bootstrap()


def is_running(pid: int) -> bool:
    """Whether the process still does something; a zombie that init has not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


class TestPrivacy:
    """README "Embedded PostgreSQL": nobody else on the machine gets in."""

    def test_no_file_is_open_to_others(self, server: EmbeddedPostgres) -> None:
        found = subprocess.run(["find", server.cluster, "-perm", "/077"], capture_output=True, text=True)
        assert found.stdout == ""
        assert server.sockets.stat().st_mode & 0o077 == 0

    def test_it_does_not_run_as_root(self, server: EmbeddedPostgres) -> None:
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0

    async def test_no_rule_trusts(self, server: EmbeddedPostgres) -> None:
        connection = await asyncpg.connect(server.url("postgres", "postgres"))
        methods = await connection.fetch("select distinct type, auth_method from pg_hba_file_rules")
        listens = await connection.fetchval("show listen_addresses")
        await connection.close()
        assert [tuple(row) for row in methods] == [("local", "peer")]
        assert listens == ""

    @pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
    def test_another_account_cannot_connect(self, server: EmbeddedPostgres) -> None:
        tried = subprocess.run(
            [server.binaries.program("psql"), "-h", server.sockets, "-U", "postgres", "-c", "select 1"],
            user="nobody", extra_groups=[], capture_output=True, text=True,
        )  # fmt: skip
        assert tried.returncode != 0

    async def test_the_products_role_is_no_superuser(self, server: EmbeddedPostgres) -> None:
        connection = await asyncpg.connect(server.url())
        row = await connection.fetchrow("select rolsuper, rolbypassrls from pg_roles where rolname = current_user")
        await connection.close()
        assert row is not None
        assert tuple(row) == (False, False)

    async def test_text_sorts_the_same_on_every_machine(self, server: EmbeddedPostgres) -> None:
        connection = await asyncpg.connect(server.url())
        row = await connection.fetchrow(
            "select datlocprovider, datlocale from pg_database where datname = current_database()"
        )
        await connection.close()
        assert row is not None
        assert tuple(row) == (b"b", "C.UTF-8")


class TestKills:
    """README "Embedded PostgreSQL": any kill is recovered from without a human."""

    def test_it_starts_again_at_once_after_a_kill(self, server: EmbeddedPostgres) -> None:
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        up(server)
        assert server.is_ready()

    def test_a_pid_that_lives_again_as_another_program_does_not_stop_it(self, folder: Path) -> None:
        server = open_in(folder)
        pid_file = server.cluster / "postmaster.pid"
        pid_file.write_text(f"{os.getppid()}\n{server.cluster}\n1\n5432\n{server.sockets}\n\n 1 1\nready\n")
        up(server)
        server.stop()

    def test_it_ends_with_the_process_that_started_it(self, folder: Path) -> None:
        program = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from tests.server.test_embedded_postgres import open_in, up\n"
            "server = open_in(Path(sys.argv[1])); up(server)\n"
            "print(server.process.pid, flush=True); time.sleep(60)\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        postgres = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
        gone = open_in(folder)
        up(gone)  # waits for the orphan, whose pid file is still there
        gone.stop()
        assert not is_running(postgres)


class TestForeignData:
    """README "Embedded PostgreSQL": what we did not make, we do not touch."""

    def test_an_unknown_version_is_refused_with_what_to_do(self, folder: Path) -> None:
        (folder / "postgres" / "PG_VERSION").write_text("19\n")
        with pytest.raises(DatabaseForeign, match="dump"):
            open_in(folder)

    def test_a_version_without_its_programs_names_every_place_looked_at(self, folder: Path) -> None:
        (folder / "postgres" / "PG_VERSION").write_text("16\n")
        with pytest.raises(DatabaseUnavailable, match="is PostgreSQL 18, and the data is of PostgreSQL 16"):
            open_in(folder)

    def test_another_cluster_in_its_place_is_refused(self, folder: Path) -> None:
        identity = folder / "postgres" / "teleconsult.json"
        identity.write_text(json.dumps({"system_identifier": "1", "major": 18}))
        with pytest.raises(DatabaseForeign, match="not made here"):
            open_in(folder).prepare()

    def test_an_interrupted_first_start_is_begun_again(self, folder: Path) -> None:
        (folder / "postgres").rename(folder / ".postgres.new")
        open_in(folder).prepare()
        assert (folder / "postgres" / "teleconsult.json").exists()


class TestPlaces:
    """README "Embedded PostgreSQL": where its files and sockets go."""

    def test_a_long_path_gets_a_short_socket_folder(self, tmp_path: Path) -> None:
        deep = tmp_path / ("x" * 90)
        deep.mkdir()
        sockets = socket_folder(deep, unprivileged_account())
        assert len(os.fsencode(sockets)) < embedded_postgres.MAX_SOCKET_FOLDER_BYTES
        assert sockets.stat().st_mode & 0o777 == 0o700
        sockets.rmdir()

    def test_a_wrong_binaries_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUnavailable, match="lacks postgres"):
            find_binaries(tmp_path, unprivileged_account())

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL under another account")
    def test_a_closed_data_folder_gets_its_cluster_elsewhere(self, tmp_path: Path) -> None:
        closed = tmp_path / "root-only"
        closed.mkdir(mode=0o700)
        server = open_in(closed)
        assert (closed / "postgres").is_symlink()
        assert server.cluster == open_in(closed).cluster
        server.sockets.rmdir()
