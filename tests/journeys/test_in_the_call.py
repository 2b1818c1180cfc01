"""What people do in a call: mute, camera, sound only, hold, no devices at all."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.browser import DESK, PHONE, Album, Faults, heard, hears_and_sees, new_person, until
from tests.journeys.conftest import Call
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import Product, book

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

MICROPHONE, CAMERA, SOUND_ONLY = 0, 1, 2
PICTURE = "document.querySelectorAll('.tile.has-picture:not(.self)').length"


async def press(person: Patient | Doctor, number: int) -> None:
    """Press a button of the bar."""
    await person.page.locator(".call-controls .bar-button").nth(number).click()


class TestOwnDevices:
    """Each button does what it says, and the other side sees it."""

    async def test_mute_is_seen_and_nothing_is_heard(self, call: Call) -> None:
        await press(call.patient, MICROPHONE)
        await expect(call.doctor.page.locator(".tile:not(.self) .note")).to_have_text("Microphone off")
        await asyncio.sleep(1.0)  # what was under way
        before = (await heard(call.doctor.page)).audio_energy
        await asyncio.sleep(2.5)  # the fake microphone beeps once a second
        assert (await heard(call.doctor.page)).audio_energy == pytest.approx(before, abs=1e-6)
        await press(call.patient, MICROPHONE)
        await expect(call.doctor.page.locator(".tile:not(.self) .note")).to_be_empty()
        await hears_and_sees(call.doctor.page)

    async def test_camera_off_releases_the_camera(self, call: Call) -> None:
        await press(call.patient, CAMERA)
        await until(call.doctor.page, f"{PICTURE} === 0")
        await until(call.patient.page, "document.querySelector('.tile.self video').srcObject === null")
        await press(call.patient, CAMERA)
        await until(call.doctor.page, f"{PICTURE} === 1")
        await hears_and_sees(call.doctor.page)

    async def test_sound_only_and_back(self, call: Call) -> None:
        await press(call.patient, SOUND_ONLY)
        await until(call.patient.page, f"{PICTURE} === 0")
        await until(call.doctor.page, f"{PICTURE} === 0")
        await press(call.patient, SOUND_ONLY)
        await hears_and_sees(call.patient.page)
        await hears_and_sees(call.doctor.page)


class TestHold:
    """On hold nobody is heard or seen, and both know it."""

    async def test_hold_and_go_on(self, call: Call) -> None:
        await call.doctor.page.keyboard.press("Alt+KeyH")
        await expect(call.patient.page.locator(".line-status")).to_contain_text("paused the call")
        await asyncio.sleep(1.0)  # what was under way
        before = await heard(call.patient.page)
        await asyncio.sleep(2.0)
        after = await heard(call.patient.page)
        assert after.frames_decoded - before.frames_decoded <= 1
        await call.patient.album.take(call.patient.page, "on-hold")
        await call.doctor.page.keyboard.press("Alt+KeyH")
        await until(call.patient.page, "document.querySelector('.line-status').hidden", 15)
        await hears_and_sees(call.patient.page)
        await hears_and_sees(call.doctor.page)


class TestWithoutDevices:
    """Nothing works: the person answers all the same, and writes."""

    async def test_patient_without_camera_and_microphone_is_seen_by_text(
        self, product: Product, browser: Browser
    ) -> None:
        visit = await book(product, "By text")
        album = Album("by-text")
        patient = Patient(await new_person(browser, PHONE, Faults()), album)
        await patient.page.context.add_init_script(
            "navigator.mediaDevices.getUserMedia = async () => {"
            " throw new DOMException('denied', 'NotAllowedError'); };"
        )
        await patient.prepare_quickly(visit.link)
        doctor = Doctor(await new_person(browser, DESK, Faults()), album)
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit.visit_id)
        await doctor.claim()
        await doctor.ring()
        await patient.step("ring")
        await patient.page.wait_for_selector(".ring button.primary:visible")
        await album.take(patient.page, "ring-without-microphone")
        await patient.page.locator(".ring button.primary").click()
        await patient.in_call()
        await patient.write("I cannot speak, I write")
        await doctor.sees_text(".chat-list", "I cannot speak")
        await hears_and_sees(patient.page)
        await album.take(patient.page, "call")
        await album.take(doctor.page, "call")
        await doctor.page.context.close()
        await patient.page.context.close()
