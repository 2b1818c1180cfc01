"""What happens in a call, over the fake server: people, words, readings, pictures to mark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from tests.fakes.web_api import FakeWeb

SEATS = [
    {
        "seat": "s_patient",
        "role": "patient",
        "display": "Mei Chen",
        "presence": "present",
        "muted": [],
        "sources": ["microphone"],
    },
    {
        "seat": "s_doctor",
        "role": "doctor",
        "display": "Dr. Lin Zhao",
        "presence": "present",
        "muted": ["microphone"],
        "sources": [],
    },
    {
        "seat": "s_care",
        "role": "caregiver",
        "display": "Li Chen",
        "presence": "reconnecting",
        "muted": ["camera"],
        "sources": [],
    },
]


async def begin_call(page: Page, fake: FakeWeb) -> None:
    """Three people, one of them reconnecting, and a message."""
    await page.wait_for_selector('body[data-step="call"] main h1', state="attached")
    await fake.sockets_of("patient")
    await fake.push("patient", "seats", {"seats": SEATS})
    await page.wait_for_selector(".tile:not(.self)")
    await page.locator(".bar-button[aria-expanded]").first.click()
    await page.fill('[name="chat"]', "Good morning")
    await page.press('[name="chat"]', "Enter")
    await page.wait_for_selector(".chat-list li")


async def measure(page: Page, fake: FakeWeb) -> None:
    """One reading is sent, another is wrong; the socket is away for the second."""
    await begin_call(page, fake)
    await page.locator(".bar-button[aria-expanded=false]").click()
    await page.fill('[name="heart_rate"]', "71")
    await page.fill('[name="systolic_bp"]', "132")
    await page.fill('[name="diastolic_bp"]', "84")
    await page.locator(".measure button.primary").click()
    await page.wait_for_selector(".measure .readings li:not(:has(.kept))")
    fake.problems["POST /tickets"] = (503, "store-unavailable")
    await fake.sockets["patient"].close(code=1011)
    await page.fill('[name="spo2"]', "97")
    await page.locator(".measure button.primary").click()
    await page.wait_for_selector(".measure .readings .kept")
    await page.fill('[name="glucose_mmol_l"]', "101")
    await page.locator(".measure button.primary").click()


async def point(page: Page, fake: FakeWeb) -> None:
    """The patient's own picture waits for a finger, or for keys."""
    await begin_call(page, fake)
    await page.locator(".bar-button").filter(has=page.locator("path[d^='M12 2v4']")).click()
    await page.focus(".tile.self .drawing.armed")


OFFER = """async () => {
  const peer = new RTCPeerConnection();
  peer.addTransceiver('video', { direction: 'sendonly' });
  await peer.setLocalDescription(await peer.createOffer());
  return peer.localDescription.sdp;
}"""


async def arm_drawing(page: Page, fake: FakeWeb) -> None:
    """The patient's picture waits for a stroke, by hand or by keys."""
    await fake.heard("subscribe")
    track = {"mid": "0", "seat": "s_patient", "kind": "video", "source": "camera"}
    await fake.offer("doctor", await page.evaluate(OFFER), [track])
    await page.wait_for_selector(".tile.has-picture[data-key='s_patient/camera']")
    await page.locator(".bar-button").filter(has=page.locator("path[d^='M4 20l1-5']")).click()
    await page.focus(".drawing.armed")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")


async def tell_readings(fake: FakeWeb, in_call: Callable[[], Awaitable[None]]) -> None:
    """Two readings of this call: one that the case has, one that comes now."""
    entry = {"from": "s_patient", "role": "patient", "at": "2026-11-22T09:31:00Z"}
    fake.case["readings"] = [{**entry, "key": "a", "number": 1, "values": {"systolic_bp": 132, "diastolic_bp": 84}}]
    signs = {"told": ["heart_rate", "spo2"], "before": ["temperature_c"], "missing": ["respiratory_rate"]}
    fake.case["news2"] = {"at": entry["at"], "applies": True, "min": 5, "max": 8, "single_three": True, **signs}
    await in_call()
    values = {"glucose_mmol_l": 5.6, "spo2": 97}
    await fake.push("doctor", "vitals", {**entry, "key": "b", "number": 2, "values": values})
