"""The privacy officer in the real product: a broken glass judged, a hold, an erasure that the law refuses, the log."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Browser, Page, expect

from tests.journeys.browser import DESK, PHONE, Album, Faults, new_person
from tests.journeys.people import Patient
from tests.journeys.product import Product, book, staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

REASON = "Unconscious in the ward, allergies needed"


async def break_the_glass(product: Product, browser: Browser) -> None:
    """One doctor takes a patient; the other reads the case, with a reason."""
    visit = await book(product, "Guarded Person")
    patient = Patient(await new_person(browser, PHONE, Faults()), Album("privacy-officer"))
    await patient.prepare_quickly(visit.link)
    async with staff(product, 0) as first, first.post(f"/api/visits/{visit.visit_id}/claim", json={}) as answer:
        assert answer.status == 200, await answer.text()
    async with staff(product, 1) as second:
        path = f"/api/visits/{visit.visit_id}/break-glass"
        async with second.post(path, json={"reason": REASON}) as answer:
            assert answer.status == 200, await answer.text()
    await patient.page.context.close()


async def sign_in(page: Page, product: Product) -> None:
    """At the console, as everybody does; the role leads to its own page."""
    await page.goto(f"{product.base_url}/console")
    officer = json.loads((product.data_dir / "demo" / "demo.json").read_text())["privacy_officer"]
    await page.fill('[name="email"]', officer["email"])
    await page.fill('[name="password"]', officer["password"])
    await page.press('[name="password"]', "Enter")
    await page.wait_for_selector(".officer .review")
    assert page.url.startswith(f"{product.base_url}/privacy")


async def test_reviews_holds_and_checks(product: Product, browser: Browser) -> None:
    faults = Faults()
    await break_the_glass(product, browser)
    page = await new_person(browser, DESK, faults)
    await sign_in(page, product)
    card = page.locator(".review").filter(has_text=REASON)
    await expect(card).to_contain_text("G** P**, born 1964")
    file = await card.locator(".open-file").get_attribute("href")
    await card.locator('input[value="unjustified"]').check()
    await card.locator("textarea").fill("A neighbour of hers")
    await card.locator(".primary").click()
    await expect(card).to_have_count(0)
    await page.locator(".judged summary").click()
    await expect(page.locator(".judged")).to_contain_text("A neighbour of hers")

    await page.goto(f"{product.base_url}/privacy{file}")
    await page.reload()  # another place of the same page is no load; a colleague's link is one
    await expect(page.locator(".trail .broken").first).to_contain_text("Okafor")
    await expect(page.locator(".erasure .refused")).to_contain_text("until")
    await page.fill('[name="hold_reason"]', "Court order 7/2026")
    await page.press('[name="hold_reason"]', "Enter")
    await expect(page.locator("[data-hold]")).to_contain_text("Court order 7/2026")
    await expect(page.locator(".erasure .refused")).to_contain_text("hold")
    await page.locator("[data-hold] button").click()
    await page.locator('dialog button[value="yes"]').click()
    await expect(page.locator("[data-hold]")).to_have_count(0)

    await page.locator("nav.views a").last.click()
    await page.locator("button.primary").click()
    await expect(page.locator(".notice.sound")).to_be_visible(timeout=30_000)
    await page.locator("header button").last.click()
    await page.wait_for_selector(".login")
    await page.context.close()
    assert faults.seen == []
