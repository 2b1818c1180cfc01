"""NEWS2 on every boundary of the RCP table, its ranges, and the bands that replace it for children and pregnancy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.triage.intake import Consciousness, Vitals
from records.triage.levels import Level
from records.triage.vitals import alerts, news2, plausible, points_of, qsofa

# vital, value, points (Royal College of Physicians, NEWS2, 2017, scale 1)
POINTS = [
    ("respiratory_rate", 8, 3), ("respiratory_rate", 9, 1), ("respiratory_rate", 11, 1), ("respiratory_rate", 12, 0),
    ("respiratory_rate", 20, 0), ("respiratory_rate", 21, 2), ("respiratory_rate", 24, 2), ("respiratory_rate", 25, 3),
    ("spo2", 91, 3), ("spo2", 92, 2), ("spo2", 93, 2), ("spo2", 94, 1), ("spo2", 95, 1), ("spo2", 96, 0),
    ("spo2", 100, 0),
    ("systolic_bp", 90, 3), ("systolic_bp", 91, 2), ("systolic_bp", 100, 2), ("systolic_bp", 101, 1),
    ("systolic_bp", 110, 1), ("systolic_bp", 111, 0), ("systolic_bp", 219, 0), ("systolic_bp", 220, 3),
    ("heart_rate", 40, 3), ("heart_rate", 41, 1), ("heart_rate", 50, 1), ("heart_rate", 51, 0), ("heart_rate", 90, 0),
    ("heart_rate", 91, 1), ("heart_rate", 110, 1), ("heart_rate", 111, 2), ("heart_rate", 130, 2),
    ("heart_rate", 131, 3),
    ("temperature_c", 35.0, 3), ("temperature_c", 35.1, 1), ("temperature_c", 36.0, 1), ("temperature_c", 36.1, 0),
    ("temperature_c", 38.0, 0), ("temperature_c", 38.05, 1), ("temperature_c", 38.1, 1), ("temperature_c", 39.0, 1),
    ("temperature_c", 39.1, 2),
]  # fmt: skip

NORMAL = Vitals(36.8, 72, 16, 98, 124, 78, Consciousness.ALERT)


class TestNews2:
    @pytest.mark.parametrize(("vital", "value", "points"), POINTS)
    def test_boundary(self, vital: str, value: float, points: int) -> None:
        assert points_of(vital, value) == points

    @pytest.mark.parametrize("state", [s for s in Consciousness if s is not Consciousness.ALERT])
    def test_anything_but_alert_scores_three(self, state: Consciousness) -> None:
        assert news2(Vitals(consciousness=state), 50, None).low == 3

    def test_complete_normal_vitals_score_zero(self) -> None:
        score = news2(NORMAL, 50, None)
        assert (score.low, score.high, score.missing) == (0, 0, ())

    def test_missing_vitals_widen_the_range_and_are_named(self) -> None:
        score = news2(Vitals(heart_rate=118, systolic_bp=88), 64, None)
        assert (score.low, score.high) == (5, 17)
        assert score.missing == ("respiratory_rate", "spo2", "temperature_c", "consciousness")

    @pytest.mark.parametrize(("age", "pregnant"), [(15.9, None), (0.1, None), (30, True)])
    def test_it_does_not_apply_to_children_or_pregnancy(self, age: float, pregnant: bool | None) -> None:
        assert not news2(NORMAL, age, pregnant).applies

    @given(st.floats(30, 43), st.floats(20, 250), st.floats(4, 60), st.floats(50, 100), st.floats(40, 260))
    def test_leaving_a_vital_out_never_raises_the_lower_end(
        self, temperature: float, heart: float, breaths: float, spo2: float, systolic: float
    ) -> None:
        whole = news2(Vitals(temperature, heart, breaths, spo2, systolic), 40, None)
        part = news2(Vitals(None, heart, breaths, spo2, systolic), 40, None)
        assert part.low <= whole.low <= whole.high <= part.high


# age, pregnant, vitals, the most urgent level
FLOORS = [
    (64, None, Vitals(heart_rate=118, systolic_bp=88), Level.EMERGENCY),
    (40, None, Vitals(spo2=91), Level.EMERGENCY),
    (40, None, Vitals(spo2=93), Level.URGENT),
    (40, None, Vitals(respiratory_rate=25), Level.URGENT),
    (40, None, Vitals(consciousness=Consciousness.VOICE), Level.EMERGENCY),
    (0.1, None, Vitals(temperature_c=38.0), Level.EMERGENCY),
    (0.4, None, Vitals(temperature_c=39.0), Level.URGENT),
    (30, True, Vitals(systolic_bp=160), Level.EMERGENCY),
    (30, True, Vitals(diastolic_bp=92), Level.URGENT),
    (2, None, Vitals(heart_rate=155, respiratory_rate=52), Level.EMERGENCY),
]


class TestFloors:
    @pytest.mark.parametrize(("age", "pregnant", "vitals", "level"), FLOORS)
    def test_band(self, age: float, pregnant: bool | None, vitals: Vitals, level: Level) -> None:
        assert alerts(vitals, age, pregnant)[0].level is level

    @pytest.mark.parametrize(("age", "pregnant"), [(40.0, None), (30.0, True)])
    def test_normal_vitals_raise_nothing(self, age: float, pregnant: bool | None) -> None:
        assert alerts(NORMAL, age, pregnant) == ()

    def test_a_normal_child_raises_nothing(self) -> None:
        assert alerts(Vitals(36.9, 110, 24, 99, 95, 60, Consciousness.ALERT), 3, None) == ()

    def test_qsofa_is_a_range(self) -> None:
        assert qsofa(Vitals(respiratory_rate=24, systolic_bp=98)) == (2, 3)


class TestPlausible:
    def test_fahrenheit_is_converted(self) -> None:
        vitals, done = plausible(Vitals(temperature_c=102.2))
        assert vitals.temperature_c == 39.0 and done == ("temperature-was-fahrenheit",)

    def test_swapped_pressures_are_put_right(self) -> None:
        vitals, done = plausible(Vitals(systolic_bp=70, diastolic_bp=110))
        assert (vitals.systolic_bp, vitals.diastolic_bp, done) == (110, 70, ("pressures-were-swapped",))

    def test_an_impossible_value_is_set_aside_not_read_as_normal(self) -> None:
        vitals, done = plausible(Vitals(heart_rate=0))
        assert vitals.heart_rate is None and done == ("heart_rate-implausible",)
