"""Coming back, coming twice, coming as a third: reload in each state, links of others, double claim, caregiver."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.browser import DESK, PHONE, Album, Faults, hears_and_sees, new_person, until
from tests.journeys.conftest import Call
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import Product, book, invite, staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]


async def reload(person: Patient, step: str) -> None:
    """Load the page again and land at the same step."""
    await person.page.reload()
    await person.step(step)


class TestReload:
    """Everything survives a reload and goes on at the right step."""

    async def test_before_the_call(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Reload")
        patient = Patient(await new_person(browser, PHONE, Faults()), Album("reload"))
        await patient.open(visit.link)
        await reload(patient, "consents")
        await patient.consent()
        await patient.step("place")
        await reload(patient, "place")
        await patient.say_where()
        await patient.step("intake")
        await patient.forward()
        await patient.question("complaint")
        await patient.page.fill('[name="complaint"]', "My knee hurts")
        await reload(patient, "intake")
        assert await patient.page.input_value('[name="complaint"]') == "My knee hurts"
        await patient.page.locator("main .actions button").first.click()
        await patient.answer("My knee hurts")
        await patient.step("check")
        await reload(patient, "check")
        await patient.wait()
        await reload(patient, "waiting")
        await patient.page.context.close()

    async def test_during_the_call_on_both_sides(self, call: Call) -> None:
        await call.patient.page.reload()
        await call.patient.in_call()
        await hears_and_sees(call.patient.page)
        await call.doctor.page.reload()
        await call.doctor.in_call()
        await hears_and_sees(call.doctor.page)
        await hears_and_sees(call.patient.page)

    async def test_line_is_cut_and_comes_back_without_a_hand(self, call: Call) -> None:
        await call.patient.page.context.set_offline(True)
        await until(call.patient.page, "!document.querySelector('.line-status').hidden", 20)
        await call.patient.album.take(call.patient.page, "line-cut")
        await call.patient.page.context.set_offline(False)
        await until(call.patient.page, "document.querySelector('.line-status').hidden", 40)
        await hears_and_sees(call.patient.page)

    async def test_leaving_and_coming_back_by_one_button(self, call: Call) -> None:
        await call.patient.page.locator(".bar-button.danger").click()
        await call.patient.page.locator('dialog button[value="yes"]').click()
        await call.patient.step("left")
        await call.patient.page.locator("main .primary").click()
        await call.patient.in_call()
        await hears_and_sees(call.patient.page, 30)
        await hears_and_sees(call.doctor.page, 30)


class TestLinks:
    """Each wrong link says what to do."""

    async def problem(self, browser: Browser, link: str) -> str:
        page = await new_person(browser, PHONE, Faults())
        await page.goto(link)
        await page.wait_for_selector('body[data-step="problem"] h1')
        title = await page.locator("h1").inner_text()
        await page.context.close()
        return title

    async def test_unknown_link(self, product: Product, browser: Browser) -> None:
        assert (
            await self.problem(browser, f"{product.base_url}/visit#t=nobody-gave-me-this") == "We do not know this link"
        )

    async def test_page_without_a_link(self, product: Product, browser: Browser) -> None:
        assert await self.problem(browser, f"{product.base_url}/visit") == "Please open your link"

    async def test_link_that_is_open_on_another_device(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Twice")
        first = Patient(await new_person(browser, PHONE, Faults()), Album("used-elsewhere"))
        await first.page.goto(visit.link)
        await first.step("language")
        assert await self.problem(browser, visit.link) == "This link is open on another device"
        await first.page.context.close()

    async def test_replaced_link(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Replaced")
        newest = await invite(product, visit.visit_id, "patient")
        assert await self.problem(browser, visit.link) == "This link was replaced"
        patient = Patient(await new_person(browser, PHONE, Faults()), Album("replaced"))
        await patient.page.goto(newest)
        await patient.step("language")
        await patient.page.context.close()

    async def test_second_window_may_take_over_and_the_first_says_so(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Two windows")
        patient = Patient(await new_person(browser, PHONE, Faults()), Album("two-windows"))
        await patient.prepare_quickly(visit.link)
        second = Patient(await patient.page.context.new_page(), patient.album)
        await second.page.goto(f"{product.base_url}/visit")
        await second.step("waiting")
        await patient.step("problem")
        assert await patient.page.locator("h1").inner_text() == "You opened this visit in another window"
        await patient.page.locator("main .primary").click()
        await patient.step("waiting")
        await patient.page.context.close()


class TestClaim:
    """One patient, one doctor."""

    async def test_second_doctor_is_told(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Wanted by two")
        patient = Patient(await new_person(browser, PHONE, Faults()), Album("double-claim"))
        await patient.prepare_quickly(visit.link)
        doctor = Doctor(await new_person(browser, DESK, Faults()), patient.album)
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit.visit_id)
        await doctor.page.route("**/api/queue/stream", lambda route: route.abort())
        async with staff(product, 1) as other, other.post(f"/api/visits/{visit.visit_id}/claim", json={}) as answer:
            assert answer.status == 200, await answer.text()
        button = doctor.page.locator(".case-head .actions .primary")
        if await button.count():
            await button.click()
        await expect(doctor.page.locator(".case .notice").first).to_contain_text("Another doctor")
        await doctor.album.take(doctor.page, "told")
        await doctor.page.context.close()
        await patient.page.context.close()

    async def test_release_keeps_the_place_and_tells_the_patient(self, product: Product, browser: Browser) -> None:
        visit = await book(product, "Released")
        patient = Patient(await new_person(browser, PHONE, Faults()), Album("release"))
        await patient.prepare_quickly(visit.link)
        doctor = Doctor(await new_person(browser, DESK, Faults()), patient.album)
        await doctor.sign_in(product.base_url, product.doctors[0])
        await doctor.read(visit.visit_id)
        await doctor.claim()
        await patient.step("ring")
        await doctor.page.locator(".case-head .actions button").first.click()
        await doctor.page.locator('dialog button[value="yes"]').click()
        await patient.step("waiting")
        await doctor.page.context.close()
        await patient.page.context.close()


class TestThirdSeat:
    """N seats, never "the other side"."""

    async def test_caregiver_joins_and_all_three_see_and_hear(
        self, product: Product, browser: Browser, call: Call
    ) -> None:
        link = await invite(product, call.visit.visit_id, "caregiver")
        daughter = Patient(await new_person(browser, PHONE, Faults()), call.patient.album)
        await daughter.open(link)
        await daughter.check_devices()
        await daughter.page.locator("main .actions > button.primary").click()
        await daughter.in_call()
        for person in (daughter, call.patient, call.doctor):
            await until(person.page, "document.querySelectorAll('.tile.has-picture:not(.self)').length === 2", 30)
            await hears_and_sees(person.page, 30)
        await daughter.album.take(daughter.page, "three-seats-caregiver")
        await daughter.album.take(call.doctor.page, "three-seats-doctor")
        await daughter.page.context.close()
