"""The E-model and the verdict: worse lines never score better, and a line that recovers is good again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.quality import Line, Verdict, burst_ratio, mean_opinion, r_factor, rate, worst

GOOD = Line(0.0, 30.0, 3.0, 2_000_000)
losses = st.floats(0, 1)
times = st.floats(0, 3000)


class TestEModel:
    def test_clean_line_is_near_the_top(self) -> None:
        assert mean_opinion(r_factor(GOOD)) > 4.3

    @pytest.mark.parametrize(
        ("r", "mos"), [(0, 1.0), (50, 2.58), (60, 3.1), (70, 3.6), (80, 4.02), (90, 4.34), (100, 4.5)]
    )
    def test_table_of_g107_annex_b(self, r: float, mos: float) -> None:
        assert mean_opinion(r) == pytest.approx(mos, abs=0.01)

    @given(losses, losses, times, times)
    def test_more_loss_or_delay_never_scores_better(self, a: float, b: float, c: float, d: float) -> None:
        better, worse = Line(min(a, b), min(c, d), 0), Line(max(a, b), max(c, d), 0)
        assert r_factor(better) >= r_factor(worse)

    @given(losses, st.floats(1, 20))
    def test_bursts_never_score_better(self, loss: float, ratio: float) -> None:
        assert r_factor(Line(loss, 0, 0)) >= r_factor(Line(loss, 0, 0, 0, ratio)) - 1e-9

    def test_burst_ratio_of_single_losses_is_one(self) -> None:
        assert burst_ratio([1] * 10, 990) == 1.0
        assert burst_ratio([10], 990) > 9


class TestVerdict:
    @pytest.mark.parametrize(
        ("line", "verdict"),
        [(GOOD, Verdict.SKIN_IMAGE), (Line(0.0, 30, 3, 600_000), Verdict.GAIT),
         (Line(0.02, 30, 3, 2_000_000), Verdict.GAIT),
         (Line(0.0, 30, 3, 0), Verdict.CONVERSATION), (Line(0.3, 900, 90, 2_000_000), Verdict.NONE),
         (Line(0.0, 30, 3, 2_000_000, is_silent=True), Verdict.NONE)],
    )  # fmt: skip
    def test_use_that_the_line_allows(self, line: Line, verdict: Verdict) -> None:
        assert rate(line).verdict is verdict

    def test_both_directions_count(self) -> None:
        bad = rate(Line(0.3, 900, 90, 0))
        both = worst(rate(GOOD), bad)
        assert (both.verdict, both.score) == (Verdict.NONE, bad.score)
        assert both.reasons == ("loss", "delay", "jitter", "low_picture_rate")

    def test_recovered_line_has_no_reasons_left(self) -> None:
        assert rate(GOOD).reasons == ()
