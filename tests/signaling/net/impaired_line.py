"""A user-space line between a browser and the relay: seeded loss, delay, jitter, and a change of address."""

import asyncio
import contextlib
import heapq
import itertools
import random
import socket
from dataclasses import dataclass


@dataclass
class Conditions:
    """What happens to a datagram, either way."""

    loss: float = 0.0
    burst: float = 0.0
    """Mean length of the runs in which packets are lost (Gilbert-Elliott); 0 loses each one by itself."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_bps: float = 0.0
    """Of UDP and IP bytes; a queue of QUEUE_S before it, what does not fit is lost. 0 is no limit."""


QUEUE_S = 0.3
UDP_IP_BYTES = 28


@dataclass
class Way:
    """One direction: whether it is in a burst of loss, and when its queue is empty."""

    is_losing: bool = False
    free_at: float = 0.0


class ImpairedLine:
    """Listens on a port of its own and passes datagrams on to the relay, from one socket for each client."""

    def __init__(self, relay_port: int, conditions: Conditions, seed: int = 7) -> None:
        self.conditions = conditions
        self.dropped = 0
        self.passed_bytes = 0
        self._ways: dict[tuple[str, int], Way] = {}
        self._random = random.Random(seed)
        self._relay = ("127.0.0.1", relay_port)
        self._front = self._socket()
        self.port: int = self._front.getsockname()[1]
        self._backs: dict[tuple[str, int], socket.socket] = {}
        self._due: list[tuple[float, int, socket.socket, bytes, tuple[str, int]]] = []
        self._numbers = itertools.count()
        self._dead: set[tuple[str, int]] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._front.fileno(), self._from_client)

    @staticmethod
    def _socket() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        return sock

    def change_address(self) -> None:
        """Let the relay see every client at a new address, as when a phone changes its network behind a NAT."""
        for client, old in list(self._backs.items()):
            self._loop.remove_reader(old.fileno())
            old.close()
            self._backs[client] = self._open_back(client)

    def leave(self) -> None:
        """Let every socket that a client uses now be dead, without a word; only new ones pass."""
        self._dead |= set(self._backs)

    def close(self) -> None:
        for sock in (self._front, *self._backs.values()):
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def _open_back(self, client: tuple[str, int]) -> socket.socket:
        back = self._socket()
        self._loop.add_reader(back.fileno(), self._from_relay, back, client)
        return back

    def _from_client(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data, client = self._front.recvfrom(2048)
                if client in self._dead:
                    continue
                back = self._backs.get(client)
                if back is None:
                    back = self._backs[client] = self._open_back(client)
                self._pass_on(back, data, self._relay)

    def _from_relay(self, back: socket.socket, client: tuple[str, int]) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data = back.recv(2048)
                if client not in self._dead:
                    self._pass_on(self._front, data, client)

    def _pass_on(self, sock: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        way = self._ways.setdefault(to, Way())
        now, size = self._loop.time(), len(data) + UDP_IP_BYTES
        queued = max(0.0, way.free_at - now)
        if self._loses(way) or queued > QUEUE_S:
            self.dropped += 1
            return
        self.passed_bytes += size
        if self.conditions.rate_bps:
            way.free_at = now + queued + size * 8 / self.conditions.rate_bps
            queued = way.free_at - now
        wait = queued + self.conditions.delay_s + abs(self._random.gauss(0, self.conditions.jitter_s))
        heapq.heappush(self._due, (now + wait, next(self._numbers), sock, data, to))
        self._loop.call_at(self._due[0][0], self._send_due)

    def _loses(self, way: Way) -> bool:
        loss, burst = self.conditions.loss, self.conditions.burst
        if not burst:
            return self._random.random() < loss
        change = 1 / burst if way.is_losing else loss / (1 - loss) / burst
        if self._random.random() < change:
            way.is_losing = not way.is_losing
        return way.is_losing

    def _send_due(self) -> None:
        while self._due and self._due[0][0] <= self._loop.time() and self._front.fileno() >= 0:
            _, _, sock, data, to = heapq.heappop(self._due)
            with contextlib.suppress(OSError):  # closed by a change of address
                sock.sendto(data, to)
