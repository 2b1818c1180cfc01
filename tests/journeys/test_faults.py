"""A process is killed during a call: the call comes back, and nobody has to do anything but wait."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.journeys.browser import hears_and_sees, until
from tests.journeys.conftest import Call, own_product
from tests.journeys.product import BACK_S, Product, kill, pid_of

product = own_product  # it is killed here
pytestmark = [
    pytest.mark.journey,
    pytest.mark.chaos,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def ready(product: Product) -> None:
    """Wait until the product says that it is."""
    deadline = time.monotonic() + BACK_S
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{product.base_url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            assert time.monotonic() < deadline, "not ready again"
            await asyncio.sleep(0.2)


async def media_flows(call: Call) -> None:
    """Both see and hear each other (again)."""
    await hears_and_sees(call.patient.page, BACK_S)
    await hears_and_sees(call.doctor.page, BACK_S)


async def chat_works(call: Call, text: str) -> None:
    """A message goes from the doctor to the patient's page, and is stored: what only came directly says so."""
    await call.doctor.write(text)
    stored = "[...document.querySelectorAll('.chat-list li:not(:has(.kept))')]"
    await until(call.patient.page, f"{stored}.some((line) => line.textContent.includes('{text}'))", BACK_S)


async def test_call_survives_a_killed_relay(product: Product, call: Call) -> None:
    for pid in product.pids["relays"]:
        kill(pid)
    await asyncio.sleep(1.0)  # not a wait for success: the pages must have lost the relay before we look
    await media_flows(call)
    assert await call.patient.page.get_attribute("body", "data-step") == "call"


async def test_call_survives_a_killed_web_process(product: Product, call: Call) -> None:
    before = await pid_of(product, " web")
    await chat_works(call, "before the fault")
    kill(before)
    await pid_of(product, " web", before)
    await ready(product)
    await media_flows(call)
    await chat_works(call, "after the fault")
    assert "before the fault" in await call.patient.page.locator(".chat-list").inner_text()


async def test_call_survives_a_killed_database(product: Product, call: Call) -> None:
    before = await pid_of(product, "postgres")
    kill(before)
    await media_flows(call)
    await pid_of(product, "postgres", before)
    await ready(product)
    await chat_works(call, "stored after all")
    await call.doctor.write_note()
    await call.doctor.end()
    await call.doctor.sign()
    await call.patient.step("summary", 30_000)
