"""
The intake and its triage note: answers saved as they come, red flags at once, the note sealed with the change of state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from records.store.unit import Unit
from records.triage.errors import IntakeInvalid
from records.triage.flags import Flag
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.note import Note, not_triaged
from records.triage.ports import SecondReader
from server.errors import WrongStep
from server.visits import (
    BEFORE_CONSULT,
    Call,
    Progress,
    Services,
    announce,
    move,
    progress,
    require,
    set_consents,
    takes,
)
from signaling.states import Trigger, VisitState

log = logging.getLogger("teleconsult.intake")

EMERGENCY = Level.EMERGENCY.value
# The engine takes milliseconds. Later the queue's order of arrival is better than a patient who waits for a note.
ASSESS_TIMEOUT_S = 5.0
THREADS = 1  # the engine is pure Python: a second thread would only take turns with it

FAILED_ENGINE = "none: the engine failed"

_TEXTS = {
    "en": "Some of your answers can be signs of an emergency. Call {number} now. "
    "Keep this page open: our staff have been told.",
    "zh": "您的部分回答可能提示紧急情况。请立即拨打 {number}。请保持本页面打开：我们的工作人员已收到提醒。",
}
_UNALERTED_TEXTS = {
    "en": "Some of your answers can be signs of an emergency. Call {number} now.",
    "zh": "您的部分回答可能提示紧急情况。请立即拨打 {number}。",
}


class Triage(Protocol):
    """The triage engine as the server uses it."""

    async def flags(self, intake: Intake) -> tuple[Flag, ...]:
        """Return what the answers so far raise; quick, for each answer. Never raises for an engine fault."""

    async def assess(self, intake: Intake, now: datetime) -> Mapping[str, Any] | None:
        """Return the note, or None when the engine failed or was too slow. Never raises for an engine fault."""


class EmbeddedTriage:
    """`Triage` by functions that block, in a thread of its own, and a second reader where one is set."""

    def __init__(
        self,
        flags: Callable[[Intake], tuple[Flag, ...]],
        assess: Callable[[Intake, datetime], Note],
        second: SecondReader | None = None,
    ) -> None:
        self._flags, self._assess, self._second = flags, assess, second
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="triage")

    async def flags(self, intake: Intake) -> tuple[Flag, ...]:
        """Return what the answers so far raise; an engine fault raises nothing and is logged."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ASSESS_TIMEOUT_S):
                return await loop.run_in_executor(self._threads, self._flags, intake)
        except Exception as error:  # noqa: BLE001  # a rule's fault must not keep a patient from their form
            log.error("triage.flags-failed", extra={"error": type(error).__name__})
            return ()

    def warm_up(self) -> None:
        """Let the thread read rules and lexicon now, so that the first patient does not wait a second for it."""
        self._threads.submit(self._flags, Intake(id="warm-up", complaint=""))

    async def assess(self, intake: Intake, now: datetime) -> Mapping[str, Any] | None:
        """Return the note, or None when the engine failed or was too slow."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ASSESS_TIMEOUT_S):
                note = await loop.run_in_executor(self._threads, self._assess, intake, now)
        except Exception as error:  # noqa: BLE001  # the patient then waits in order of arrival, never as "routine"
            log.error("triage.failed", extra={"error": type(error).__name__})
            return None
        if self._second is not None:
            note = await self._second.review(intake, note)  # bounded, never lower, never raises (its contract)
        return note.to_json()

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving an intake came to."""

    state: str
    version: int
    emergency: Mapping[str, Any] | None


def emergency_notice(number: str, lang: str, rules: tuple[str, ...], staff_alerted: bool) -> dict[str, Any]:
    """Return the static notice; nothing else of triage is shown to a patient (triage.md §9, FDA)."""
    texts = _TEXTS if staff_alerted else _UNALERTED_TEXTS
    return {"number": number, "text": texts.get(lang, texts["en"]).format(number=number), "rules": list(rules)}


def parsed(visit_id: object, lang: str, fields: Mapping[str, Any], final: bool) -> Intake:
    """Return the intake. A partial one may lack its complaint. Raises IntakeInvalid."""
    given = {"complaint": "", **fields, "id": str(visit_id), "lang": lang}
    intake = Intake.parse(given)
    if final and not intake.complaint.strip():
        raise IntakeInvalid("required", "complaint")
    return intake


async def save(services: Services, call: Call, fields: Mapping[str, Any], final: bool) -> Saved:
    """
    Save the answers so far; a final save is followed by the triage note.

    The form is stored before the engine runs: whatever the engine does, no answer is lost. Repeating a save is
    harmless.
    """
    now = services.clock.now()
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
        require(before, "intake", "wait")
        intake = parsed(call.visit_id, before.visit.lang, fields, final)
        visit = await _opened(unit, before, final, now)
        version = await unit.intakes.put(call.visit_id, dict(fields), final)
        if not final:
            await unit.resources.project(call.visit_id)
    rules = await _rules(services, intake)
    if final:
        state = await finish(services, call)
    else:
        state = visit.state
        await _alert(services, call, before, bool(rules))
    await announce(services, call.visit_id)
    return Saved(state, version, await notice(services, call, rules))


