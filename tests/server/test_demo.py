"""DESIGN.md §6: the headless demo, as programs outside rely on it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.demo.people import DOCTORS
from tests.chaos.clinic import Browser, Demo, is_running

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory() as folder, Demo(Path(folder), rooms=2) as running:
        yield running


def queue(demo: Demo) -> list[dict[str, Any]]:
    status, answer = Browser(demo).sign_in().call("GET", "/api/queue")
    assert status == 200
    return list(answer["rows"])


class TestDescription:
    def test_it_has_exactly_the_members_of_the_contract(self, demo: Demo) -> None:
        assert sorted(demo.facts) == ["base_url", "data_dir", "doctors", "fhir", "patient_links", "pids", "rooms"]
        assert sorted(demo.facts["fhir"]) == ["base_url", "clients", "token_url"]
        assert sorted(demo.facts["pids"]) == ["postgres", "relays", "supervisor", "web"]

    def test_nobody_else_may_read_it(self, demo: Demo) -> None:
        assert demo.file.stat().st_mode & 0o777 == 0o600

    def test_every_process_is_there(self, demo: Demo) -> None:
        pids = demo.facts["pids"]
        assert pids["supervisor"] == demo.process.pid
        assert all(is_running(pid) for pid in [pids["web"], pids["postgres"], *pids["relays"]])

    def test_each_room_has_a_token_that_publishes_and_one_that_subscribes(self, demo: Demo) -> None:
        assert len(demo.facts["rooms"]) == 2
        for room in demo.facts["rooms"]:
            visit = room["whip"]["url"].rpartition("/")[2]
            assert room["whip"]["url"] == f"{demo.facts['base_url']}/whip/{visit}"
            assert room["whep"]["url"] == f"{demo.facts['base_url']}/whep/{visit}"
            assert room["whip"]["token"] != room["whep"]["token"]

    def test_there_is_a_reader_for_each_algorithm_and_a_writer(self, demo: Demo) -> None:
        clients = demo.facts["fhir"]["clients"]
        assert [(c["alg"], c["scopes"][0].partition(".")[2]) for c in clients] == [
            ("RS384", "rs"), ("ES384", "rs"), ("ES384", "cruds"),
        ]  # fmt: skip
        assert all(client["private_key_pem"].startswith("-----BEGIN PRIVATE KEY-----") for client in clients)


class TestPeople:
    def test_both_doctors_can_log_in(self, demo: Demo) -> None:
        assert [doctor["email"] for doctor in demo.facts["doctors"]] == [doctor.email for doctor in DOCTORS]
        for doctor in demo.facts["doctors"]:
            assert Browser(demo).call("POST", "/api/session", doctor)[0] == 200

    def test_the_patient_link_is_open(self, demo: Demo) -> None:
        token = demo.facts["patient_links"][0].partition("#t=")[2]
        assert Browser(demo).call("POST", "/api/join", {"token": token})[0] == 200

    def test_the_queue_is_triaged_by_the_engine(self, demo: Demo) -> None:
        rows = {row["display"]: row for row in queue(demo) if row["state"] == "waiting"}
        assert len(rows) == 3
        assert rows["Thomas Berger"]["level"] == "emergency"
        assert {row["lang"] for row in rows.values()} == {"en", "zh"}

    def test_people_stand_at_different_stages(self, demo: Demo) -> None:
        assert {"waiting", "in_consult"} <= {row["state"] for row in queue(demo)}


class TestSideBySide:
    def test_a_second_demo_runs_beside_the_first(self, demo: Demo, tmp_path: Path) -> None:
        with Demo(tmp_path) as other:
            assert Browser(other).call("GET", "/readyz")[0] == 200
            assert Browser(demo).call("GET", "/readyz")[0] == 200
            assert other.facts["data_dir"] != demo.facts["data_dir"]

    def test_nothing_of_a_patient_is_in_the_logs(self, demo: Demo) -> None:
        logs = "".join(path.read_text() for path in Path(demo.facts["data_dir"], "logs").iterdir())
        secrets = [demo.facts["patient_links"][0].partition("#t=")[2], demo.facts["rooms"][0]["whip"]["token"]]
        assert [word for word in ["Berger", "王秀英", "chest pain", "demo.example", *secrets] if word in logs] == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    argv = ["demo", "--json", str(tmp_path / "f"), "--port", "1", "--data", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "server", *argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert "is not empty" in done.stderr
    assert "Traceback" not in done.stderr
