"""
Starts the children, watches them, starts them again, and ends them in order. It does nothing else.

Single-threaded and without asyncio: children are bound to this thread (PR_SET_PDEATHSIG), and nothing here may be
kept from noticing a death. Signals wake the one wait through a pipe.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from server.faults import ChildDies, StopRequested
from server.restart import Restart

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Wake up at least this often: a lost SIGCHLD must not leave a child dead.
LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Program:
    """One child to keep alive."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    """Killed after that."""
    log: str = "its message above"
    """Where a person finds what it said."""


@dataclass
class Child:
    """A program and its present process."""

    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    restart: Restart = field(default_factory=Restart)
    is_down: bool = False


class Supervisor:
    """Children in the order in which they were added; they end in the opposite order. Use inside `signals()`."""

    def __init__(self, events: TextIO | None = None) -> None:
        self._events = events or sys.stderr
        self._children: dict[str, Child] = {}
        self._end_requests = 0
        self._wake: socket.socket | None = None

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Take over SIGINT, SIGTERM, SIGHUP and SIGCHLD; at the end, however it comes, end every child."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._wake = reader
        before = {number: signal.signal(number, self._note) for number in (*END_SIGNALS, signal.SIGCHLD)}
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            self._end_children()
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()

    def add(self, program: Program) -> None:
        """Start a program and keep it alive from now on."""
        self._children[program.name] = Child(program, program.launch(), time.monotonic())
        self._tell("started", program.name, pid=self._children[program.name].process.pid)

    def pid(self, name: str) -> int:
        """Return a child's present process id."""
        return self._children[name].process.pid

    def has(self, name: str) -> bool:
        """Return whether there is such a child."""
        return name in self._children

    def check(self, deaths: int) -> None:
        """Raise ChildDies when a child died so often in a row."""
        for child in self._children.values():
            if child.restart.in_a_row >= deaths:
                status = child.process.returncode
                raise ChildDies(
                    f"{child.program.name} ends at once, with status {status}.", f"read {child.program.log}."
                )

    def watch(self) -> None:
        """Keep everything alive until told to end. Raises StopRequested then."""
        while True:
            self.pause(LOOK_EVERY_S)

    def pause(self, seconds: float) -> None:
        """
        Keep everything alive for so long; the wait of everybody who waits in this process.

        Raises:
            StopRequested: a signal asked us to end.
        """
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for child in self._children.values():
                self._look_at(child, now)
            if self._end_requests:
                raise StopRequested
            if now >= until:
                return
            self._sleep(min(until, *self._due_times()) - now)

    def run_once(self, process: subprocess.Popen[bytes]) -> int:
        """Return the exit status of a child that is to end by itself, keeping the others alive meanwhile."""
        try:
            while process.poll() is None:
                self.pause(0.02)
        except StopRequested:
            process.kill()
            process.wait()
            raise
        return process.returncode

    def _due_times(self) -> list[float]:
        soon = time.monotonic() + LOOK_EVERY_S
        return [soon, *(child.restart.due_at for child in self._children.values() if child.is_down)]

    def _look_at(self, child: Child, now: float) -> None:
        if not child.is_down and child.process.poll() is not None:
            child.is_down = True
            child.restart = child.restart.after_death(child.started_at, now)
            self._tell("ended", child.program.name, status=child.process.returncode, deaths=child.restart.in_a_row)
        if child.is_down and now >= child.restart.due_at and not self._end_requests:
            child.process, child.started_at, child.is_down = child.program.launch(), now, False
            self._tell("restarted", child.program.name, pid=child.process.pid)

    def _note(self, number: int, _frame: object) -> None:
        self._end_requests += number in END_SIGNALS

    def _sleep(self, seconds: float) -> None:
        assert self._wake is not None, "signals() is the outermost frame"
        if seconds > 0 and select.select([self._wake], [], [], seconds)[0]:
            self._wake.recv(4096)

    def _end_children(self) -> None:
        for child in reversed(self._children.values()):
            self._end(child)
        self._children.clear()

    def _end(self, child: Child) -> None:
        process, patience = child.process, self._end_requests
        if process.poll() is not None:
            return
        process.send_signal(child.program.stop_signal)
        until = time.monotonic() + child.program.stop_within_s
        # A second Ctrl-C means now; the database still shuts down cleanly, by its own signal.
        while process.poll() is None and time.monotonic() < until and self._end_requests <= patience:
            self._sleep(0.1)
        if process.poll() is None:
            process.kill()
            process.wait()

    def _tell(self, event: str, program: str, **more: int) -> None:
        """Write one line of JSON; no values but names of ours and numbers."""
        line = {"at": round(time.time(), 3), "level": "info", "event": f"supervisor.{event}", "program": program}
        print(json.dumps({**line, **more}), file=self._events, flush=True)
