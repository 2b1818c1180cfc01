"""Every page in every state, in both languages: axe-core, 400 % zoom, the size of targets, and the keyboard alone."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Response, expect

from tests.fakes.web_api import VISIT_ID, FakeWeb, new_row, serve
from tests.journeys.browser import WATCH_PEERS, Faults, chromium
from tests.static.officer_scenes import OFFICER
from tests.static.scenes import CALL, CONSOLE, PATIENT, Scene, sign_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """async (rules) => (await axe.run(document, { runOnly: rules })).violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map((node) => node.html.slice(0, 160) + ' ' + node.failureSummary).join(' | '))"""
# 1280 px wide at 400 % is 320 CSS px (WCAG 2.2 §1.4.10).
NARROW = {"width": 320, "height": 640}
SMALL_TARGETS = """() => [...document.querySelectorAll(
    'button, a.button, a.tel, summary, label.choice, input:not([type=radio], [type=checkbox]), textarea')]
  .filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 48 || box.height < 48)
  .map(([one, box]) => `${one.outerHTML.slice(0, 120)} ${box.width}x${box.height}`)"""
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 120))"""
SCENES = {
    **{f"patient: {name}": scene for name, scene in PATIENT.items()},
    **{f"console: {name}": scene for name, scene in CONSOLE.items()},
    **{f"officer: {name}": Scene("/livez", {}, ready, act) for name, (act, ready) in OFFICER.items()},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all scenes."""
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[FakeWeb]:
    """One server and address for all scenes, so that the browser may keep the files."""
    async with serve(FakeWeb()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One profile with the browser's cache."""
    context = await browser.new_context(viewport=NARROW, permissions=["camera", "microphone"])  # type: ignore[arg-type]
    await context.add_init_script(WATCH_PEERS)
    yield context
    await context.close()


@pytest.fixture
def fake(server: FakeWeb) -> FakeWeb:
    """The server with an empty memory."""
    server.forget()
    return server


@pytest_asyncio.fixture(loop_scope="module")
async def page(window: BrowserContext, fake: FakeWeb) -> AsyncIterator[Page]:
    """A narrow page that remembers nothing; an uncaught error or refused content fails the test."""
    opened, faults = await window.new_page(), Faults()
    faults.watch(opened)
    await opened.goto(f"{fake.base_url}/livez")
    await opened.evaluate("localStorage.clear()")
    yield opened
    await opened.close()
    assert faults.seen == []


async def axe(page: Page) -> list[str]:
    """Return what axe-core finds."""
    await page.evaluate(AXE.read_text())
    return list(await page.evaluate(RUN_AXE, RULES))


async def axe_in_the_dark(page: Page) -> list[str]:
    """Return what axe-core finds when only the colours have changed."""
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return list(await page.evaluate(RUN_AXE, ["color-contrast"]))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", SCENES)
class TestEveryState:
    """facts/consultation.md §12: tested in every state."""

    async def test_is_accessible_and_fits(self, name: str, language: str, page: Page, fake: FakeWeb) -> None:
        scene: Scene = SCENES[name]
        await page.emulate_media(reduced_motion="reduce")
        await scene.show(page, fake, language)
        assert await axe(page) == []
        assert await page.evaluate(WIDE) == []
        assert await page.evaluate(SMALL_TARGETS) == []
        assert await axe_in_the_dark(page) == []


class TestKeyboard:
    """The whole way without a mouse."""

    async def test_patient_sends_a_measurement_from_the_call(self, page: Page, fake: FakeWeb) -> None:
        fake.visit.update(CALL)
        await page.goto(f"{fake.base_url}/visit#t=TOKEN")
        await press(page, ".bar-button[aria-expanded]:has(path[d^='M2 12h5'])", "Enter")
        await write(page, '.measure [name="heart_rate"]', "71")
        await page.keyboard.press("Enter")
        await eventually(lambda: [each["values"] for each in fake.readings] == [{"heart_rate": 71}])
        await page.wait_for_selector(".measure .readings li:not(:has(.kept))")

    async def test_patient_walks_from_link_to_waiting_room(self, page: Page, fake: FakeWeb) -> None:
        await page.goto(f"{fake.base_url}/visit#t=TOKEN")
        await page.wait_for_selector('[data-step="language"]')
        await press(page, "button.large", "Enter")
        await page.wait_for_selector('[data-step="consents"]')
        for name in ("consultation", "ai", "recording"):
            await press(page, f'input[name="{name}"]', "Space")
        await press(page, "form .primary", "Enter")
        await page.wait_for_selector('[data-step="place"]')
        await write(page, '[name="place"]', "12 Garden Road")
        await write(page, '[name="callback"]', "5555 0101")
        await press(page, "form .primary", "Enter")
        await page.wait_for_selector('[name="age"]')
        await write(page, '[name="age"]', "61")
        await press(page, "form .primary", "Enter")
        await page.wait_for_selector('[name="complaint"]')
        await write(page, '[name="complaint"]', "A cough")
        for name in ("symptoms", "conditions", "medications", "allergies", "temperature_c"):
            await press(page, "form .primary", "Enter")
            await page.wait_for_selector(f'[name="{name}"]')
        await press(page, "form .primary", "Enter")
        await page.wait_for_selector("dl.review")
        await press(page, "form .primary", "Enter")
        await page.wait_for_selector('[data-step="check"]')
        await press(page, ".actions .primary", "Enter")
        await page.wait_for_selector('[data-step="waiting"]')
        assert fake.visit["intake"]["complaint"] == "A cough"

    async def test_doctor_signs_in_claims_rings_and_finds_the_note(self, page: Page, fake: FakeWeb) -> None:
        await page.goto(f"{fake.base_url}/console")
        await page.wait_for_selector(".login")
        await write(page, '[name="email"]', "lin@demo.example")
        await write(page, '[name="password"]', "right")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".row")
        await page.keyboard.press("Alt+Digit1")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".triage .flags")
        await press(page, ".case-head .primary", "Enter")
        await page.wait_for_selector(".call-panel:not([hidden])")
        await fake.sockets_of("doctor")
        await page.keyboard.press("Alt+KeyR")
        await page.keyboard.press("Alt+Digit4")
        await page.keyboard.type("Alert and well")
        await page.keyboard.press("Alt+KeyS")
        await eventually(lambda: (fake.case["note"]["body"] or {}).get("findings") == "Alert and well")
        await eventually(lambda: any(message["type"] == "ring" for message in fake.received))

    async def test_officer_judges_an_access_and_goes_on_at_the_top(self, page: Page, fake: FakeWeb) -> None:
        await OFFICER["reviews"][0](page, fake)
        await press(page, '[data-review] input[value="justified"]', "Space")
        await write(page, "[data-review] textarea", "Called the ward")
        await press(page, "[data-review] .primary", "Enter")
        await eventually(lambda: fake.office.judged[0]["note"] == "Called the ward")
        await page.wait_for_selector(".review:nth-child(2):last-child")
        await page.wait_for_selector("h1:focus")

    async def test_focus_moves_to_the_heading_of_a_new_screen(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["consents"].show(page, fake, "en")
        assert await page.evaluate("document.activeElement.tagName") == "H1"

    async def test_focus_goes_to_the_first_wrong_field(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["place with errors"].show(page, fake, "en")
        assert await page.evaluate("document.activeElement.name") == "place"


class TestKept:
    """Nothing that was typed is lost."""

    async def test_reload_returns_to_the_same_question_with_the_answer(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["question complaint"].show(page, fake, "en")
        await page.fill('[name="complaint"]', "My left knee hurts")
        await page.reload()
        await page.wait_for_selector('[name="complaint"]')
        # the init script of the scene lays the older draft again, so what counts is what the server got
        await eventually(lambda: (fake.visit["intake"] or {}).get("complaint", "").startswith("My left knee hurts"))

    async def test_form_is_kept_while_the_server_is_away(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["question complaint"].show(page, fake, "en")
        fake.problems["PUT /visit/intake"] = (503, "store-unavailable")
        await page.fill('[name="complaint"]', "My left knee hurts")
        await page.wait_for_selector("text=Not sent yet")
        del fake.problems["PUT /visit/intake"]
        await eventually(
            lambda: (fake.visit["intake"] or {}).get("complaint", "").startswith("My left knee hurts"), timeout_s=10
        )

    async def test_emergency_number_shows_at_once_and_the_form_stays(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["emergency notice"].show(page, fake, "en")
        assert await page.get_attribute(".call-now", "href") == "tel:120"
        assert await page.input_value('[name="complaint"]') == "crushing pain"

    async def test_token_leaves_the_address(self, page: Page, fake: FakeWeb) -> None:
        await page.goto(f"{fake.base_url}/visit#t=SECRET")
        await page.wait_for_selector('[data-step="language"]')
        assert "SECRET" not in page.url
        assert ("POST", "/api/join", {"token": "SECRET"}) in fake.calls

    async def test_note_of_a_colleague_is_not_overwritten(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["taken"].show(page, fake, "en")
        path = (
            next(path for _, path, _ in fake.calls if path.endswith("/claim"))
            .removeprefix("/api")
            .replace("claim", "note")
        )
        fake.problems[f"PUT {path}"] = (412, "stale-version")
        await page.fill('[name="plan"]', "mine")
        await page.wait_for_selector("text=Someone else saved this note")
        assert await page.input_value('[name="plan"]') == "mine"


class TestPrivacyOffice:
    """static/README.md "The privacy officer's page"."""

    async def test_what_is_written_on_one_card_outlives_the_verdict_on_another(self, page: Page, fake: FakeWeb) -> None:
        await OFFICER["reviews"][0](page, fake)
        await page.locator(".review textarea").nth(1).fill("to be asked")
        await page.locator('.review input[value="justified"]').first.check()
        await page.locator(".review .primary").first.click()
        await page.wait_for_selector(".review:nth-child(2):last-child")
        assert await page.locator(".review textarea").first.input_value() == "to be asked"

    async def test_older_looks_come_below_and_focus_follows(self, page: Page, fake: FakeWeb) -> None:
        await OFFICER["file"][0](page, fake)
        await page.locator(".trail + p + button").click()
        await page.wait_for_selector(".trail li:nth-child(8):focus, .trail li:nth-child(5):focus")
        assert await page.locator(".trail li").count() == 8

    async def test_nothing_is_erased_without_the_typed_word(self, page: Page, fake: FakeWeb) -> None:
        await OFFICER["erasure, wrong word"][0](page, fake)
        await page.wait_for_selector(".erase [aria-invalid]")
        assert not any(path.endswith("/erasure") for _, path, _ in fake.calls)

    async def test_the_receipt_is_downloaded_as_it_was_signed(self, page: Page, fake: FakeWeb) -> None:
        await OFFICER["erased"][0](page, fake)
        async with page.expect_download() as started:
            await page.locator(".download").click()
        receipt = json.loads((await (await started.value).path()).read_text())
        assert json.loads(receipt["message"]) == receipt["receipt"]
        assert await page.locator("#file-title").inner_text() == "Erased patient"


SILENCE = """navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (!wanted.audio) throw new DOMException('none', 'NotFoundError');
  return new AudioContext().createMediaStreamDestination().stream;
};"""


class TestSilentMicrophone:
    """A mute switch, or a hand over the phone: the browser says all is well and nobody hears anything."""

    async def test_is_told_with_what_to_do_and_holds_nobody_up(self, page: Page, fake: FakeWeb) -> None:
        await page.add_init_script(SILENCE)
        await PATIENT["check"].show(page, fake, "en")
        await page.locator("main > section > button.primary").click()
        await expect(page.locator("main")).to_contain_text("We cannot hear you yet", timeout=20_000)
        await page.locator("main .actions .primary").click()
        await page.wait_for_selector('[data-step="waiting"]')


class TestLastWords:
    """A page that is closed before its socket came back."""

    async def test_what_is_not_stored_goes_by_http_when_the_page_is_left(self, page: Page, fake: FakeWeb) -> None:
        await PATIENT["call, measuring"].show(page, fake, "en")  # its oxygen reading waits for a socket
        await page.goto(f"{fake.base_url}/livez")
        await eventually(lambda: any(path == "/api/visit/written" for _, path, _ in fake.calls))
        (body,) = [body for _, path, body in fake.calls if path == "/api/visit/written"]
        assert [(one["type"], one["values"]) for one in body["entries"]] == [("vitals", {"spo2": 97})]


class TestManyWait:
    """A doctor with thirty people waiting: the list stays still, the next is one key away, alarms are seen."""

    async def queue(self, page: Page, fake: FakeWeb) -> None:
        fake.rows[:] = [new_row(visit_id=f"v{number}", display=f"Person {number}") for number in range(30)]
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.goto(f"{fake.base_url}/console")
        await sign_in(page, fake)

    async def test_who_comes_above_moves_nothing_that_is_read(self, page: Page, fake: FakeWeb) -> None:
        await self.queue(page, fake)
        row = page.locator('[data-visit="v20"]')
        await row.scroll_into_view_if_needed()
        before = await row.bounding_box()
        fake.rows.insert(0, new_row(visit_id="e", level="emergency", display="Ana Silva"))
        await page.wait_for_selector('[data-visit="e"]', state="attached")
        after = await row.bounding_box()
        assert before is not None and after is not None
        shift = await page.locator(".queue-alarm").evaluate("(bar) => bar.getBoundingClientRect().height")
        assert abs(after["y"] - before["y"]) <= 2, (before, after, shift)

    async def test_a_press_that_lasts_over_a_change_counts(self, page: Page, fake: FakeWeb) -> None:
        await self.queue(page, fake)
        button = page.locator('[data-visit="v1"] button')
        await button.hover()
        await page.mouse.down()
        fake.rows[1].update(presence="away")
        await expect(button).to_contain_text("Not here now")
        await page.mouse.up()
        await eventually(lambda: any(path == "/api/visits/v1" for _, path, _ in fake.calls))

    async def test_a_new_emergency_is_seen_until_it_is_opened(self, page: Page, fake: FakeWeb) -> None:
        await self.queue(page, fake)
        fake.rows.append(new_row(visit_id="e", level="emergency", display="Ana Silva"))
        await expect(page.locator(".queue-alarm")).to_contain_text("Ana Silva")
        await page.locator(".queue-alarm button").click()
        await expect(page.locator(".queue-alarm button")).to_have_count(0)

    async def test_arrows_walk_through_the_rows_and_one_key_opens_and_takes_the_next(
        self, page: Page, fake: FakeWeb
    ) -> None:
        await CONSOLE["queue"].show(page, fake, "en")
        await page.keyboard.press("Alt+Digit1")
        await page.keyboard.press("ArrowDown")
        await page.wait_for_selector("li:nth-child(2) .row:focus")
        fake.rows[0]["claimed_by"] = "Dr Wu"  # the first is a colleague's: the next is another
        await page.wait_for_selector(f'[data-visit="{VISIT_ID}"].taken')
        await page.keyboard.press("Alt+KeyN")
        await eventually(lambda: any(path == "/api/visits/e" for _, path, _ in fake.calls))

    async def test_a_colleagues_claim_on_the_opened_patient_is_told_at_once(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["alarm"].show(page, fake, "en")
        await expect(page.locator(".case-head .notice")).to_contain_text("Dr Ada Okafor has taken this patient")
        assert await page.locator("[data-claim]").count() == 0

    async def test_breaking_the_glass_needs_a_reason_and_opens_the_case(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["a colleague's patient"].show(page, fake, "en")
        await page.fill('[name="glass_reason"]', "Unconscious in the ward")
        await page.locator(".closed-case .danger").click()
        await page.wait_for_selector(".triage .flags")
        body = {"reason": "Unconscious in the ward"}
        assert ("POST", f"/api/visits/{VISIT_ID}/break-glass", body) in fake.calls


class TestWhatTheCallStores:
    """The case follows what was agreed to and told in the call."""

    async def test_consents_follow_a_yes_in_the_call_and_checks_stay_pressed(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["in the call"].show(page, fake, "en")
        await page.locator(".checks button").first.click()
        await expect(page.locator(".identity")).to_contain_text("recording: no")
        fake.case["consents"]["recording"] = True
        await fake.push("doctor", "recording", {"state": "on", "because": "", "ask": False})
        await expect(page.locator(".identity")).to_contain_text("recording: yes")
        await expect(page.locator(".checks button").first).to_have_attribute("aria-pressed", "true")

    async def test_a_reading_brings_the_score_of_now(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["readings of the call"].show(page, fake, "en")
        fake.case["news2"].update(min=7, max=10)
        reading = {"from": "s_patient", "role": "patient", "at": "2026-11-22T09:50:00Z", "key": "c", "number": 3}
        await fake.push("doctor", "vitals", {**reading, "values": {"heart_rate": 140}})
        await expect(page.locator(".news2-now .error")).to_contain_text("NEWS2 7 to 10 now")


class TestDoctorsTaps:
    """Identity and place in two taps (facts/consultation.md §1)."""

    async def test_taps_write_lines_of_the_note(self, page: Page, fake: FakeWeb) -> None:
        await CONSOLE["identity and place checked"].show(page, fake, "en")
        await eventually(lambda: len(((fake.case["note"]["body"] or {}).get("findings") or "").splitlines()) == 2)


class TestWeight:
    """An old phone on one bar (facts/consultation.md §12)."""

    async def test_visit_page_is_below_150_kB_as_it_is_sent(self, page: Page, fake: FakeWeb) -> None:
        sizes: dict[str, int] = {}

        async def measure(response: Response) -> None:
            if "/static/" in response.url or response.url.endswith("/visit"):
                sizes[response.url] = len(gzip.compress(await response.body(), 6))  # as server/http/pages.py sends it

        page.on("response", measure)
        await PATIENT["consents"].show(page, fake, "en")
        await page.wait_for_load_state("networkidle")
        assert 10_000 < sum(sizes.values()) < 150_000, sizes


async def press(page: Page, selector: str, key: str) -> None:
    """Tab until the element has focus, then press a key: what a person without a mouse does."""
    await reach(page, selector)
    await page.keyboard.press(key)


async def write(page: Page, selector: str, text: str) -> None:
    """Tab to a field and type."""
    await reach(page, selector)
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type(text)


async def reach(page: Page, selector: str) -> None:
    """Tab forwards at most once around the page; the focus must be visible all the way."""
    await page.wait_for_selector(selector)
    for _ in range(80):
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
        shown = (
            "(() => { const one = document.activeElement; return one === document.body || one.checkVisibility(); })()"
        )
        assert await page.evaluate(shown), "focus is on something hidden"
    raise AssertionError(f"{selector} cannot be reached with Tab")


async def eventually(claim: object, timeout_s: float = 5.0) -> None:
    """Wait until the server's memory shows it."""
    deadline = time.monotonic() + timeout_s
    while not claim():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)
