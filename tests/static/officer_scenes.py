"""Every state of the privacy officer's page, as recipes over the fake server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from tests.fakes.privacy_office import PATIENT_ID, breakage
from tests.fakes.web_api import FakeWeb

Act = Callable[[Page, FakeWeb], Awaitable[None]]
FILE = f"/privacy#patient={PATIENT_ID}"


async def enter(page: Page, fake: FakeWeb, path: str = "/privacy") -> None:
    """The officer is signed in and opens a part of the page."""
    fake.signed_in = fake.is_officer = True
    await page.goto(f"{fake.base_url}/livez")
    await page.goto(f"{fake.base_url}{path}")
    await page.wait_for_selector(".officer h1")


async def wait_for_reviews(page: Page, fake: FakeWeb) -> None:
    """One overdue, one with time left, one of an erased patient; one judged."""
    erased = {"id": PATIENT_ID, "display": None, "birth_year": None}
    fake.office.waiting.append(breakage(3, hours_ago=20, reason=None, patient=erased, actor=None))
    judged = {"verdict": "unjustified", "note": "A neighbour of hers", "reviewed_by": "Ming Zhou"}
    fake.office.judged.append({**breakage(4, hours_ago=90), **judged, "reviewed_at": "2026-11-20T09:00:00+00:00"})
    await enter(page, fake)
    await page.locator(".judged summary").click()


async def forget_the_note(page: Page, fake: FakeWeb) -> None:
    """Unjustified, and nothing said."""
    await enter(page, fake)
    await page.locator('.review input[value="unjustified"]').first.check()
    await page.locator(".review .primary").first.click()


async def all_judged(page: Page, fake: FakeWeb) -> None:
    """Nothing waits."""
    fake.office.waiting.clear()
    await enter(page, fake)
    await page.wait_for_selector(".judged", state="hidden")


async def find(page: Page, fake: FakeWeb) -> None:
    """One patient by number."""
    await enter(page, fake, "/privacy#patient")
    await page.fill('[name="find_value"]', "5555 0101")
    await page.locator(".find .primary").click()


async def find_nobody(page: Page, fake: FakeWeb) -> None:
    """A wrong number."""
    fake.office.found.clear()
    await find(page, fake)


async def open_file(page: Page, fake: FakeWeb) -> None:
    """The term is not over."""
    await enter(page, fake, FILE)


async def hold(page: Page, fake: FakeWeb) -> None:
    """A hold is on; lifting it is asked about."""
    await open_file(page, fake)
    await page.fill('[name="hold_reason"]', "Court order 7/2026")
    await page.press('[name="hold_reason"]', "Enter")
    await page.locator("[data-hold] button").click()


async def mistype(page: Page, fake: FakeWeb) -> None:
    """An erasure is open on both grounds; neither is chosen, the word is wrong."""
    for basis in fake.office.file["bases"]:
        basis["refused_by"] = None
    await open_file(page, fake)
    await page.fill('[name="typed"]', "yes")
    await page.press('[name="typed"]', "Enter")


async def erase(page: Page, fake: FakeWeb) -> None:
    """Erased; the receipt."""
    fake.office.file["bases"][0]["refused_by"] = None
    await open_file(page, fake)
    await page.fill('[name="typed"]', PATIENT_ID[:8])
    await page.press('[name="typed"]', "Enter")


async def unknown_patient(page: Page, fake: FakeWeb) -> None:
    """A link to nobody."""
    await enter(page, fake, "/privacy#patient=00000000-0000-4000-8000-000000000000")


async def look_after(page: Page, fake: FakeWeb) -> None:
    """All is well, and checked."""
    await enter(page, fake, "/privacy#safeguards")
    await page.locator("button.primary").click()


async def find_trouble(page: Page, fake: FakeWeb) -> None:
    """A broken chain, a late checkpoint, a rotation half done, a drill that failed."""
    guarded = fake.office.safeguards
    guarded["audit"]["checkpoint"] = None
    fake.office.result.update(is_sound=False, tampering="deleted", number=812)
    guarded["keys"][0].update(version=2, older=1, behind=31)
    guarded["drill"]["faults"] = 2
    await look_after(page, fake)


async def start_fresh(page: Page, fake: FakeWeb) -> None:
    """Nothing was checked, backed up or drilled yet."""
    fake.office.safeguards.update(backup=None, drill=None)
    await enter(page, fake, "/privacy#safeguards")


async def be_a_doctor(page: Page, fake: FakeWeb) -> None:
    """Somebody else's login."""
    fake.signed_in = True
    await page.goto(f"{fake.base_url}/privacy")


async def sign_in_at_the_console(page: Page, fake: FakeWeb) -> None:
    """The officer's login leads to the officer's page."""
    fake.is_officer = True
    await page.goto(f"{fake.base_url}/console")
    await page.fill('[name="email"]', "privacy@demo.example")
    await page.fill('[name="password"]', "right")
    await page.press('[name="password"]', "Enter")


# name -> the recipe, and what is there at its end
OFFICER: dict[str, tuple[Act, str]] = {
    "sign in": (sign_in_at_the_console, "[data-review]"),
    "a doctor's login": (be_a_doctor, '[data-view="elsewhere"] a.button'),
    "reviews": (wait_for_reviews, ".judged li"),
    "verdict without a note": (forget_the_note, ".review textarea[aria-invalid]"),
    "nothing to review": (all_judged, ".officer .lead"),
    "found": (find, ".results a"),
    "nobody found": (find_nobody, ".found p"),
    "file": (open_file, ".erasure .refused"),
    "lift a hold?": (hold, "dialog[open]"),
    "erasure, wrong word": (mistype, ".erase [aria-invalid]"),
    "erased": (erase, ".erasure .download"),
    "unknown patient": (unknown_patient, ".officer .notice.error"),
    "safeguards, fresh": (start_fresh, ".officer .notice.warn"),
    "safeguards": (look_after, ".sound"),
    "safeguards, trouble": (find_trouble, ".notice.broken"),
}
