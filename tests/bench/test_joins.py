"""Joins and leaves leave nothing behind; `python -m tests.bench.joins` is the same with 10,000."""

import asyncio
import os
from pathlib import Path

from tests.bench.joins import ALLOWED_GROWTH_KB, Reading, growth, ignore_events, joins
from tests.signaling.net.worker_process import relay_process

COUNT = int(os.environ.get("TELECONSULT_JOINS", "320"))


async def test_memory_and_descriptors_stay_where_they_are(tmp_path: Path) -> None:
    async with relay_process(tmp_path) as relay:
        telling = asyncio.create_task(ignore_events(relay.client))
        readings = [r async for r in joins(relay.client, relay.process.pid, COUNT, 64)]
        telling.cancel()
    memory_kb, descriptors = growth(readings)
    assert descriptors <= 0, readings
    assert memory_kb <= ALLOWED_GROWTH_KB, readings


def test_growth_is_counted_from_the_end_of_the_warm_up() -> None:
    assert growth([Reading(10, 900, 9), Reading(40, 1000, 10), Reading(100, 1100, 10)]) == (100, 0)
