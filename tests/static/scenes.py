"""Every state that a page can be in, as recipes over the fake server: for axe, zoom and keyboard alike."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

from tests.fakes.web_api import VISIT_ID, FakeWeb, new_row
from tests.static.call_acts import SEATS, arm_drawing, begin_call, measure, point, tell_readings

CONSENTS = {"consultation": True, "ai": True, "recording": False}
QUEUE = {"position": 3, "ahead": 2, "wait_min": [10, 20], "may_be_overtaken": True}
DOCTOR = {"display": "Dr. Lin Zhao", "registration_number": "110-2231"}
EMERGENCY = {"number": "120", "text": "Some of your answers can be signs of an emergency.", "rules": ["chest-pain"]}
QUESTIONS = ("about", "pregnant", "complaint", "symptoms", "conditions", "medications", "allergies", "vitals", "review")
LINK_PROBLEMS = {
    "link-unknown": 404,
    "link-expired": 410,
    "link-revoked": 410,
    "link-used-elsewhere": 409,
    "link-not-yet": 409,
    "too-many-requests": 429,
    "store-unavailable": 503,
}
CLOSED = ("transferred", "left_unseen", "no_show", "service_cancelled", "discontinued", "entered_in_error")
VITALS = ("temperature_c", "heart_rate", "respiratory_rate", "spo2", "systolic_bp", "diastolic_bp")
DRAFT = {
    "age": "31",
    "ageUnit": "years",
    "sex": "female",
    "pregnant": "no",
    "complaint": "A cough",
    "symptoms": ["cough"],
    "conditions": ["asthma"],
    "otherConditions": "",
    "medications": "",
    "allergies": "nuts",
    "isFahrenheit": False,
    "vitals": dict.fromkeys(VITALS, ""),
}

Act = Callable[[Page, FakeWeb], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """How to come to a state: the server's memory first, then what the person does, then what must be there."""

    page: str
    visit: dict[str, Any]
    ready: str
    act: Act | None = None
    draft: dict[str, Any] | None = None
    problems: dict[str, tuple[int, str]] | None = None

    async def show(self, page: Page, fake: FakeWeb, language: str) -> None:
        """Bring the page into the state."""
        fake.visit.update(self.visit, lang=language)
        fake.problems.update(self.problems or {})
        kept = json.dumps({f"teleconsult.draft.{VISIT_ID}.intake": json.dumps(self.draft)} if self.draft else {})
        await page.add_init_script(
            f"localStorage.setItem('teleconsult.language', '{language}');"
            f"for (const [key, value] of Object.entries({kept})) sessionStorage.setItem(key, value);"
        )
        await page.goto(fake.base_url + self.page)
        if self.act:
            await self.act(page, fake)
        await page.wait_for_selector(self.ready)


def _step(name: str) -> str:
    return f'body[data-step="{name}"] main h1'


def patient(state: str, step: str, act: Act | None = None, **visit: Any) -> Scene:
    """A scene of the patient's page by the visit's state."""
    known = {"consents": CONSENTS, "place_given": True, "intake_final": True}
    return Scene("/visit", {**known, "state": state, **visit}, _step(step), act)


async def press_main(page: Page, fake: FakeWeb) -> None:
    """Continue without an answer."""
    await page.locator("form button.primary").last.click()
    await page.wait_for_selector("[aria-invalid=true]")


async def type_wrong_vitals(page: Page, fake: FakeWeb) -> None:
    """A Fahrenheit value under Celsius."""
    await page.fill('[name="temperature_c"]', "101")
    await press_main(page, fake)


async def type_emergency(page: Page, fake: FakeWeb) -> None:
    """The fake's red flag."""
    await page.fill('[name="complaint"]', "crushing pain")
    await page.wait_for_selector(".emergency h2")


async def run_check(page: Page, fake: FakeWeb) -> None:
    """Start the device test."""
    await page.locator("main > section > button.primary").click()
    await page.wait_for_selector("video.preview")
    await page.wait_for_selector(".line-test [data-verdict=untested]")


