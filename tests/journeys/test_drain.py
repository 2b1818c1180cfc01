"""server/README.md "Draining a relay": a live call moves to another relay, and the people hardly notice."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest
from playwright.async_api import Page

from tests.journeys.browser import heard, hears_and_sees
from tests.journeys.conftest import Call, own_product
from tests.journeys.product import ROOT, Product, pid_of
from tests.journeys.roaming import WATCH_GAPS, media_ports

product = own_product  # it is killed here
pytestmark = [pytest.mark.journey, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

MOVED_WITHIN_S = 30.0


async def drain(product: Product, which: int) -> str:
    """Run the operator's command; return what it says."""
    command = [sys.executable, "-m", "server", "drain", str(which)]
    environment = {"TELECONSULT_DATA_DIR": str(product.data_dir), "PATH": "/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), MOVED_WITHIN_S)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def only_through(page: Page, port: int) -> None:
    """Wait until every connection of the page goes to this port: a page moves its two links one after the other."""
    deadline = time.monotonic() + MOVED_WITHIN_S
    while (seen := (await heard(page)).ports) != {port}:
        assert time.monotonic() < deadline, f"still through {set(seen)}, not only {port}"
        await asyncio.sleep(0.2)


async def test_a_drained_relay_hands_its_call_on_with_a_gap_below_two_seconds(product: Product, call: Call) -> None:
    ports = media_ports(product)
    (before,) = (await heard(call.doctor.page)).ports
    relay = ports.index(before)
    pid = await pid_of(product, f"relay-{relay}.sock")
    pages = (call.doctor.page, call.patient.page)
    for page in pages:
        await page.evaluate(WATCH_GAPS)
    await asyncio.sleep(1.0)
    said = await drain(product, relay)
    assert "drained of 1 rooms" in said
    for page in pages:
        await hears_and_sees(page)
        await only_through(page, ports[1 - relay])
        gaps = await page.evaluate("gaps")
        print("gaps", gaps)
        assert max(gaps.values()) < 2000, gaps
    assert await pid_of(product, f"relay-{relay}.sock", pid) != pid  # a fresh one
    assert await call.patient.page.get_attribute("body", "data-step") == "call"
