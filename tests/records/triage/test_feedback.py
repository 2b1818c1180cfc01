"""README "Feedback": overrides by direction, level and group, and drift."""

from hypothesis import given, settings
from hypothesis import strategies as st

from records.triage.feedback import DecisionRow, drift, figures, is_severe_under_triage, population_stability
from records.triage.levels import Level

ROWS = [
    DecisionRow(Level.ROUTINE, Level.ROUTINE, "en/16-39"),
    DecisionRow(Level.ROUTINE, Level.EMERGENCY, "en/16-39"),
    DecisionRow(Level.URGENT, Level.ROUTINE, "zh/65+"),
]


class TestOverrides:
    def test_lines_are_prometheus_samples(self) -> None:
        lines = [figure.line() for figure in figures(ROWS)]
        assert 'teleconsult_triage_decisions_total{direction="raised",level="routine",group="en/16-39"} 1' in lines
        assert 'teleconsult_triage_override_ratio{direction="lowered",group="zh/65+"} 1' in lines

    def test_two_missed_levels_are_severe(self) -> None:
        assert [is_severe_under_triage(row) for row in ROWS] == [False, True, False]

    def test_a_label_cannot_break_out_of_its_quotes(self) -> None:
        line = figures([DecisionRow(Level.URGENT, Level.URGENT, 'a"\n')])[0].line()
        assert line.endswith(r'group="a\"\n"} 1')


class TestDrift:
    def test_same_population_has_no_drift(self) -> None:
        assert population_stability({"en": 50, "zh": 50}, {"en": 5, "zh": 5}) == 0

    def test_a_changed_population_is_above_a_quarter(self) -> None:
        assert population_stability({"en": 90, "zh": 10}, {"en": 10, "zh": 90}) > 0.25

    def test_a_new_class_is_finite(self) -> None:
        [figure] = drift({"language": {"en": 10}}, {"language": {"fr": 10}})
        assert 0 < figure.value < 100

    @settings(deadline=None)
    @given(
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)),
        st.dictionaries(st.sampled_from("abcd"), st.integers(0, 99)),
    )
    def test_it_is_never_negative(self, before: dict[str, int], now: dict[str, int]) -> None:
        assert population_stability(before, now) >= 0
