"""
When the port is drained: by the event loop's selector, while the loop has nothing else to do.

Waking for every packet costs more than forwarding it (media.md §4: "wake-ups dominate"), and so does a turn of the
event loop. So `select` itself drains the port every few milliseconds, one wake-up for many rooms, and comes back only
when the loop has work: a readable descriptor, a timer, or a datagram that is not media. `Pump` is the reference;
signaling/native/serve.c is the same without a Python step for each wake-up.
"""

import logging
import select
import selectors
import socket
import time
from collections.abc import Callable

from signaling.net.records import Leftover

log = logging.getLogger(__name__)

# From one poll to the next. Adds half of it on average, and all of it at worst, to a forwarding delay of which 10 ms
# are allowed (issue 3). Longer is cheaper: README.md, Decisions.
INTERVAL_S = 0.005
# A poll with this many packets in and out worked for a millisecond or more, which counts as delay too; and then a
# wake-up is a small part of the cost.
BUSY = 300
BUSY_INTERVAL_S = 0.0025
IDLE_S = 0.05  # without a packet: from then on the port is waited for
FOR_EVER = float("inf")

Serve = Callable[[int, float | None], list[Leftover]]


class Pump:
    """A plane's `poll`, called when it is due."""

    def __init__(self, sock: socket.socket, poll: Callable[[float], list[Leftover]], work: Callable[[], int]) -> None:
        self._sock, self._poll, self._work = sock, poll, work
        """`work` counts datagrams in and packets out."""
        self._due = self._found_at = 0.0

    def serve(self, loop_fd: int, timeout_s: float | None) -> list[Leftover]:
        """Forward until `loop_fd` is readable or the time is up (None: no limit), or something is left over."""
        now = time.monotonic()
        until = FOR_EVER if timeout_s is None else now + timeout_s
        while True:
            if now >= self._due:
                leftovers = self._drain(now)
                if leftovers:
                    return leftovers
            if now >= until:
                return []
            wakes = self._wait(loop_fd, min(self._due, until) - now)
            now = time.monotonic()
            if loop_fd in wakes:
                until = now
            if self._due == FOR_EVER and self._sock.fileno() in wakes:
                self._due = now

    def _drain(self, now: float) -> list[Leftover]:
        before, self._due = self._work(), now + INTERVAL_S  # also when the poll fails
        leftovers = self._poll(now)
        done = self._work() - before
        if done:
            self._found_at = now
        if now - self._found_at >= IDLE_S:
            self._due = FOR_EVER
        else:
            self._due = now + (INTERVAL_S if done < BUSY else BUSY_INTERVAL_S)
        return leftovers

    def _wait(self, loop_fd: int, wait_s: float) -> set[int]:
        poller = select.poll()
        poller.register(loop_fd, select.POLLIN)
        if self._due == FOR_EVER:
            poller.register(self._sock.fileno(), select.POLLIN)
        return {fd for fd, _ in poller.poll(None if wait_s == FOR_EVER else wait_s * 1000)}


class PortSelector(selectors.EpollSelector):
    """The event loop's selector with the media port in it."""

    def __init__(self) -> None:
        super().__init__()
        self._serve: Serve | None = None
        self._receive: Callable[[list[Leftover]], None] = lambda leftovers: None

    def attach(self, serve: Serve, receive: Callable[[list[Leftover]], None]) -> None:
        """From now on drain a port with `serve` and give what is left over to `receive`."""
        self._serve, self._receive = serve, receive

    def detach(self) -> None:
        self._serve = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._serve is None:
            return super().select(timeout)
        try:
            leftovers = self._serve(self.fileno(), timeout)
            if leftovers:
                self._receive(leftovers)
        except Exception:  # noqa: BLE001  # outermost frame: a bug in one room must not stop the others' media
            log.exception("relay.poll_failed")
        return super().select(0)
