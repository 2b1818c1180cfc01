"""static/README.md "The line test": over the real path, into the call's beginning and the doctor's case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.browser import DESK, PHONE, Album, Faults, hears_and_sees, new_person
from tests.journeys.people import PREPARE, Doctor, Patient
from tests.journeys.product import Product, book

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

# A firewall that swallows UDP: the relay's UDP candidate leads to a port where nobody is.
NO_UDP = """
const original = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (description) {
  const sdp = description.sdp.replace(/(a=candidate:\\S+ 1 udp \\d+ \\S+) \\d+/g, '$1 9');
  return original.call(this, { type: description.type, sdp });
};
"""
TO_THE_CHECK = PREPARE[: PREPARE.index("  await send('POST', '/check'")] + "}"
TRANSPORTS = """
async () => {
  const found = [];
  for (const peer of window.peers.filter((one) => one.connectionState === 'connected')) {
    const report = await peer.getStats();
    const transport = [...report.values()].find((entry) => entry.type === 'transport');
    found.push(report.get(report.get(transport.selectedCandidatePairId).remoteCandidateId).protocol);
  }
  return found;
}
"""


async def line_tested(product: Product, browser: Browser, *scripts: str) -> tuple[Patient, str, dict[str, Any]]:
    """Return a patient who has tested the line, the visit, and what was found."""
    visit = await book(product, "Chen Mei")
    patient = Patient(await new_person(browser, PHONE, Faults()), Album("line"))
    for script in scripts:
        await patient.page.context.add_init_script(script)
    await patient.page.goto(visit.link)
    await patient.step("language")
    await patient.page.evaluate(TO_THE_CHECK)
    await patient.page.reload()
    await patient.check_devices()
    await patient.page.wait_for_selector(".line-test [data-verdict]", timeout=30_000)
    await patient.album.take(patient.page, "tested")
    found = json.loads(await patient.page.evaluate("sessionStorage.getItem('teleconsult.line')"))
    return patient, visit.visit_id, found


class TestPatient:
    """Before the queue."""

    async def test_a_good_line_is_told_to_the_patient_and_the_doctor(self, product: Product, browser: Browser) -> None:
        patient, visit_id, found = await line_tested(product, browser)
        assert (found["verdict"], found["ways"]) == ("video", ["udp", "tcp"]), found
        assert found["up_bps"] > 500_000 and found["rtt_ms"] < 100
        await expect(patient.page.locator(".line-test [data-verdict]")).to_contain_text("Your line is good for video.")
        await patient.wait()
        doctor = Doctor(await new_person(browser, DESK, Faults()), Album("line-doctor"))
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit_id)
        await doctor.sees_text(".identity", "Good for video – Up ")
        await patient.page.context.close()
        await doctor.page.context.close()

    async def test_where_udp_is_shut_the_call_begins_by_tcp(self, product: Product, browser: Browser) -> None:
        patient, visit_id, found = await line_tested(product, browser, NO_UDP)
        assert found["ways"] == ["tcp"], found
        await patient.page.locator("main .actions > button.primary").click()
        await patient.step("waiting")
        doctor = Doctor(await new_person(browser, DESK, Faults()), Album("line-tcp-doctor"))
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit_id)
        await doctor.claim()
        await doctor.ring()
        await patient.in_call()
        await hears_and_sees(patient.page)
        await hears_and_sees(doctor.page)
        assert set(await patient.page.evaluate(TRANSPORTS)) == {"tcp"}
        await doctor.sees_text(".fitness", "Fit for")
        await patient.page.context.close()
        await doctor.page.context.close()
