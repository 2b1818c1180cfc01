"""
The project's own load: rooms of one publisher and N subscribers over real ICE, DTLS and SRTP, against one server.

A publisher sends 30 frames/s of 10 packets (1,080 bytes, the last 600) and 50 audio packets/s, 2.5 Mbit/s, encrypted
beforehand. Arrivals are matched to sends by the RTP number, which SRTP leaves readable.
"""

import asyncio
import contextlib
import os
import select
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from signaling.media import rtp
from signaling.net.port import SOL_UDP, UDP_SEGMENT
from tests.bench.servers import Open, Server
from tests.signaling.net.call_client import CallClient

GENERATOR_CORE = 1
FRAMES_PER_S, PACKETS_PER_FRAME, AUDIO_PER_S = 30, 10, 50
PACKETS_PER_S = FRAMES_PER_S * PACKETS_PER_FRAME + AUDIO_PER_S
VP8_KEY, VP8_DELTA = b"\x90\x80\x80\x01\x10", b"\x90\x80\x80\x01\x11"
DRAIN_S = 0.5
CONSENT_ROOMS = 20  # after so many rooms everybody says again that they are there
VIDEO = 0x10000  # of a packet's key; below it the sequence number


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, and for how long it is measured."""

    rooms: int
    subscribers: int
    seconds: float
    warmup_s: float = 1.0
    sampled_rooms: int = 1000
    """Only these rooms' subscribers are read; the others' packets end in full socket buffers. So one Python process
    can load a relay with more than it could read itself."""


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
    """What is sent at one moment: a frame's packets, or one of speech."""

    at: float
    publisher: int
    keys: list[int]
    """Sequence numbers, with VIDEO for video."""
    packets: list[bytes]

    def send(self, client: CallClient) -> None:
        """Send in one call; the kernel cuts at the first one's size, which only the last is below."""
        segment = struct.pack("=H", len(self.packets[0]))
        with contextlib.suppress(BlockingIOError):
            client.sock.sendmsg(self.packets, [(SOL_UDP, UDP_SEGMENT, segment)], 0, client.relay)


async def run(open_server: Open, load: Load) -> Result:
    """Start a server, load it, and measure the window after the warm-up."""
    os.sched_setaffinity(0, {GENERATOR_CORE % (os.cpu_count() or 1)})
    async with open_server() as server:
        publishers, receivers = await _join(server, load)
        return _measure(server.pid, publishers, receivers, load)


async def _join(server: Server, load: Load) -> tuple[list[CallClient], list[tuple[int, CallClient]]]:
    loop = asyncio.get_running_loop()
    publishers: list[CallClient] = []
    receivers: list[tuple[int, CallClient]] = []
    for room in range(load.rooms):
        publishers.append(await server.calls.publish(room))
        joining = (server.calls.subscribe(room, number) for number in range(load.subscribers))
        receivers += [(room, receiver) for receiver in await asyncio.gather(*joining)]
        if room % CONSENT_ROOMS == CONSENT_ROOMS - 1 or room == load.rooms - 1:
            for one in [*publishers, *(receiver for _, receiver in receivers)]:
                one.check()  # consent lasts 30 s (RFC 7675), and joining many takes longer
    for one in [*publishers, *(receiver for _, receiver in receivers)]:
        loop.remove_reader(one.sock.fileno())  # from now on they are read below
    return publishers, receivers


def _schedule(publishers: list[CallClient], total_s: float) -> list[Due]:
    """All packets of the run, encrypted; the rooms' frames are spread evenly over a frame's time."""
    found: list[Due] = []
    for room, publisher in enumerate(publishers):
        phase = room / len(publishers) / FRAMES_PER_S
        for number in range(int(total_s * FRAMES_PER_S)):
            places = range(PACKETS_PER_FRAME)
            keys = [VIDEO | (number * PACKETS_PER_FRAME + place) & 0xFFFF for place in places]
            packets = [_video(publisher, number, place, keys[place]) for place in places]
            found.append(Due(phase + number / FRAMES_PER_S, room, keys, packets))
        for number in range(int(total_s * AUDIO_PER_S)):
            key = number & 0xFFFF
            data = _packet(publisher, 0, number, number * 960, _tag(key) + bytes(86), marker=False)
            found.append(Due(phase + number / AUDIO_PER_S, room, [key], [data]))
    found.sort(key=lambda due: due.at)
    return found


