"""
The project's own load: rooms of one publisher and N subscribers over real ICE, DTLS and SRTP, against one relay.

A publisher sends 30 frames/s of 10 packets (1,080 bytes, the last 600) and 50 audio packets/s, 2.5 Mbit/s, encrypted
beforehand. Arrivals are matched to sends by the RTP number, which SRTP leaves readable.
"""

import asyncio
import contextlib
import os
import select
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from signaling.net.control import RelayClient
from tests.signaling.net.call_client import CallClient

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE, GENERATOR_CORE = 0, 1
FRAMES_PER_S, PACKETS_PER_FRAME, AUDIO_PER_S = 30, 10, 50
PACKETS_PER_S = FRAMES_PER_S * PACKETS_PER_FRAME + AUDIO_PER_S
VP8_KEY, VP8_DELTA = b"\x90\x80\x80\x01\x10", b"\x90\x80\x80\x01\x11"
DRAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    forwarded_per_s: float
    us_per_packet: float
    loss: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    core_share: float
    """Of one core that the relay used."""


@dataclass(slots=True)
class Due:
    """One packet to be sent."""

    at: float
    publisher: int
    key: int
    """Sequence number, with 0x10000 for video."""
    data: bytes


async def run(plane: str, rooms: int, subscribers: int, *, warmup_s: float, seconds: float) -> Result:
    """Start a relay on its own core, load it, and measure the window after the warm-up."""
    os.sched_setaffinity(0, {GENERATOR_CORE % os.cpu_count()})  # type: ignore[operator]  # Linux tells it
    with tempfile.TemporaryDirectory() as folder:
        control = os.path.join(folder, "relay.sock")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "signaling.net.worker", "--control", control, "--udp", "127.0.0.1:0",
            "--public-address", "127.0.0.1", "--plane", plane, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        os.sched_setaffinity(child.pid, {SERVER_CORE})
        try:
            assert child.stdout is not None  # asked for
            await child.stdout.readline()
            client = await RelayClient.connect(control)
            publishers, receivers = await _join(client, rooms, subscribers)
            result = _measure(child.pid, publishers, receivers, warmup_s, seconds)
            await client.close()
            return result
        finally:
            child.terminate()
            await child.wait()


async def _join(
    client: RelayClient, rooms: int, subscribers: int
) -> tuple[list[CallClient], list[tuple[int, CallClient]]]:
    publishers, receivers = [], []
    loop = asyncio.get_running_loop()
    for room in range(rooms):
        publisher = CallClient()
        await publisher.publish(client, f"room{room}", "s_a")
        publishers.append(publisher)
        for number in range(subscribers):
            receiver = CallClient()
            await receiver.subscribe(client, f"room{room}", f"s_{number}")
            receivers.append((room, receiver))
    for one in [*publishers, *(receiver for _, receiver in receivers)]:
        loop.remove_reader(one.sock.fileno())  # from now on they are read below
    return publishers, receivers


def _schedule(publishers: list[CallClient], total_s: float) -> list[Due]:
    """All packets of the run, encrypted; the rooms' frames are spread evenly over a frame's time."""
    found: list[Due] = []
    for room, publisher in enumerate(publishers):
        phase, sequence = room / len(publishers) / FRAMES_PER_S, 0
        for frame in range(int(total_s * FRAMES_PER_S)):
            head = VP8_KEY if frame % 60 == 0 else VP8_DELTA
            for place in range(PACKETS_PER_FRAME):
                last = place == PACKETS_PER_FRAME - 1
                size = 600 if last else 1080
                data = _packet(publisher, 1, sequence, frame * 3000, head + bytes(size - len(head)), marker=last)
                found.append(Due(phase + frame / FRAMES_PER_S, room, 0x10000 | sequence & 0xFFFF, data))
                sequence += 1
        for number in range(int(total_s * AUDIO_PER_S)):
            data = _packet(publisher, 0, number, number * 960, bytes(90), marker=False)
            found.append(Due(phase + number / AUDIO_PER_S, room, number & 0xFFFF, data))
    found.sort(key=lambda due: due.at)
    return found


def _packet(publisher: CallClient, mid: int, sequence: int, timestamp: int, payload: bytes, *, marker: bool) -> bytes:
    number = (111, 96)[mid] | 128 * marker
    head = struct.pack("!BBHII", 0x80, number, sequence & 0xFFFF, timestamp, publisher.ssrcs[mid])
    assert publisher.keys is not None  # connected
    return publisher.keys.tx._session.protect(head + payload)


def cpu_seconds(pid: int) -> float:
    """Run time of all threads of a process, in seconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


class _Arrivals:
    """What subscribers got, and how long it took."""

    def __init__(self, receivers: list[tuple[int, CallClient]]) -> None:
        self.poller = select.epoll()
        self.by_fd = {receiver.sock.fileno(): (room, receiver) for room, receiver in receivers}
        for fd in self.by_fd:
            self.poller.register(fd, select.EPOLLIN)
        self.sent_at: dict[tuple[int, int], float] = {}
        self.delays: list[float] = []
        self.count = 0

    def read(self, timeout_s: float) -> None:
        for fd, _ in self.poller.poll(timeout_s, 64):
            room, receiver = self.by_fd[fd]
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = receiver.sock.recv(2048)
                    if data[0] >> 6 == 2 and not 192 <= data[1] < 224:
                        self._note(room, data)

    def _note(self, room: int, data: bytes) -> None:
        video = data[1] & 127 != 111
        at = self.sent_at.get((room, video << 16 | data[2] << 8 | data[3]))
        self.count += 1
        if at is not None:
            self.delays.append(time.monotonic() - at)


def _measure(
    pid: int, publishers: list[CallClient], receivers: list[tuple[int, CallClient]], warmup_s: float, seconds: float
) -> Result:
    arrivals, due = _Arrivals(receivers), _schedule(publishers, warmup_s + seconds)
    start, sent = time.monotonic() + 0.05, 0
    cpu_before = count_before = 0.0
    opened = False
    for packet in due:
        while (ahead := start + packet.at - time.monotonic()) > 0:
            arrivals.read(ahead)
        if not opened and packet.at >= warmup_s:
            opened, cpu_before, count_before = True, cpu_seconds(pid), arrivals.count
            arrivals.delays.clear()
        if opened:
            sent += 1
        arrivals.sent_at[packet.publisher, packet.key] = time.monotonic()
        publishers[packet.publisher]._send(packet.data)
        if sent % 8 == 0:
            arrivals.read(0)
    cpu = cpu_seconds(pid) - cpu_before
    window = time.monotonic() - start - warmup_s
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end:
        arrivals.read(0.05)
    got, expected = arrivals.count - count_before, sent * len(receivers) / len(publishers)
    delays = sorted(arrivals.delays) or [0.0]
    quantile = [1000 * delays[min(len(delays) - 1, int(q * len(delays)))] for q in (0.5, 0.95, 0.99)]
    loss = max(0.0, 1 - got / expected)
    return Result(got / window, cpu / max(1, got) * 1e6, loss, *quantile, cpu / window)
