"""
When the packet plane polls: at once when the port was idle, every few milliseconds while media flows.

Waking for every packet costs more than forwarding it (media.md §4: "wake-ups dominate"). While packets come, the
port is left out of the selector and drained by a timer, so one wake-up serves many rooms.
"""

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.003  # adds 1.5 ms on average to a forwarding delay of which 10 ms are allowed (issue 3)
# A poll that found few packets costs more than they do: the next one waits a little longer.
QUIET_INTERVAL_S = 0.005
FEW = 12
IDLE_POLLS = 10  # 50 ms without a packet: back to waiting for the socket


class Pump:
    """Calls `poll`, which returns how many datagrams it took."""

    def __init__(self, sock: socket.socket, poll: Callable[[], int]) -> None:
        self._sock, self._poll = sock, poll
        self._loop = asyncio.get_running_loop()
        self._idle = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock.fileno(), self._wake)

    def close(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._idle = 0
        self._tick()

    def _tick(self) -> None:
        found = 0
        try:
            found = self._poll()
        except Exception:  # noqa: BLE001  # outermost frame: a bug in one room must not stop the others' media
            log.exception("relay.poll_failed")
        self._idle = 0 if found else self._idle + 1
        if self._idle >= IDLE_POLLS:
            self._timer = None
            self._loop.add_reader(self._sock.fileno(), self._wake)
        else:
            self._timer = self._loop.call_later(QUIET_INTERVAL_S if found < FEW else POLL_INTERVAL_S, self._tick)