def _video(publisher: CallClient, frame: int, place: int, key: int) -> bytes:
    last = place == PACKETS_PER_FRAME - 1
    head = (VP8_DELTA if frame % 60 else VP8_KEY) + _tag(key)
    payload = head + bytes((600 if last else 1080) - len(head))
    return _packet(publisher, 1, key, frame * 3000, payload, marker=last)


def _tag(key: int) -> bytes:
    """What a packet carries to be known by, where a server numbers packets anew."""
    return key.to_bytes(4, "big")


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
        self._shifts: dict[tuple[int, int], int] = {}
        """(descriptor, kind) -> how far the server's sequence numbers are from the publisher's."""

    def read(self, timeout_s: float) -> None:
        for fd, _ in self.poller.poll(timeout_s, 64):
            room, receiver = self.by_fd[fd]
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = receiver.sock.recv(2048)
                    if data[0] >> 6 == 2 and not 192 <= data[1] < 224:
                        self._note(fd, room, receiver, data)

    def _note(self, fd: int, room: int, receiver: CallClient, data: bytes) -> None:
        kind = 0 if data[1] & 127 == 111 else VIDEO
        shift = self._shifts.get((fd, kind))
        if shift is None:
            shift = self._shifts[fd, kind] = _shift(receiver, data)
        sequence = data[2] << 8 | data[3]
        at = self.sent_at.get((room, kind | (sequence - shift) & 0xFFFF))
        self.count += 1
        if at is not None:
            self.delays.append(time.monotonic() - at)


def _shift(receiver: CallClient, data: bytes) -> int:
    """By a stream's first packet."""
    assert receiver.keys is not None  # connected
    plain = receiver.keys.rx._session.unprotect(data)
    header = rtp.parse_header(plain)
    at = header.payload_at + (0 if plain[1] & 127 == 111 else len(VP8_KEY))
    return int(header.sequence) - int.from_bytes(plain[at : at + 4], "big") & 0xFFFF


def _measure(pid: int, publishers: list[CallClient], receivers: list[tuple[int, CallClient]], load: Load) -> Result:
    sampled = [(room, receiver) for room, receiver in receivers if room < load.sampled_rooms]
    arrivals, due = _Arrivals(sampled), _schedule(publishers, load.warmup_s + load.seconds)
    start, sent = time.monotonic() + 0.05, 0
    cpu_before = count_before = 0.0
    opened = False
    for number, packet in enumerate(due):
        while (ahead := start + packet.at - time.monotonic()) > 0:
            arrivals.read(ahead)
        if not opened and packet.at >= load.warmup_s:
            opened, cpu_before, count_before = True, cpu_seconds(pid), arrivals.count
            arrivals.delays.clear()
        if packet.publisher < load.sampled_rooms:
            sent += len(packet.packets) if opened else 0
            at = time.monotonic()
            for key in packet.keys:
                arrivals.sent_at[packet.publisher, key] = at
        packet.send(publishers[packet.publisher])
        if number % 4 == 0:
            arrivals.read(0)
    cpu = cpu_seconds(pid) - cpu_before
    window = time.monotonic() - start - load.warmup_s
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end:
        arrivals.read(0.05)
    got, expected = arrivals.count - count_before, sent * load.subscribers
    delays = sorted(arrivals.delays) or [0.0]
    quantile = [1000 * delays[min(len(delays) - 1, int(q * len(delays)))] for q in (0.5, 0.95, 0.99)]
    loss = max(0.0, 1 - got / expected)
    got *= load.rooms / min(load.rooms, load.sampled_rooms)  # what was not read was forwarded all the same
    return Result(got / window, cpu / max(1, got) * 1e6, loss, *quantile, cpu / window)