async def ask_recording(page: Page, fake: FakeWeb) -> None:
    """The doctor would like to record."""
    await begin_call(page, fake)
    await fake.push("patient", "recording", {"state": "consent-pending", "because": "consent", "ask": True})


async def be_recorded(page: Page, fake: FakeWeb) -> None:
    """The mark, and the way to take the yes back."""
    await begin_call(page, fake)
    await fake.push("patient", "recording", {"state": "on", "because": "", "ask": False})


async def leave_call(page: Page, fake: FakeWeb) -> None:
    """Press leave and confirm."""
    await page.locator(".bar-button.danger").click()
    await page.locator('dialog button[value="yes"]').click()


async def ask_to_leave(page: Page, fake: FakeWeb) -> None:
    """The question of the waiting room."""
    await page.wait_for_selector(_step("waiting"))
    await page.locator("main button.quiet").click()
    await page.wait_for_selector("dialog[open]")


async def lose_socket(page: Page, fake: FakeWeb) -> None:
    """The live connection breaks and tickets are refused."""
    await fake.sockets_of("patient")
    fake.problems["POST /tickets"] = (503, "store-unavailable")
    await fake.sockets["patient"].close(code=1011)
    await page.wait_for_selector(".waiting .notice:not([hidden])")


async def ring_without_microphone(page: Page, fake: FakeWeb) -> None:
    """The doctor rings, the browser refuses the microphone: the person decides."""
    await page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => {"
        " throw new DOMException('denied', 'NotAllowedError'); }; }"
    )
    await ring(page, fake)
    await fake.push("patient", "ringing", {})


async def hold(page: Page, fake: FakeWeb) -> None:
    """The doctor pauses; nothing arrives; a line is weak."""
    await begin_call(page, fake)
    await fake.push(
        "patient", "quality", {"seat": "s_doctor", "score": 1.4, "verdict": "none", "reasons": []}, journalled=False
    )
    await fake.push(
        "patient", "media-stopped", {"seat": "s_doctor", "source": "camera", "stopped": True}, journalled=False
    )
    await fake.move("held", admitted=True)


async def ring(page: Page, fake: FakeWeb) -> None:
    """The doctor has taken the patient."""
    await fake.sockets_of("patient")
    await fake.push("patient", "claimed", {"practitioner": DOCTOR})
    await page.wait_for_selector(f"text={DOCTOR['display']}")


