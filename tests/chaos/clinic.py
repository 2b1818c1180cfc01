"""A running demo to do harm to: its processes, and an HTTP client that counts what it sees."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.folders import quick

ROOT = Path(__file__).resolve().parents[2]
# Six to ten seconds on two idle cores; CI runs on two busy ones.
READY_WITHIN_S = 90.0
BACK_WITHIN_S = 30.0
# A page retries a few times a second; faster would meet the limit on new visits (10/s), not the database.
RETRY_EVERY_S = 0.25


def until(condition: Callable[[], bool], within_s: float = BACK_WITHIN_S, every_s: float = 0.02) -> float:
    """Ask until it holds; return how long that took. Only the outside can be asked, so there is nothing to await."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within_s, "it did not come"
        time.sleep(every_s)
    return time.monotonic() - begun


def is_running(pid: int) -> bool:
    """Whether a process still does something; a zombie that nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> dict[int, str]:
    """Return a process's direct children with their command lines."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return {}
    return {int(child): _command(int(child)) for child in pids}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def family_of(pid: int) -> set[int]:
    """Return every descendant."""
    found: set[int] = set()
    for child in children_of(pid):
        found |= {child} | family_of(child)
    return found


@dataclass
class Demo:
    """One `python -m server demo`."""

    folder: Path
    rooms: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def file(self) -> Path:
        return self.folder / "demo.json"

    def __enter__(self) -> Demo:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        argv = [sys.executable, "-m", "server", "demo", "--json", str(self.file), "--port", str(self.port)]
        with (self.folder / "demo.log").open("wb") as log:
            argv += ["--rooms", str(self.rooms)]
            environment = {**os.environ, "TMPDIR": quick()}  # where a demo keeps its data
            self.process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
        until(lambda: self.file.exists() or self.process.poll() is not None, READY_WITHIN_S)
        assert self.file.exists(), (self.folder / "demo.log").read_text()[-3000:]
        self.facts = json.loads(self.file.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()

    def pid(self, part: str) -> int:
        """Return the present process of web, postgres or relay-N, as a child of the supervisor."""
        words = {"web": "-m server web", "postgres": "postgres -D"}
        needle = words.get(part) or f"/{part}.sock"
        found = [pid for pid, command in children_of(self.process.pid).items() if needle in command]
        return found[0] if found else 0

    def kill(self, part: str) -> float:
        """Kill -9 a part; return the seconds until the supervisor has started it again."""
        before = self.pid(part)
        os.kill(before, signal.SIGKILL)
        return until(lambda: self.pid(part) not in (0, before))


@dataclass
class Browser:
    """A signed-in doctor's HTTP calls, with a count of what came of them."""

    demo: Demo
    cookie: str = ""
    refused: int = 0

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON; status 0 for a connection that broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.demo.port, timeout=30)
        origin = self.demo.facts["base_url"]
        sent = {"X-Requested-With": "teleconsult", "Origin": origin, "Cookie": self.cookie, **headers}
        payload = None if body is None else json.dumps(body)
        if payload is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, payload, sent)
            answer = connection.getresponse()
            text = answer.read()
            cookie = answer.headers.get("Set-Cookie")
        except ConnectionRefusedError:
            self.refused += 1
            return 0, None
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()
        if cookie:
            self.cookie = cookie.partition(";")[0]
        return answer.status, json.loads(text) if text and text[:1] in b"{[" else text.decode()

    def sign_in(self) -> Browser:
        status, _ = self.call("POST", "/api/session", self.demo.facts["doctors"][0])
        assert status == 200
        return self

    def book(self, key: str) -> str:
        """Make a visit, trying again with the same key until it is acknowledged; return its id."""
        body = {"patient": {"name": f"Chaos {key}"}, "lang": "en"}
        made: list[str] = []

        def is_acknowledged() -> bool:
            status, answer = self.call("POST", "/api/visits", body, **{"Idempotency-Key": f"chaos-{key}"})
            assert status in (0, 201, 503), answer
            if status == 201:
                made.append(answer["visit_id"])
            return status == 201

        until(is_acknowledged, every_s=RETRY_EVERY_S)
        return made[0]
