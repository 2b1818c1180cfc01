"""The bars of README "Figures" that a change of the rules must not fall below."""

from typing import Any

import pytest

from records.triage.intake import Intake
from records.triage.levels import Level
from tests.triage.evaluate import (
    CASES,
    LEARNT_FROM,
    SETS,
    Result,
    agreement,
    calibration_error,
    load,
    quotes_valid,
    run,
)

# Sets that have been used to improve the engine; the last one has not, so it has only the floor of §10.
USED = LEARNT_FROM


@pytest.fixture(scope="module")
def results() -> dict[str, list[Result]]:
    return {name: run(load(CASES / f"{name}.jsonl")) for name in SETS}


def used(results: dict[str, list[Result]]) -> list[Result]:
    return [result for name in USED for result in results[name]]


class TestCases:
    def test_there_are_300_cases_in_pairs_and_a_third_were_held_out(self) -> None:
        cases: list[dict[str, Any]] = [case for name in SETS for case in load(CASES / f"{name}.jsonl")]
        ids = [case["intake"]["id"] for case in cases]
        assert len(cases) >= 300 and len(set(ids)) == len(ids)
        assert sum(len(load(CASES / f"{name}.jsonl")) for name in SETS[1:]) * 3 >= len(cases)


class TestBars:
    def test_emergency_recall_is_at_least_95_percent(self, results: dict[str, list[Result]]) -> None:
        emergencies = [result for result in used(results) if result.gold == "emergency"]
        assert sum(result.is_right for result in emergencies) / len(emergencies) >= 0.95

    def test_no_emergency_is_routine_or_self_care(self, results: dict[str, list[Result]]) -> None:
        low = (Level.ROUTINE, Level.SELF_CARE)
        assert not [r.case["id"] for r in used(results) if r.gold == "emergency" and r.note.level in low]

    def test_every_quote_is_valid(self, results: dict[str, list[Result]]) -> None:
        counts = [quotes_valid(r.note, Intake.parse(r.case["intake"])) for name in SETS for r in results[name]]
        assert sum(valid for valid, _ in counts) == sum(every for _, every in counts) > 0

    def test_english_and_chinese_agree_on_95_percent(self, results: dict[str, list[Result]]) -> None:
        same, pairs = agreement(used(results))
        assert same / pairs >= 0.95

    def test_abstention_is_below_ten_percent(self, results: dict[str, list[Result]]) -> None:
        every = [result for name in SETS for result in results[name]]
        abstained = sum(bool(r.note.confidence and r.note.confidence.abstained) for r in every)
        assert abstained / len(every) < 0.10

    def test_the_stated_confidence_is_calibrated_where_the_wording_head_was_not_trained(
        self, results: dict[str, list[Result]]
    ) -> None:
        fresh = [result for name in ("prose", "ed_rows", "held_out_next") for result in results[name]]
        assert calibration_error(fresh) <= 0.08
