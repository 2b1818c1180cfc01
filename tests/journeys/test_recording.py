"""A call is recorded with everybody's consent, everybody sees it, the doctor plays it back; a kill leaves a prefix."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.async_api import Page, expect

from tests.journeys.browser import until
from tests.journeys.conftest import Call, own_product
from tests.journeys.product import Product

product = own_product  # it is killed here
pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

MARK = ".recording-mark"
RECORD, PAUSE, STOP = "Record", "Pause recording", "Stop recording"
PLAYER = """() => [...document.querySelectorAll('.player video')].map((video) => ({
  time: video.currentTime, duration: video.duration, width: video.videoWidth, start: Number(video.dataset.start),
  sound: video.webkitAudioDecodedByteCount, picture: video.webkitVideoDecodedByteCount }))"""


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def marked(page: Page, state: str) -> None:
    """Wait until a page shows this state of the recording."""
    await page.wait_for_selector(f"{MARK}.{state}:visible", timeout=30_000)


async def recorded(call: Call, seconds: int) -> None:
    """Record with the patient's consent, given in the call."""
    await press(call.doctor.page, RECORD)
    await marked(call.patient.page, "asks")
    await call.patient.album.take(call.patient.page, "recording-asked")
    await press(call.patient.page, "Yes, record")
    await marked(call.patient.page, "on")
    await marked(call.doctor.page, "on")
    await call.patient.album.take(call.patient.page, "recording-on")
    await call.doctor.page.wait_for_timeout(seconds * 1000)  # the thing recorded is time itself


async def play(page: Page) -> None:
    await page.wait_for_selector(".recorded button:enabled", timeout=30_000)
    await page.locator(".recorded .actions button").last.click()
    await until(page, "document.querySelectorAll('.player video').length >= 2", 20)


async def test_asked_recorded_seen_stopped_and_played(call: Call) -> None:
    await recorded(call, 8)
    assert await call.patient.page.locator(f"{MARK}[role=status]").inner_text() != ""
    await press(call.doctor.page, STOP)
    await marked(call.patient.page, "sealed")
    await play(call.doctor.page)
    page = call.doctor.page
    await until(page, f"({PLAYER})().every((each) => each.time > 1.5 && each.width > 0)", 30)
    before = await page.evaluate(PLAYER)
    await until(page, f"({PLAYER})()[0].time > {before[0]['time'] + 1}", 10)
    files = await page.evaluate(PLAYER)
    assert len(files) == 2
    for each in files:
        assert 5 < each["duration"] < 14
        assert each["sound"] > 0 and each["picture"] > 0
    await call.doctor.album.take(page, "recording-played")
    await page.locator(".player input[type=range]").fill("2")
    await until(page, f"({PLAYER})().every((each) => each.time + each.start / 1000 < 5.5)", 10)


async def test_taken_back_in_the_call_nothing_is_recorded_until_given_again(call: Call) -> None:
    await recorded(call, 1)
    await press(call.patient.page, "Stop recording me")
    await marked(call.doctor.page, "gap")
    await marked(call.patient.page, "asks")
    await press(call.patient.page, "Yes, record")
    await marked(call.doctor.page, "on")
    await press(call.doctor.page, PAUSE)
    await marked(call.patient.page, "gap")
    await press(call.doctor.page, STOP)


async def test_a_kill_of_the_server_leaves_what_was_recorded(call: Call, product: Product) -> None:
    await recorded(call, 9)
    os.kill(product.pids["web"], signal.SIGKILL)
    page = call.doctor.page
    await page.wait_for_timeout(1000)
    await until(page, "fetch('/livez').then((answer) => answer.ok, () => false)", 40)
    await expect(call.patient.page.locator(f"{MARK}[role=status]")).to_contain_text("has stopped", timeout=40_000)
    await page.goto(f"{product.base_url}/console#visit={call.visit.visit_id}")
    await play(page)
    await expect(page.locator(".recorded .notice")).to_be_visible()
    await until(page, f"({PLAYER})().every((each) => each.time > 1 && each.width > 0)", 30)
    assert min(each["duration"] for each in await page.evaluate(PLAYER)) > 3
