"""`staff add` and `staff disable` on a real database (server/README.md "Commands")."""

from __future__ import annotations

from pathlib import Path

import pytest

from records.store.key_file import create_key_file
from tests.server.test_cli import run


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    create_key_file(tmp_path / "kek.json")
    return {
        "TELECONSULT_DATABASE_URL": database_url,
        "TELECONSULT_KEY_FILE": str(tmp_path / "kek.json"),
        "TELECONSULT_DATA_DIR": str(tmp_path),
    }


def add(environment: dict[str, str], email: str = "lin@clinic.example") -> int:
    return run("staff", "add", "--email", email, stdin="correct horse battery\n", **environment).returncode


def test_a_login_that_was_made_can_be_ended_and_then_is_none(environment: dict[str, str]) -> None:
    assert add(environment) == 0
    ended = run("staff", "disable", "--email", "LIN@clinic.example", **environment)
    assert (ended.returncode, "may no longer log in" in ended.stdout) == (0, True)
    assert run("staff", "disable", "--email", "lin@clinic.example", **environment).returncode == 78


def test_an_address_that_has_a_login_is_told(environment: dict[str, str]) -> None:
    assert add(environment) == 0
    again = run("staff", "add", "--email", "lin@clinic.example", stdin="correct horse battery\n", **environment)
    assert again.returncode != 0
    assert "Traceback" not in again.stderr


def test_nobodys_address_is_told(environment: dict[str, str]) -> None:
    done = run("staff", "disable", "--email", "nobody@clinic.example", **environment)
    assert (done.returncode, "No login has this e-mail address" in done.stderr) == (78, True)
