"""NEWS2 as it is now: the newest value of each vital sign, of the intake or told in the call. Pure; the note stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from records.store.readings import StoredReading
from records.triage.intake import NUMERIC_VITALS, Consciousness, Vitals
from records.triage.vitals import news2, plausible

# NEWS2 looks at these; a reading of blood sugar alone changes no score.
SCORED = frozenset((*NUMERIC_VITALS, "consciousness")) - {"diastolic_bp"}


def news2_now(
    intake: Mapping[str, Any] | None, readings: Sequence[StoredReading], age: int | None
) -> dict[str, Any] | None:
    """
    Return the score with its time and what it stands on; None while no scored value was told in the call.

    `told` are vital signs of the call, `before` those that only the intake has, `missing` those that nobody has: for
    them the range goes from normal to worst. A pregnant patient or a child has no score (`applies` false).
    """
    told: dict[str, Any] = {}
    at = None
    for reading in readings:  # oldest first
        scored = {name: value for name, value in reading.values.items() if name in SCORED}
        told |= scored
        at = reading.at if scored else at
    if at is None:
        return None
    answers = intake or {}
    before = {name: value for name, value in (answers.get("vitals") or {}).items()
              if name in SCORED and name not in told and value is not None}  # fmt: skip
    vitals, _ = plausible(_vitals({**before, **told}))
    score = news2(vitals, _years(answers, age), answers.get("pregnant"))
    used = {name for name in (*told, *before) if name not in score.missing}
    return {
        "at": at.isoformat(), "applies": score.applies, "missing": list(score.missing),
        "min": score.low if score.applies else None, "max": score.high if score.applies else None,
        "told": [name for name in told if name in used], "before": [name for name in before if name in used],
        "single_three": score.has_single_three,
    }  # fmt: skip


def _years(answers: Mapping[str, Any], age: int | None) -> float | None:
    if age is not None:
        return age
    months = answers.get("age_months")
    years: float | None = answers.get("age")
    return years if months is None else months / 12


def _vitals(values: Mapping[str, Any]) -> Vitals:
    numbers = {name: float(values[name]) for name in NUMERIC_VITALS if name in values}
    state = values.get("consciousness")
    known = {each.value for each in Consciousness}
    return Vitals(**numbers, consciousness=Consciousness(state) if state in known else None)