CALL = {"consents": CONSENTS, "place_given": True, "intake_final": True, "state": "in_consult"}
PATIENT: dict[str, Scene] = {
    "language": Scene("/visit", {}, _step("language")),
    "consents": Scene("/visit", {}, _step("consents"), lambda page, fake: page.locator("button.large").first.click()),
    "refused": patient("checked_in", "refused", consents={**CONSENTS, "consultation": False}),
    "place": patient("checked_in", "place", place_given=False, intake_final=False),
    "place with errors": patient("checked_in", "place", press_main, place_given=False, intake_final=False),
    **{
        f"question {name}": Scene(
            "/visit",
            {"consents": CONSENTS, "place_given": True, "state": "intake"},
            _step("intake"),
            draft={"draft": DRAFT, "question": name, "isReviewing": False},
        )
        for name in QUESTIONS
    },
    "question vitals with errors": Scene(
        "/visit",
        {"consents": CONSENTS, "place_given": True, "state": "intake"},
        _step("intake"),
        type_wrong_vitals,
        {"draft": DRAFT, "question": "vitals", "isReviewing": False},
    ),
    "emergency notice": Scene(
        "/visit",
        {"consents": CONSENTS, "place_given": True, "state": "intake"},
        ".emergency h2",
        type_emergency,
        {"draft": DRAFT, "question": "complaint", "isReviewing": False},
    ),
    "check": patient("triaged", "check"),
    "check under way": patient("triaged", "check", run_check),
    "waiting": patient("waiting", "waiting", queue=QUEUE),
    "waiting, next": patient(
        "waiting", "waiting", queue={**QUEUE, "position": 1, "ahead": 0, "wait_min": None}, emergency=EMERGENCY
    ),
    "waiting, line lost": patient("waiting", "waiting", lose_socket, queue=QUEUE),
    "waiting, leave?": Scene(
        "/visit", {"consents": CONSENTS, "state": "waiting", "queue": QUEUE}, "dialog[open]", ask_to_leave
    ),
    "doctor is ready": patient("called", "ring", ring),
    "doctor rings, no microphone": Scene(
        "/visit", {"consents": CONSENTS, "state": "called"}, ".ring .notice:not([hidden])", ring_without_microphone
    ),
    "call": patient("in_consult", "call", begin_call),
    "call, measuring": Scene("/visit", CALL, ".measure [aria-invalid=true]", measure),
    "call, pointing": Scene("/visit", CALL, ".drawing.armed:focus", point),
    "call on hold": patient("in_consult", "call", hold),
    "asked to be recorded": Scene("/visit", CALL, ".recording-mark.asks button", ask_recording),
    "recorded": Scene("/visit", CALL, ".recording-mark.on button", be_recorded),
    "left the call": patient("in_consult", "left", leave_call),
    "ended": patient("wrap_up", "ended"),
    "summary": Scene("/visit", {"consents": CONSENTS, "state": "completed", "has_summary": True}, ".summary .panel"),
    **{f"closed: {state}": patient(state, "closed") for state in CLOSED},
    **{
        f"problem: {code}": Scene("/visit#t=TOKEN", {}, _step("problem"), problems={"POST /join": (status, code)})
        for code, status in LINK_PROBLEMS.items()
    },
    "no link": Scene("/visit", {}, _step("problem"), problems={"GET /visit": (401, "not-signed-in")}),
    "companion": Scene(
        "/visit",
        {"role": "interpreter", "state": "waiting"},
        _step("check"),
        lambda page, fake: page.locator("button.large").first.click(),
    ),
    "landing": Scene("/", {}, ".doors"),
}


async def sign_in(page: Page, fake: FakeWeb) -> None:
    """Through the form."""
    await page.fill('[name="email"]', "lin@demo.example")
    await page.fill('[name="password"]', "right")
    await page.press('[name="password"]', "Enter")
    await page.wait_for_selector(".queue-list .row")


async def sign_in_wrongly(page: Page, fake: FakeWeb) -> None:
    """A wrong password."""
    await page.fill('[name="email"]', "lin@demo.example")
    await page.fill('[name="password"]', "wrong")
    await page.press('[name="password"]', "Enter")


async def see_queue(page: Page, fake: FakeWeb) -> None:
    """Every kind of row."""
    fake.rows[1:] = [
        new_row(visit_id="e", level="emergency", display="Ana", state="emergency", waited_s=60),
        new_row(visit_id="r", level="routine", flags=[], display="Tom", waited_s=2400, presence="away", state="away"),
        new_row(
            visit_id="n",
            level=None,
            flags=[],
            display="王芳",
            lang="zh",
            triage="declined",
            claimed_by="Dr. Wu",
            state="called",
        ),
        new_row(visit_id="s", level="self-care", flags=[], display="Bo", age=None, sex=None, promised_min=None),
        new_row(visit_id="u", level="semi-urgent", flags=[], display="Eve", waited_s=4000),
    ]
    await sign_in(page, fake)


async def read_case(page: Page, fake: FakeWeb) -> None:
    """Open the first patient."""
    await sign_in(page, fake)
    await page.locator(".row").first.click()
    await page.wait_for_selector(".triage .flags")


async def claim(page: Page, fake: FakeWeb) -> None:
    """Take the patient."""
    await read_case(page, fake)
    await page.locator(".case-head .primary").click()
    await page.wait_for_selector(".call-panel:not([hidden])")


