"""server/http/README.md, the case's `news2`: the score of now, from the newest value of each vital sign."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from records.store.readings import StoredReading
from server.early_warning import news2_now

INTAKE = {"age": 61, "vitals": {"heart_rate": 80, "temperature_c": 37.0, "consciousness": "A"}}


def told(number: int, **values: float) -> StoredReading:
    at = datetime(2026, 11, 22, 10, number, tzinfo=UTC)
    return StoredReading("s_p", "patient", values, f"k{number}", at, number)


def score(*readings: StoredReading, intake: dict[str, Any] | None = INTAKE, age: int | None = 61) -> dict[str, Any]:
    found = news2_now(intake, readings, age)
    assert found is not None
    return found


class TestScoreOfNow:
    """The newest value counts; what nobody measured is a range."""

    def test_none_while_nothing_was_told(self) -> None:
        assert news2_now(INTAKE, [], 61) is None

    def test_none_for_what_the_score_does_not_know(self) -> None:
        assert news2_now(INTAKE, [told(1, glucose_mmol_l=5.6, diastolic_bp=80)], 61) is None

    def test_newest_value_of_each_sign_counts_with_its_time(self) -> None:
        found = score(told(1, heart_rate=95), told(2, heart_rate=135, spo2=93), told(3, glucose_mmol_l=5.0))
        # pulse 135: 3; oxygen 93: 2; temperature and alertness of the intake: 0; breaths and pressure unknown: 0 to 6
        assert (found["min"], found["max"], found["at"]) == (5, 11, "2026-11-22T10:02:00+00:00")
        assert (found["told"], found["before"], found["missing"]) == (
            ["heart_rate", "spo2"], ["temperature_c", "consciousness"], ["respiratory_rate", "systolic_bp"],
        )  # fmt: skip

    def test_one_sign_alone_with_three_points_is_told(self) -> None:
        assert score(told(1, respiratory_rate=26))["single_three"] is True
        assert score(told(1, respiratory_rate=16))["single_three"] is False

    def test_no_score_for_a_child_or_in_pregnancy(self) -> None:
        assert score(told(1, heart_rate=130), age=9)["applies"] is False
        pregnant = {**INTAKE, "pregnant": True}
        assert score(told(1, heart_rate=130), intake=pregnant, age=31)["min"] is None

    def test_without_an_intake_the_call_alone_counts(self) -> None:
        found = score(told(1, heart_rate=80), intake=None, age=None)
        assert (found["min"], len(found["missing"])) == (0, 5)
