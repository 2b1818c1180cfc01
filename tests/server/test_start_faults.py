"""README "What keeps it from starting": each fault as an operator meets it, by the real command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from records.store.database import Database
from records.store.key_file import create_key_file, load_keyring
from server.clock import Clock
from server.listening import free_media_port


class Serve:
    """`python -m server serve` on a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.key_file = self.data / "keys" / "kek.json"
        self.settings = {"DATA_DIR": str(self.data), "PORT": str(free_media_port("127.0.0.1", 1)), "RELAYS": "1"}
        self.settings["MEDIA_PORT"] = str(free_media_port("127.0.0.1", 1))

    def keeps_data_already(self) -> None:
        """An earlier start was here: it left its audit checkpoints."""
        (self.data / "audit").mkdir(parents=True)
        self.key_file.parent.mkdir()

    def refuses(self, **settings: str) -> str:
        """What it says, when it says it in words and ends with the status of a wrong configuration."""
        given = {f"TELECONSULT_{name}": value for name, value in {**self.settings, **settings}.items()}
        done = subprocess.run(
            [sys.executable, "-m", "server", "serve"],
            env={"PATH": os.environ["PATH"], **given}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (78, False), done.stderr
        return done.stderr


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    return Serve(tmp_path)


@pytest.fixture
def taken() -> Iterator[str]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield str(other.getsockname()[1])


class TestPorts:
    def test_page_port_in_use_names_setting_and_how_to_find_who(self, serve: Serve, taken: str) -> None:
        said = serve.refuses(PORT=taken)
        assert f"already listens on TCP port {taken}" in said
        assert "choose another port: TELECONSULT_PORT=" in said

    def test_media_port_in_use_names_its_own_setting(self, serve: Serve, taken: str) -> None:
        assert "choose another port: TELECONSULT_MEDIA_PORT=" in serve.refuses(MEDIA_PORT=taken)


class TestSettings:
    def test_every_wrong_value_is_told_at_once(self, serve: Serve) -> None:
        said = serve.refuses(LOG_LEVEL="loud", COUNTRY="China", RELAYS="none")
        assert "TELECONSULT_LOG_LEVEL must be debug, info, warning or error." in said
        assert "TELECONSULT_COUNTRY must be a country's two letters" in said
        assert "TELECONSULT_RELAYS must be a whole number from 1 to 64." in said

    def test_a_misspelt_name_gets_the_near_one(self, serve: Serve) -> None:
        assert "TELECONSULT_PROT is no setting; did you mean TELECONSULT_PORT?" in serve.refuses(PROT="80")


class TestDatabase:
    def test_unreachable_database(self, serve: Serve) -> None:
        said = serve.refuses(DATABASE_URL="postgresql://x:secret@127.0.0.1:9/x")  # the discard port: nobody listens
        assert "check TELECONSULT_DATABASE_URL" in said
        assert "secret" not in said

    def test_database_on_a_machine_without_a_name(self, serve: Serve) -> None:
        said = serve.refuses(DATABASE_URL="postgresql://x@no-such-host.invalid/x")
        assert "check TELECONSULT_DATABASE_URL" in said

    def test_cluster_of_an_unknown_version(self, serve: Serve) -> None:
        cluster = serve.data / "postgres"
        cluster.mkdir(parents=True)
        (cluster / "PG_VERSION").write_text("14\n")
        said = serve.refuses()
        assert "What to do: " in said
        assert "14" in said


class TestKeys:
    """Without the right key nothing that is sealed can be read, so nothing starts, and no new key is made."""

    def test_missing_beside_data(self, serve: Serve, database_url: str) -> None:
        serve.keeps_data_already()
        said = serve.refuses(DATABASE_URL=database_url)
        assert "restore it from its backup" in said
        assert not serve.key_file.exists()

    def test_damaged(self, serve: Serve, database_url: str) -> None:
        serve.keeps_data_already()
        create_key_file(serve.key_file)
        serve.key_file.write_text(serve.key_file.read_text()[:-9])
        assert "restore it from its backup" in serve.refuses(DATABASE_URL=database_url)

    async def test_of_another_database(self, serve: Serve, database_url: str, tmp_path: Path) -> None:
        create_key_file(tmp_path / "right.json")
        await (await Database.open(database_url, load_keyring(tmp_path / "right.json"), clock=Clock())).close()
        said = serve.refuses(DATABASE_URL=database_url)  # an empty folder: it makes a key of its own
        assert "is not the one that this database was sealed with" in said
        assert "from its backup" in said

    def test_readable_by_others(self, serve: Serve, database_url: str) -> None:
        serve.keeps_data_already()
        create_key_file(serve.key_file)
        serve.key_file.chmod(0o644)
        assert f"chmod 600 {serve.key_file}" in serve.refuses(DATABASE_URL=database_url)
