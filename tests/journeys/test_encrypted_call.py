"""signaling/README.md "End-to-end encryption": two browsers see each other, the relay's own view shows nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from signaling.net.control import RelayClient
from tests.journeys.browser import DESK, PHONE, Album, Faults, hears_and_sees, new_person, until
from tests.journeys.conftest import Call
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import Booked, Product, book
from tests.signaling.net.browser_seat import BrowserSeat, open_seat

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

NUMBER = ".sealing [data-number]"
# How much of the picture is the fake camera's green: its background fills more than half of it.
GREEN = """() => {
  const video = [...document.querySelectorAll('video')].find((one) => one.videoWidth && !one.closest('.self'));
  if (!video) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, 64, 48);
  const { data } = pen.getImageData(0, 0, 64, 48);
  let green = 0;
  for (let at = 0; at < data.length; at += 4) green += data[at + 1] > 1.5 * Math.max(data[at], data[at + 2]) ? 1 : 0;
  return green / (64 * 48);
}"""


async def encrypt(doctor: Doctor) -> None:
    """Press the button with the lock."""
    await doctor.page.get_by_role("button", name="Encrypt end to end").click()
    await doctor.page.wait_for_selector(".sealing:not([hidden])")


async def number(page: Page) -> str:
    """Return the safety number that the page shows."""
    await page.wait_for_selector(NUMBER, state="attached")
    return str(await page.locator(NUMBER).get_attribute("data-number"))


def control_socket(pid: int) -> str:
    """Return where a relay process takes orders."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return words[words.index("--control") + 1]


@asynccontextmanager
async def relay_of(product: Product, visit_id: str) -> AsyncIterator[RelayClient]:
    """Open the control channel of the relay that holds the visit, as somebody who has taken over the server could."""
    for pid in product.pids["relays"]:
        client = await RelayClient.connect(control_socket(pid))
        reading = asyncio.create_task(read_events(client))  # who doesn't read them is dropped
        if any(room.room == visit_id for room in (await client.snapshot()).rooms):
            yield client
        reading.cancel()
        await client.close()


async def read_events(client: RelayClient) -> None:
    """Take all events, as the server would."""
    async for _ in client.events():
        pass


async def spy_on(browser: Browser, client: RelayClient, visit_id: str) -> BrowserSeat:
    """Receive all that the relay has of a visit, in a browser that decodes it as it is."""
    spy = await open_seat(browser, client, visit_id, "s_spy")
    await spy.subscribe()
    await spy.wait_until("d.received > 60000")
    return spy


class TestEncryptedCall:
    """Turned on by the doctor in a call that runs."""

    async def test_both_see_each_other_and_the_relay_sees_nothing(
        self, product: Product, browser: Browser, call: Call
    ) -> None:
        async with relay_of(product, call.visit.visit_id) as client:
            spy = await spy_on(browser, client, call.visit.visit_id)
            await spy.wait_until("d.frames > 5")
            assert (await spy.page.evaluate(GREEN)) > 0.3  # before: whoever holds the relay sees the picture
            await spy.page.context.close()
            await client.close_link(call.visit.visit_id, spy.down)
            await encrypt(call.doctor)
            await hears_and_sees(call.patient.page)
            await hears_and_sees(call.doctor.page)
            await until(call.doctor.page, f"({GREEN})() > 0.3")
            spy = await spy_on(browser, client, call.visit.visit_id)
            assert ((await spy.page.evaluate(GREEN)) or 0) < 0.3
            await spy.page.context.close()
        assert await number(call.doctor.page) == await number(call.patient.page)
        await expect(call.patient.page.locator(".sealing")).to_contain_text("end-to-end encrypted. Recording and")

    async def test_reload_brings_a_new_key_and_the_picture_back(self, call: Call) -> None:
        await encrypt(call.doctor)
        before = await number(call.doctor.page)
        await call.patient.page.reload()
        await call.patient.in_call()
        await hears_and_sees(call.patient.page)
        await hears_and_sees(call.doctor.page)
        assert await number(call.doctor.page) == await number(call.patient.page) != before

    async def test_ended_by_the_doctor_and_said_so(self, call: Call) -> None:
        await encrypt(call.doctor)
        await call.doctor.page.get_by_role("button", name="End encryption").click()
        await expect(call.patient.page.locator(".sealing")).to_contain_text("not end-to-end encrypted any more")
        await hears_and_sees(call.patient.page)
        await hears_and_sees(call.doctor.page)


class TestRefused:
    """Not everybody can, or somebody in between swaps keys."""

    async def test_an_old_browser_is_named_and_nothing_changes(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Chen Mei")
        page = await new_person(browser, PHONE, Faults())
        await page.context.add_init_script("delete globalThis.RTCRtpScriptTransform;")
        patient, doctor = Patient(page, Album("old")), Doctor(await new_person(browser, DESK, Faults()), Album("old-d"))
        await begin(product, visit, patient, doctor)
        await encrypt(doctor)
        await expect(doctor.page.locator(".sealing")).to_contain_text("Not everybody in this call")
        assert await patient.page.locator(NUMBER).count() == 0
        await hears_and_sees(doctor.page)
        await patient.page.context.close()
        await doctor.page.context.close()

    async def test_swapped_keys_show_in_the_number(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Chen Mei")
        page = await new_person(browser, PHONE, Faults())
        foreign = await page.evaluate(FOREIGN_POINT)
        await page.route_web_socket("**/api/ws", lambda socket: swap_keys(socket, foreign))
        patient = Patient(page, Album("swap"))
        doctor = Doctor(await new_person(browser, DESK, Faults()), Album("swap-doctor"))
        await begin(product, visit, patient, doctor)
        await encrypt(doctor)
        assert await number(doctor.page) != await number(patient.page)
        await patient.page.context.close()
        await doctor.page.context.close()


# A valid point of a stranger's: the generator of P-256 itself.
FOREIGN_POINT = """() => 'BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU'"""


def swap_keys(socket: WebSocketRoute, foreign: str) -> None:
    """Show the patient's page a stranger's key in the doctor's place, as a server that listens in would."""
    server = socket.connect_to_server()

    def changed(message: str | bytes) -> None:
        frame: dict[str, Any] = json.loads(message)
        for seat in frame["body"].get("seats", []):
            if seat["role"] == "doctor" and seat["public_key"]:
                seat["public_key"] = foreign
        socket.send(json.dumps(frame))

    server.on_message(changed)


async def begin(product: Product, visit: Booked, patient: Patient, doctor: Doctor) -> None:
    """Everything to the call."""
    await patient.prepare_quickly(visit.link)
    await doctor.sign_in(product.base_url, product.doctors[0])
    await doctor.read(visit.visit_id)
    await doctor.claim()
    await doctor.ring()
    await patient.in_call()
    await doctor.in_call()
    await hears_and_sees(doctor.page)
