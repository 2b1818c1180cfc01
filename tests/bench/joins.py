"""
Joins and leaves against one relay: its memory must stay where it was.

    python -m tests.bench.joins [--count 10000] [--plane native]

A join is a client with real ICE, DTLS and SRTP that publishes or receives until media has come through; then its room
ends. Prints memory and descriptors of the relay's process, and ends with 1 when they grow.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from signaling.net.control import RelayClient
from tests.signaling.net.call_client import CallClient
from tests.signaling.net.worker_process import relay_process

ROOMS_AT_ONCE = 8
JOINS_A_ROOM = 2
WARM_UP = 0.4  # of the joins: libraries loaded, tables and the allocator's arenas at their size
# What two readings of a process that does not leak may differ by: arenas that the allocator has not given back, and
# caches that are not full yet. Circles around OpenSSL's memory, when the collector alone broke them: 6 MiB in 200.
ALLOWED_GROWTH_KB = 4096


@dataclass(frozen=True, slots=True)
class Reading:
    """The relay's process after some joins."""

    joins: int
    memory_kb: int
    descriptors: int


def read(pid: int, joins: int) -> Reading:
    """Return the resident memory and the open descriptors of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Reading(joins, int(memory.split()[1]), len(os.listdir(f"/proc/{pid}/fd")))


async def call(client: RelayClient, room: str) -> None:
    """Let one publish and one receive, until media has come through; then end the room."""
    publisher, subscriber = CallClient(), CallClient()
    try:
        await publisher.publish(client, room, "s_a")
        await subscriber.subscribe(client, room, "s_b")
        while not subscriber.packets:
            publisher.send_video(3)
            with contextlib.suppress(TimeoutError):
                await subscriber.until_packets(1, 0.2)
        await client.close_room(room)
    finally:
        await publisher.close()
        await subscriber.close()


async def joins(client: RelayClient, pid: int, count: int, every: int) -> AsyncIterator[Reading]:
    """Join and leave `count` times; a reading after each `every` joins, with no room open."""
    done = told = 0
    while done < count:
        names = [f"room{done + number}" for number in range(ROOMS_AT_ONCE)]
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(call(client, name))
        done += ROOMS_AT_ONCE * JOINS_A_ROOM
        if done - told >= every or done >= count:
            told = done
            yield read(pid, done)


def growth(readings: list[Reading]) -> tuple[int, int]:
    """Return by how much memory (KiB) and descriptors grew from the end of the warm-up to the end."""
    last = readings[-1]
    first = next(r for r in readings if r.joins >= WARM_UP * last.joins)
    return last.memory_kb - first.memory_kb, last.descriptors - first.descriptors


async def ignore_events(client: RelayClient) -> None:
    async for _ in client.events():
        pass


async def run(count: int, plane: str) -> int:
    """Measure and print; 0 when the relay's memory is flat."""
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory() as folder:
        async with relay_process(Path(folder), "--plane", plane) as relay:
            telling = asyncio.create_task(ignore_events(relay.client))
            begun = time.monotonic()
            async for reading in joins(relay.client, relay.process.pid, count, max(100, count // 20)):
                readings.append(reading)
                told = f"{reading.memory_kb / 1024:7.1f} MiB  {reading.descriptors:3d} descriptors"
                print(f"{reading.joins:6d} joins  {told}  {time.monotonic() - begun:6.0f} s", flush=True)
            telling.cancel()
    memory, descriptors = growth(readings)
    print(f"growth after the warm-up: {memory / 1024:.1f} MiB, {descriptors} descriptors")
    return 0 if memory <= ALLOWED_GROWTH_KB and descriptors <= 0 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--plane", choices=("native", "python"), default="native")
    options = parser.parse_args()
    return asyncio.run(run(options.count, options.plane))


if __name__ == "__main__":
    sys.exit(main())