async def claim_twice(page: Page, fake: FakeWeb) -> None:
    """Somebody was faster."""
    fake.problems[f"POST /visits/{VISIT_ID}/claim"] = (409, "already-claimed")
    await read_case(page, fake)
    await page.locator(".case-head .primary").click()


async def read_a_colleagues(page: Page, fake: FakeWeb) -> None:
    """In another's care; the emergency way in, with nothing said."""
    fake.problems[f"GET /visits/{VISIT_ID}"] = (404, "not-found")
    fake.rows[0].update(claimed_by="Dr Ada Okafor", state="called")
    await sign_in(page, fake)
    await page.locator(".row").first.click()
    await page.locator(".closed-case summary").click()
    await page.locator(".closed-case .danger").click()


async def be_alarmed(page: Page, fake: FakeWeb) -> None:
    """Somebody gets worse while the doctor reads another case; that one is taken by a colleague meanwhile."""
    await read_case(page, fake)
    fake.rows[0].update(claimed_by="Dr Ada Okafor", state="called")
    fake.rows.insert(0, new_row(visit_id="e", level="emergency", display="Ana Silva", waited_s=60))


async def override(page: Page, fake: FakeWeb) -> None:
    """The form for another level, with its errors."""
    await read_case(page, fake)
    await page.locator(".decision .actions button").nth(1).click()
    await page.locator(".decision .primary").click()


async def in_call(page: Page, fake: FakeWeb) -> None:
    """Three people; one link made; details open."""
    await claim(page, fake)
    await fake.sockets_of("doctor")
    fake.case["visit"]["state"] = "in_consult"
    await fake.push("doctor", "state", {"state": "in_consult", "at": "2026-11-22T09:30:00Z", "admitted": True})
    await fake.push("doctor", "seats", {"seats": SEATS})
    quality = {"seat": "s_patient", "score": 2.4, "verdict": "none", "reasons": ["up_loss", "down_delay"]}
    await fake.push("doctor", "quality", quality, journalled=False)
    await page.wait_for_selector(".tile:not(.self)")
    await page.locator(".invite summary").click()
    await page.locator(".invite .actions button").first.click()
    await page.locator(".triage summary").click()


async def draw(page: Page, fake: FakeWeb) -> None:
    """The patient's picture waits for a stroke, by hand or by keys."""
    await in_call(page, fake)
    await arm_drawing(page, fake)


async def told(page: Page, fake: FakeWeb) -> None:
    """Two readings of this call."""
    await tell_readings(fake, lambda: in_call(page, fake))


async def weak_line(page: Page, fake: FakeWeb) -> None:
    """The doctor's own line, tested a moment ago."""
    await sign_in(page, fake)
    found = {"verdict": "weak", "ways": ["tcp"], "up_bps": 31_000, "down_bps": 28_000, "rtt_ms": 410, "jitter_ms": 60,
             "up_loss_percent": 12.5, "down_loss_percent": 3}  # fmt: skip
    await page.evaluate("found => sessionStorage.setItem('teleconsult.line', JSON.stringify(found))", found)
    await page.locator("header button.line").click()
    await page.locator("dialog details summary").click()
    await page.wait_for_selector("dialog [data-verdict=weak]")


async def see_recordings(page: Page, fake: FakeWeb) -> None:
    """One that was cut off, with a gap, in the player."""
    gap = {"track": 1, "since_ms": 61_000, "until_ms": 75_000, "cause": "network"}
    tracks = [{"kind": "audio", "source": "microphone"}, {"kind": "video", "source": "camera"}]
    part = {"part": 0, "seat": "s_patient", "start_ms": 400, "duration_ms": 300_000, "is_finished": False,
            "tracks": tracks, "gaps": [gap]}  # fmt: skip
    fake.recordings.append(
        {"id": "00000000-0000-4000-8000-0000000000aa", "started_at": "2026-11-22T09:30:00Z", "ended_at": None,
         "is_finished": False, "duration_ms": 300_400, "parts": [part, {**part, "part": 1, "seat": "s_doctor"}]}
    )  # fmt: skip
    await to_sign(page, fake)
    await page.locator(".recorded summary").click()
    await page.locator(".recorded .actions button").click()


