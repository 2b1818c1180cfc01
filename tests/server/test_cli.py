"""README "Commands": the table is the code's, and what an operator can mend is told in words."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli import COMMANDS


def run(*argv: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *argv],
        input=stdin,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestTable:
    def test_the_readme_lists_every_command_as_the_code_has_it(self) -> None:
        section = Path("server/README.md").read_text().partition("## Commands")[2].partition("## ")[0]
        written = re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", section)
        assert written == [(command.name, command.meaning) for command in COMMANDS if not command.is_internal]


class TestFaults:
    def test_a_wrong_setting_is_told_without_a_traceback(self) -> None:
        done = run("serve", TELECONSULT_PORT="eighty")
        assert done.returncode == 78
        assert "TELECONSULT_PORT must be a port" in done.stderr
        assert "Traceback" not in done.stderr

    def test_an_unreachable_database_is_told(self, tmp_path: Path) -> None:
        url = "postgresql://x@127.0.0.1:9/x"  # the discard port: nobody listens
        done = run("migrate", TELECONSULT_DATABASE_URL=url, TELECONSULT_DATA_DIR=str(tmp_path))
        assert done.returncode == 78
        assert "check TELECONSULT_DATABASE_URL" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_command_beside_no_data_folder_says_where_to_run_it(self, tmp_path: Path) -> None:
        done = run("audit", "verify", TELECONSULT_DATA_DIR=str(tmp_path / "nothing"))
        assert done.returncode == 78
        assert "TELECONSULT_DATA_DIR" in done.stderr

    def test_a_short_password_is_refused_before_anything_is_opened(self, tmp_path: Path) -> None:
        done = run("staff", "add", "--email", "a@b.example", "--display", "Dr A", stdin="short\n")
        assert done.returncode == 78
        assert "at least" in done.stderr

    @pytest.mark.parametrize("given", ["nonsense", "00000000"])
    def test_a_visit_that_is_no_id_is_told(self, given: str) -> None:
        assert "is no visit's id" in run("link", given).stderr
