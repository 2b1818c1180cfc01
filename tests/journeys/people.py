"""What a patient and a doctor do, by names and roles of the page and never by its words: so in every language."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Page, expect

from tests.journeys.browser import Album, until

QUESTIONS_AFTER_COMPLAINT = ("symptoms", "conditions", "medications", "allergies")
CALL_TIMEOUT_MS = 20_000
PREPARE = """async () => {
  const send = async (method, path, body = {}) => {
    const headers = { 'Content-Type': 'application/json', 'X-Requested-With': 'teleconsult' };
    const answer = await fetch('/api/visit' + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(path + ' ' + await answer.text());
  };
  await send('PUT', '/consents', { consultation: true, ai: true, recording: false, text_version: '1' });
  await send('PUT', '/place', { place: '12 Garden Road', callback: '+86 10 5555 0101', emergency_contact: '' });
  const intake = { complaint: 'I have had a cough for two days.', age: 62, sex: 'female' };
  await send('PUT', '/intake', { intake, final: true });
  await send('POST', '/check', { camera: true, microphone: true, speaker: true });
  await send('POST', '/wait');
}"""


@dataclass
class Patient:
    """The patient, or somebody with a link of another role."""

    page: Page
    album: Album
    language: str = "en"

    async def step(self, name: str, timeout_ms: int = 15_000) -> None:
        """Wait for a step of the page (static/README.md "The patient's steps")."""
        await self.page.wait_for_selector(f'body[data-step="{name}"] main h1', timeout=timeout_ms, state="attached")

    async def forward(self) -> None:
        """Press the one main button."""
        await self.page.locator("main form button.primary, main .actions > button.primary").last.click()

    async def open(self, link: str) -> None:
        """Open the link and choose the language."""
        await self.page.goto(link)
        await self.step("language")
        await self.album.take(self.page, "language")
        await self.page.locator("button.large").nth(0 if self.language == "en" else 1).click()

    async def consent(self, ai: str = "yes", recording: str = "no") -> None:
        """Answer the three questions."""
        await self.step("consents")
        for name, answer in (("consultation", "yes"), ("ai", ai), ("recording", recording)):
            await self.page.check(f'input[name="{name}"][value="{answer}"]')
        await self.album.take(self.page, "consents")
        await self.forward()

    async def say_where(self) -> None:
        """Place, call-back, contact."""
        await self.step("place")
        await self.page.fill('[name="place"]', "12 Garden Road, 3rd floor, Haidian, Beijing")
        await self.page.fill('[name="callback"]', "+86 10 5555 0101")
        await self.page.fill('[name="emergency_contact"]', "Li (daughter) +86 10 5555 0102")
        await self.album.take(self.page, "place")
        await self.forward()

    async def question(self, name: str) -> None:
        """Wait until this question's field is there."""
        await self.page.wait_for_selector(f'main [name="{name}"]')

    async def answer(self, complaint: str) -> None:
        """Fill in the whole form and send it."""
        await self.step("intake")
        await self.question("age")
        await self.page.fill('[name="age"]', "62")
        await self.page.check('input[name="sex"][value="female"]')
        await self.album.take(self.page, "about")
        await self.forward()
        await self.question("complaint")
        await self.page.fill('[name="complaint"]', complaint)
        await self.album.take(self.page, "complaint")
        await self.forward()
        await self._tick()
        await self.question("temperature_c")
        for name, value in (("temperature_c", "37.4"), ("heart_rate", "96"), ("spo2", "97")):
            await self.page.fill(f'[name="{name}"]', value)
        await self.album.take(self.page, "vitals")
        await self.forward()
        await self.page.wait_for_selector("dl.review")
        await self.album.take(self.page, "review")
        await self.forward()

    async def _tick(self) -> None:
        await self.question("symptoms")
        await self.page.check('input[name="symptoms"][value="cough"]')
        await self.forward()
        await self.question("conditions")
        await self.page.check('input[name="conditions"][value="high_blood_pressure"]')
        await self.forward()
        await self.question("medications")
        await self.page.fill('[name="medications"]', "amlodipine 5 mg")
        await self.forward()
        await self.question("allergies")
        await self.page.fill('[name="allergies"]', "penicillin")
        await self.forward()

    async def check_devices(self) -> None:
        """Ten seconds of sound and picture."""
        await self.step("check")
        await self.page.locator("main > section > button.primary").click()
        await self.page.wait_for_selector("video.preview")
        await until(self.page, "document.querySelector('video.preview').videoWidth > 0")
        await self.album.take(self.page, "check")

    async def wait(self) -> None:
        """Go to the waiting room and see the place."""
        await self.page.locator("main .actions > button.primary").click()
        await self.step("waiting")
        await until(self.page, "/^[0-9]+$/.test(document.querySelector('.queue-number').textContent)")
        await self.album.take(self.page, "waiting")

    async def prepare(self, link: str, complaint: str) -> None:
        """Everything from the link to the waiting room."""
        await self.open(link)
        await self.consent()
        await self.say_where()
        await self.answer(complaint)
        await self.check_devices()
        await self.wait()

    async def prepare_quickly(self, link: str) -> None:
        """Come to the waiting room by the page's own session, without the forms (another journey fills those in)."""
        await self.page.goto(link)
        await self.step("language")
        await self.page.evaluate(PREPARE)
        await self.page.reload()
        await self.step("waiting")

    async def in_call(self) -> None:
        """Wait for the call."""
        await self.step("call", CALL_TIMEOUT_MS)

    async def write(self, text: str) -> None:
        """Send a message from the call."""
        chat = self.page.locator('[name="chat"]')
        if not await chat.is_visible():
            await self.page.locator(".bar-button[aria-expanded]").first.click()
        await chat.fill(text)
        await chat.press("Enter")


@dataclass
class Doctor:
    """The doctor in the console."""

    page: Page
    album: Album

    async def sign_in(self, base_url: str, account: dict[str, str]) -> None:
        """Open the console."""
        await self.page.goto(f"{base_url}/console")
        await self.page.wait_for_selector('[name="email"]')
        await self.page.fill('[name="email"]', account["email"])
        await self.page.fill('[name="password"]', account["password"])
        await self.page.press('[name="password"]', "Enter")
        await self.page.wait_for_selector("section.queue")

    async def read(self, visit_id: str) -> None:
        """Choose a patient of the queue."""
        await self.page.click(f'[data-visit="{visit_id}"] button')
        await self.page.wait_for_selector(".case-head .primary")
        await self.page.wait_for_selector(".case .complaint")

    async def claim(self) -> None:
        """Take the patient; the seat is there soon after."""
        await self.page.click(".case-head .actions .primary")
        await self.page.wait_for_selector(".call-panel:not([hidden]) .bar-button.primary")
        await self.page.wait_for_selector(".call-panel .tile:not(.self)")

    async def ring(self) -> None:
        """Call the patient."""
        await self.page.click(".call-panel .bar-button.primary")

    async def in_call(self) -> None:
        """Wait until the call has begun."""
        await self.page.wait_for_selector(".bar-button.danger:visible", timeout=CALL_TIMEOUT_MS)

    async def write(self, text: str) -> None:
        """Send a message."""
        await self.page.fill('[name="chat"]', text)
        await self.page.press('[name="chat"]', "Enter")

    async def write_note(self) -> None:
        """All parts of the note, and the autosave."""
        for name, text in (
            ("findings", "Alert, speaks in full sentences. Identity checked by name and birth date."),
            ("assessment", "Cough after a cold, no sign of pneumonia."),
            ("plan", "Rest and drink. Take the temperature twice a day."),
            ("safety_net", "Call again if the fever lasts more than three days or breathing gets hard."),
        ):
            await self.page.fill(f'[name="{name}"]', text)
        await self.page.keyboard.press("Alt+KeyS")
        await until(self.page, "!document.querySelector('.note > .hint[role=status]').textContent.endsWith('…')")

    async def end(self) -> None:
        """End the call."""
        await self.page.click(".bar-button.danger")
        await self.page.click('dialog button[value="yes"]')
        await self.page.wait_for_selector(".note .actions .primary")

    async def sign(self) -> None:
        """Sign the note."""
        await self.page.click(".note .actions .primary")
        await self.page.click('dialog button[value="yes"]')
        await until(self.page, "document.querySelectorAll('.note textarea').length === 0")

    async def sees_text(self, selector: str, text: str) -> None:
        """Wait for a text inside an element."""
        await expect(self.page.locator(selector).first).to_contain_text(text)
