"""server/README.md "Restarts": kill -9 of any part of the real product, and what the people notice."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.clinic import Browser, Demo, family_of, is_running, until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory() as folder, Demo(Path(folder)) as running:
        yield running


def is_ready(browser: Browser) -> bool:
    return browser.call("GET", "/readyz")[0] == 200


def has_grown_to(acknowledged: list[str], size: int) -> bool:
    return len(acknowledged) >= size


class TestPostgres:
    def test_what_was_acknowledged_is_there_after_every_kill(self, demo: Demo) -> None:
        doctor = Browser(demo).sign_in()
        acknowledged: list[str] = []
        is_over = threading.Event()

        def write() -> None:
            while not is_over.is_set() and len(acknowledged) < 200:
                acknowledged.append(doctor.book(str(len(acknowledged))))

        writer = threading.Thread(target=write)
        writer.start()
        for wanted in (3, 6, 9):
            until(partial(has_grown_to, acknowledged, wanted))
            demo.kill("postgres")
        until(partial(has_grown_to, acknowledged, 12))
        is_over.set()
        writer.join(60)
        assert [visit for visit in acknowledged if doctor.call("GET", f"/api/visits/{visit}")[0] != 200] == []

    def test_the_login_survives(self, demo: Demo) -> None:
        doctor = Browser(demo).sign_in()
        demo.kill("postgres")
        until(lambda: is_ready(doctor))
        assert doctor.call("GET", "/api/session")[0] == 200


class TestWeb:
    def test_nobody_is_refused_and_nobody_signs_in_again(self, demo: Demo) -> None:
        doctor = Browser(demo).sign_in()
        demo.kill("web")
        until(lambda: doctor.call("GET", "/api/session")[0] == 200)
        assert doctor.refused == 0

    def test_the_relays_live_on(self, demo: Demo) -> None:
        before = demo.pid("relay-0")
        demo.kill("web")
        until(lambda: is_ready(Browser(demo)))
        assert demo.pid("relay-0") == before


class TestRelay:
    def test_it_is_back_and_web_is_connected_to_it(self, demo: Demo) -> None:
        browser = Browser(demo)
        relays = len(demo.facts["pids"]["relays"])
        demo.kill("relay-0")
        until(lambda: f"teleconsult_relays {relays}\n" in str(browser.call("GET", "/metrics")[1]))


class TestSupervisor:
    def test_killing_it_leaves_no_process(self, tmp_path: Path) -> None:
        with Demo(tmp_path) as demo:
            family = family_of(demo.process.pid)
            assert len(family) >= 4
            demo.process.kill()
            until(lambda: not any(is_running(pid) for pid in family), within_s=10.0)
        shutil.rmtree(demo.facts["data_dir"])  # a killed demo cannot tidy up after itself

    def test_a_signal_ends_everything_and_takes_the_description_away(self, tmp_path: Path) -> None:
        with Demo(tmp_path) as demo:
            family = family_of(demo.process.pid)
            demo.process.send_signal(signal.SIGINT)
            assert demo.process.wait(60) == 0
            assert not any(is_running(pid) for pid in family)
        assert not demo.file.exists()
        assert not Path(demo.facts["data_dir"]).exists()