async def _rules(services: Services, intake: Intake) -> tuple[str, ...]:
    return tuple(flag.rule for flag in await services.triage.flags(intake) if flag.level is Level.EMERGENCY)


async def raised_rules(services: Services, visit_id: object, at: Progress) -> tuple[str, ...]:
    """Return the emergency rules that a stored intake sets off."""
    return await _rules(services, parsed(visit_id, at.visit.lang, at.intake or {}, final=False))


async def consent(services: Services, call: Call, answers: Mapping[str, bool], version: str) -> Progress:
    """Record the consents; a changed answer about AI makes or unmakes the triage of a finished form."""
    async with services.database.unit(call.actor) as unit:
        before = await progress(unit, call.visit_id)
    after = await set_consents(services, call, answers, version)
    is_triaged = after.intake_final and after.state in (VisitState.TRIAGED, VisitState.WAITING, VisitState.AWAY)
    if before.may_assist != after.may_assist and is_triaged:
        await finish(services, call)
        await announce(services, call.visit_id)
    elif not after.may_assist and after.visit.level is not None and after.state in BEFORE_CONSULT:
        async with services.database.unit(call.system("triage")) as unit:
            await unit.visits.set_level(call.visit_id, None)
            await unit.resources.project(call.visit_id)
    return after


async def _opened(unit: Unit, before: Progress, final: bool, now: datetime) -> Any:
    """Bring the visit to where a form may be written: a partial answer opens a finished form again."""
    if before.state in (VisitState.WAITING, VisitState.AWAY) and not final:
        raise WrongStep("You are in the queue: send the whole form as final.", next="wait", state=before.visit.state)
    if before.state is VisitState.CHECKED_IN or (before.state is VisitState.TRIAGED and not final):
        return await move(unit, before.visit, Trigger.BEGIN_INTAKE, now)
    return before.visit


async def _alert(services: Services, call: Call, before: Progress, is_raised: bool) -> None:
    """Show or take back the staff's alert for a form that is not finished. Without consent to AI nothing is kept."""
    level = EMERGENCY if is_raised and before.may_assist else None
    if before.visit.level == level:
        return
    async with services.database.unit(call.system("triage")) as unit:
        await unit.visits.set_level(call.visit_id, level)
        await unit.resources.project(call.visit_id)
    if level is not None:
        log.warning("intake.red-flag", extra={"visit": str(call.visit_id), "request_id": call.request_id})


async def finish(services: Services, call: Call) -> str:
    """
    Make the triage note of a final intake and move the visit on, in one unit. Returns the state.

    Without consent to AI there is no note and no level: the order of arrival. An engine that failed leaves a note that
    says so, which supersedes an older one.
    """
    now = services.clock.now()
    async with services.database.unit(call.system("triage")) as unit:
        current = await progress(unit, call.visit_id)
    if not current.intake_final or current.intake is None:
        return current.visit.state
    note = await _note(services, call, current, now)
    async with services.database.unit(call.system("triage")) as unit:
        visit = await unit.visits.get(call.visit_id)
        if note is not None:
            await unit.triage_notes.append(call.visit_id, note)
        await unit.visits.set_level(call.visit_id, None if note is None else note["level"])
        if takes(visit, Trigger.TRIAGE):
            visit = await move(unit, visit, Trigger.TRIAGE, now, cause=_cause(note))
        await unit.resources.project(call.visit_id)
    return visit.state


def _cause(note: Mapping[str, Any] | None) -> str | None:
    """Return why a visit is not triaged: a stable code of the history."""
    if note is None:
        return "ai-declined"
    return "engine-failed" if note["level"] is None else None


async def _note(services: Services, call: Call, current: Progress, now: datetime) -> dict[str, Any] | None:
    if not current.may_assist:
        return None
    assert current.intake is not None  # asked by the caller
    intake = parsed(call.visit_id, current.visit.lang, current.intake, final=True)
    note = await services.triage.assess(intake, now)
    if note is None:
        return not_triaged(str(call.visit_id), current.visit.lang, FAILED_ENGINE).to_json()
    return dict(note)


async def notice(services: Services, call: Call, rules: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the emergency notice that the visit's level or the answers ask for, or None."""
    async with services.database.unit(call.system("triage")) as unit:
        visit = await unit.visits.get(call.visit_id)
    is_known = visit.level == EMERGENCY
    if not is_known and not rules:
        return None
    return emergency_notice(services.settings.emergency_number, visit.lang, rules, staff_alerted=is_known)