async def recorded(page: Page, fake: FakeWeb) -> None:
    """The doctor's own mark, and the buttons."""
    await in_call(page, fake)
    await fake.push("doctor", "recording", {"state": "gap", "because": "paused", "ask": False})


async def dropped(page: Page, fake: FakeWeb) -> None:
    """The patient's side is lost for five minutes."""
    await in_call(page, fake)
    fake.case["visit"]["state"] = "dropped"
    await fake.push("doctor", "drop", {"seat": "s_patient", "role": "patient", "step": "decide", "since_s": 300})
    await fake.push("doctor", "state", {"state": "dropped", "at": "2026-11-22T09:40:00Z", "admitted": True})


async def to_sign(page: Page, fake: FakeWeb) -> None:
    """The call is over."""
    fake.case["visit"].update(state="wrap_up", mine=True)
    fake.case["note"].update(
        version=1,
        body={"reason": "a", "findings": "b", "assessment": "c", "plan": "d", "safety_net": "e", "mode": "video"},
    )
    await read_case(page, fake)


async def signed(page: Page, fake: FakeWeb) -> None:
    """Final."""
    await to_sign(page, fake)
    await page.locator(".note .actions .primary").click()
    await page.locator('dialog button[value="yes"]').click()


async def new_visit(page: Page, fake: FakeWeb) -> None:
    """A link for somebody on the phone, after a forgotten name."""
    await sign_in(page, fake)
    await page.locator(".new-visit summary").click()
    await page.locator(".new-visit .primary").click()
    await page.wait_for_selector("[aria-invalid]")
    await page.fill('[name="new_name"]', "Ana Silva")
    await page.locator(".new-visit .primary").click()


async def check_identity(page: Page, fake: FakeWeb) -> None:
    """Two taps write two lines."""
    await claim(page, fake)
    for number in (0, 1):
        await page.locator(".checks button").nth(number).click()


async def shortcuts(page: Page, fake: FakeWeb) -> None:
    """The list of keys."""
    await sign_in(page, fake)
    await page.keyboard.press("?")


CONSOLE: dict[str, Scene] = {
    "sign in": Scene("/console", {}, ".login"),
    "wrong password": Scene("/console", {}, ".notice.error", sign_in_wrongly),
    "queue": Scene("/console", {}, '[data-visit="u"]', see_queue),
    "triage note": Scene("/console", {}, ".triage .flags", read_case),
    "somebody was faster": Scene("/console", {}, ".case .notice.error", claim_twice),
    "a colleague's patient": Scene("/console", {}, ".closed-case [aria-invalid]", read_a_colleagues),
    "alarm": Scene("/console", {}, ".queue-alarm button", be_alarmed),
    "another level": Scene("/console", {}, ".decision [aria-invalid]", override),
    "taken": Scene("/console", {}, ".note textarea", claim),
    "in the call": Scene("/console", {}, ".invite input", in_call),
    "drawing": Scene("/console", {}, ".drawing.armed:focus", draw),
    "readings of the call": Scene("/console", {}, ".readings li:nth-child(2)", told),
    "recording paused": Scene("/console", {}, ".recording-mark.gap", recorded),
    "recordings": Scene("/console", {}, ".player video", see_recordings),
    "connection lost": Scene("/console", {}, ".line-actions button", dropped),
    "to be signed": Scene("/console", {}, ".note .actions .primary", to_sign),
    "signed": Scene("/console", {}, ".note .notice.calm", signed),
    "new visit": Scene("/console", {}, ".link-result input", new_visit),
    "own line tested": Scene("/console", {}, "dialog[open] .line-test", weak_line),
    "identity and place checked": Scene("/console", {}, ".checks button:last-child[aria-pressed=true]", check_identity),
    "keys": Scene("/console", {}, "dialog[open]", shortcuts),
}
