"""static/README.md "The call": the patient's network changes and the call goes on; the percentiles stand there too."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser

from tests.journeys.browser import hears_and_sees
from tests.journeys.product import Product
from tests.journeys.roaming import SETTLE_S, change, roaming_call

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

# Far above the measured p95, for a machine that does six other things; far below what a person takes for the end.
REBIND_MOST_MS = 1_500
LEAVE_MOST_MS = 4_000


async def test_call_outlives_a_nat_that_forgets_and_a_network_that_is_left(product: Product, browser: Browser) -> None:
    async with roaming_call(product, browser) as call:
        await asyncio.sleep(SETTLE_S)
        gaps = await change(call, "rebind")
        assert max(gaps["up_audio"], gaps["down_audio"]) < REBIND_MOST_MS, gaps
        gaps = await change(call, "leave")
        assert max(gaps["up_audio"], gaps["down_audio"]) < LEAVE_MOST_MS, gaps
        await hears_and_sees(call.doctor.page)
        await hears_and_sees(call.patient.page)
        assert call.faults.seen == []
