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

MICROPHONE, CAMERA, SOUND_ONLY, SCREEN, SECOND_CAMERA = range(5)
SHOWN = "(document.querySelector('.tile[data-key$=\"/{}\"] video')?.videoWidth ?? 0)"
HIDE = """(() => {{ Object.defineProperty(document, 'visibilityState', {{ value: '{}', configurable: true }});
  document.dispatchEvent(new Event('visibilitychange')); }})()"""
# Chromium's second fake camera measures depth (Y16), which no encoder takes.
NO_DEPTH_CAMERA = """(() => { const devices = navigator.mediaDevices, list = devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => (await list()).filter((device) => device.label !== 'fake_device_1'); })()"""
SENDING = (
    "window.peers.filter((peer) => peer.connectionState === 'connected').flatMap((peer) => peer.getSenders())"
    ".filter((sender) => sender.track?.kind === 'video')"
    ".flatMap((sender) => sender.getParameters().encodings).filter((one) => one.active).length"
)
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


class TestShowingMore:
    """A shared screen and a second camera are tiles of their own for the others, and go when they are stopped."""

    async def test_screen_and_second_camera_come_and_go(self, call: Call) -> None:
        patient, doctor = call.patient.page, call.doctor.page
        await press(call.doctor, SCREEN)
        await until(patient, f"{PICTURE} === 2")
        await until(patient, f"{SHOWN.format('screen')} > 0")
        await expect(patient.locator(".tile[data-key$='/screen'] .name")).to_contain_text("Screen")
        await expect(doctor.locator(".tile.self .note")).to_contain_text("showing your screen")
        await call.patient.album.take(patient, "shared-screen")
        await patient.evaluate(NO_DEPTH_CAMERA)
        await press(call.patient, SECOND_CAMERA)
        await until(doctor, f"{SHOWN.format('second_camera')} > 0")
        await until(patient, f"{PICTURE} === 2")
        await press(call.doctor, SCREEN)
        await until(patient, "document.querySelectorAll('.tile[data-key$=\"/screen\"]').length === 0")
        await press(call.patient, SECOND_CAMERA)
        await until(doctor, "document.querySelectorAll('.tile[data-key$=\"/second_camera\"]').length === 0")
        await hears_and_sees(patient)
        await hears_and_sees(doctor)

    async def test_what_nobody_looks_at_is_not_sent_and_comes_back_within_a_second_or_so(self, call: Call) -> None:
        """The doctor looks at another page for a while: the patient's camera rests, and is there again at once."""
        patient, doctor = call.patient.page, call.doctor.page
        await doctor.evaluate(HIDE.format("hidden"))
        await until(patient, f"{SENDING} === 0", 20)
        assert await patient.evaluate("document.querySelector('.tile.self video').srcObject !== null")
        await doctor.evaluate(HIDE.format("visible"))
        await until(patient, f"{SENDING} > 0", 2)
        await hears_and_sees(doctor)


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


class TestDrawing:
    """The doctor draws on the patient's picture; it is there again after a reload, and by keys too."""

    async def test_strokes_are_seen_kept_over_a_reload_and_wiped(self, call: Call) -> None:
        doctor, patient = call.doctor.page, call.patient.page
        await doctor.get_by_role("button", name="Draw", exact=True).click()
        board = doctor.locator(".call-panel .drawing.armed")
        box = await board.bounding_box()
        assert box is not None  # it is seen
        await doctor.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
        await doctor.mouse.down()
        await doctor.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6, steps=8)
        await doctor.mouse.up()
        seen = patient.locator(".tile.self .drawing polyline")
        await expect(seen).to_have_count(1)
        await board.focus()
        await doctor.keyboard.press("ArrowRight")
        await doctor.keyboard.press("Enter")
        await expect(seen).to_have_count(2)
        await call.patient.album.take(doctor, "drawing")
        await patient.reload()
        await call.patient.in_call()
        await expect(seen).to_have_count(2, timeout=20_000)
        await doctor.get_by_role("button", name="Wipe").click()
        await expect(seen).to_have_count(0)


class TestPointing:
    """The patient shows a place on their own picture and on the doctor's screen; the doctor sees it there."""

    async def test_dot_by_hand_and_by_keys_is_seen_and_goes(self, call: Call) -> None:
        doctor, patient = call.doctor.page, call.patient.page
        await patient.get_by_role("button", name="Show a place").click()
        board = patient.locator(".tile.self .drawing.armed")
        await board.hover(position={"x": 20, "y": 20})
        await expect(patient.locator(".tile.self .drawing .pointer")).to_have_count(1)
        dot = doctor.locator(".tile:not(.self) .drawing .pointer")
        for place in range(16):  # a pointer is not kept for a page whose channel opens later
            await board.hover(position={"x": 20 + place, "y": 20})
            if await dot.count():
                break
            await asyncio.sleep(0.5)
        share = "(dot) => dot.getAttribute('cx') / dot.ownerSVGElement.viewBox.baseVal.width"
        assert await dot.evaluate(share) > 0.5  # left in the mirror is right for who looks at the patient
        await expect(dot).to_have_count(0, timeout=10_000)
        await press(call.doctor, SCREEN)
        await until(patient, f"{SHOWN.format('screen')} > 0")
        await patient.locator(".tile[data-key$='/screen'] .drawing.armed").focus()
        await patient.keyboard.press("ArrowRight")
        await expect(doctor.locator(".tile[data-key='own-screen'] .drawing .pointer")).to_have_count(1)
        await call.patient.album.take(patient, "pointing")
        await call.patient.album.take(doctor, "pointed-at")
        await patient.get_by_role("button", name="Stop showing").click()
        await press(call.doctor, SCREEN)
        await expect(doctor.locator(".tile[data-key='own-screen']")).to_be_hidden()


STORED = """async (visit) => {
  const opened = await (await fetch(`/api/visits/${visit}`)).json();
  return { chat: opened.chat.map(({ text }) => text), vitals: opened.readings.map(({ values }) => values) };
}"""


class TestOnTwoWays:
    """A page whose socket is away: what it writes and measures is seen at once, and stored once when that is back."""

    async def test_chat_and_measurement_pass_by_the_data_channel_and_are_stored_once(self, call: Call) -> None:
        doctor, patient = call.doctor.page, call.patient.page
        await call.patient.write("before")
        await expect(doctor.locator(".chat-list li")).to_have_count(1, timeout=30_000)
        await patient.context.set_offline(True)  # HTTP and WebSocket; media goes on
        await call.patient.write("it hurts more now")
        await expect(doctor.locator(".chat-list li").nth(1)).to_contain_text("Not saved yet", timeout=30_000)
        await patient.get_by_role("button", name="Send readings").click()
        await patient.fill('[name="heart_rate"]', "118")
        await patient.get_by_role("button", name="Send to the doctor").click()
        await expect(doctor.locator(".readings li")).to_contain_text("Not saved yet", timeout=30_000)
        await call.doctor.album.take(doctor, "on-two-ways")
        await call.patient.album.take(patient, "on-two-ways")
        await patient.context.set_offline(False)
        for page in (doctor, patient):
            await expect(page.locator(".kept")).to_have_count(0, timeout=60_000)
            await expect(page.locator(".chat-list li")).to_have_count(2, timeout=30_000)
            await expect(page.locator(".readings li")).to_have_count(1, timeout=30_000)
        kept = {"chat": ["before", "it hurts more now"], "vitals": [{"heart_rate": 118}]}
        assert await doctor.evaluate(STORED, call.visit.visit_id) == kept


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
