"""Many resources are written in one statement, and do not keep the event loop from others meanwhile."""

import asyncio
from typing import Any

import pytest

from records.store.resource_writes import AT_ONCE, insert_all
from tests.bench.fhir_pure import new_unit
from tests.bench.fhir_ratio import patient


class TestLargeBundles:
    @pytest.mark.parametrize(("count", "least"), [(100, 0), (3 * AT_ONCE, 3)])
    async def test_others_have_their_turns(self, count: int, least: int) -> None:
        unit, turns, resources = new_unit(), 0, [{**patient(n), "id": str(n)} for n in range(count)]
        await unit.start()

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        other: asyncio.Task[Any] = asyncio.create_task(others())
        await insert_all(unit, resources, is_fresh=True)
        other.cancel()
        assert turns >= least
