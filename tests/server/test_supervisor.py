"""README "Restarts": children are watched, started again, ended in order, and never left behind. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.faults import ChildDies, StopRequested
from server.processes import Command, start
from server.supervisor import Program, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]


def program(name: str, argv: list[str], **more: float) -> Program:
    return Program(name, lambda: start(Command(argv)), **more)  # type: ignore[arg-type]  # stop_within_s alone


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool], supervisor: Supervisor | None = None) -> None:
    """Wait for something of the operating system's; ten seconds are a failure."""
    ends = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < ends, "it did not come"
        if supervisor is not None:
            supervisor.pause(0.01)
        else:
            time.sleep(0.01)  # the kernel is asked, nothing of ours can tell


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor()
    with made.signals():
        yield made


class TestWatching:
    def test_a_killed_child_is_started_again(self, supervisor: Supervisor) -> None:
        supervisor.add(program("one", SLEEPER))
        first = supervisor.pid("one")
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.pid("one") != first, supervisor)
        assert is_running(supervisor.pid("one"))

    def test_a_child_that_always_dies_is_named(self, supervisor: Supervisor) -> None:
        supervisor.add(program("broken", [sys.executable, "-c", "raise SystemExit(3)"]))

        def check() -> bool:
            supervisor.check(deaths=3)
            return False

        with pytest.raises(ChildDies, match="broken ends at once, with status 3"):
            until(check, supervisor)

    def test_a_command_that_runs_once_gives_its_status(self, supervisor: Supervisor) -> None:
        assert supervisor.run_once(start(Command([sys.executable, "-c", "raise SystemExit(7)"]))) == 7


class TestEnding:
    def test_a_signal_ends_the_wait(self, supervisor: Supervisor) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.pause(10.0)

    def test_children_end_in_the_opposite_order(self) -> None:
        supervisor = Supervisor()
        ended: list[str] = []

        class Recording(subprocess.Popen[bytes]):
            def send_signal(self, sig: int) -> None:
                ended.append(str(self.args[-1]))  # type: ignore[index]  # a list, given below
                super().send_signal(sig)

        def launch(name: str) -> Callable[[], subprocess.Popen[bytes]]:
            return lambda: Recording([*SLEEPER, name])

        with supervisor.signals():
            for name in ("postgres", "relay-0", "web"):
                supervisor.add(Program(name, launch(name)))
        assert ended == ["web", "relay-0", "postgres"]

    def test_a_child_that_will_not_end_is_killed(self) -> None:
        supervisor = Supervisor()
        with supervisor.signals():
            supervisor.add(program("stubborn", STUBBORN, stop_within_s=0.2))
            pid = supervisor.pid("stubborn")
            supervisor.pause(0.3)
        assert not is_running(pid)

    def test_a_fault_inside_ends_the_children_too(self) -> None:
        supervisor = Supervisor()
        with pytest.raises(RuntimeError), supervisor.signals():
            supervisor.add(program("one", SLEEPER))
            pid = supervisor.pid("one")
            raise RuntimeError
        assert not is_running(pid)

    def test_killing_the_supervisor_leaves_no_child(self) -> None:
        script = (
            "from tests.server.test_supervisor import *\n"
            "s = Supervisor()\n"
            "with s.signals():\n"
            "    s.add(program('a', SLEEPER)); s.add(program('b', STUBBORN))\n"
            "    print(s.pid('a'), s.pid('b'), flush=True)\n"
            "    s.watch()\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
        parent.wait()
        parent.stdout.close()
        until(lambda: not any(is_running(pid) for pid in children))

    def test_a_child_is_not_in_the_terminals_process_group(self, supervisor: Supervisor) -> None:
        supervisor.add(program("one", SLEEPER))
        assert os.getpgid(supervisor.pid("one")) != os.getpgid(0)
