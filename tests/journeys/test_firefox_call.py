"""Debian's Firefox on the real product: the patient's page in it, and the console in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.journeys.browser import DESK, PHONE, WATCH_PEERS, Album, Faults, hears_and_sees, new_person
from tests.journeys.firefox import Firefox, FirefoxPage, firefox
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import Product, book, running
from tests.signaling.net.test_aiortc import own_address

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fox() -> AsyncIterator[Firefox]:
    """Firefox as Debian ships it."""
    async with firefox() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """The product with its relays at this machine's address: Firefox connects to none on loopback."""
    folder = tmp_path_factory.mktemp("product")
    async with running(folder, "--media-host", own_address()) as started:
        yield started


async def person(fox: Firefox, size: dict[str, int]) -> FirefoxPage:
    """A page that remembers its peer connections and what went wrong in it."""
    watch = "window.faults = []; window.addEventListener('error', (event) => faults.push(event.message));"
    page = await fox.new_page(before=WATCH_PEERS + watch)
    await page.set_size(size["width"], size["height"])
    return page


class TestFirefox:
    async def test_patient_in_firefox_and_doctor_in_chromium_see_and_hear_each_other(
        self, product: Product, browser: Browser, fox: Firefox
    ) -> None:
        visit, album = await book(product, "Fox Li"), Album("firefox-patient")
        page = await person(fox, PHONE)
        patient = Patient(page, album)  # type: ignore[arg-type]  # the calls it needs
        doctor = Doctor(await new_person(browser, DESK, Faults()), album)
        await patient.prepare_quickly(visit.link)
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit.visit_id)
        await doctor.claim()
        await doctor.ring()
        await patient.in_call()
        await doctor.in_call()
        await hears_and_sees(page)  # type: ignore[arg-type]
        await hears_and_sees(doctor.page)
        await album.take(page, "call")  # type: ignore[arg-type]
        assert await page.evaluate("faults") == []
        await doctor.page.context.close()

    async def test_doctor_and_patient_in_firefox_from_sign_in_to_signed_note(
        self, product: Product, fox: Firefox
    ) -> None:
        visit, album = await book(product, "Fox Wang"), Album("firefox-console")
        phone, desk = await person(fox, PHONE), await person(fox, DESK)
        patient = Patient(phone, album)  # type: ignore[arg-type]
        doctor = Doctor(desk, album)  # type: ignore[arg-type]
        await patient.prepare_quickly(visit.link)
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit.visit_id)
        await doctor.claim()
        await doctor.ring()
        await patient.in_call()
        await doctor.in_call()
        await hears_and_sees(phone, 60)  # type: ignore[arg-type]  # two of its calls on a busy machine
        await hears_and_sees(desk, 60)  # type: ignore[arg-type]
        await album.take(desk, "call")  # type: ignore[arg-type]
        await doctor.write_note()
        await doctor.end()
        await doctor.sign()
        await patient.step("summary", 60_000)
        await album.take(desk, "signed")  # type: ignore[arg-type]
        assert await desk.evaluate("faults") + await phone.evaluate("faults") == []
