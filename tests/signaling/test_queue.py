"""README "Queue": order, place and expected wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.queue import CEILING_MIN, Entry, expected_wait_min, order, place, places

NOW = 1_000_000.0


def waiting(name: str, level: str | None, minutes: float, *, is_returned: bool = False) -> Entry:
    return Entry(name, level, NOW - minutes * 60, is_returned)


def names(*entries: Entry) -> str:
    return "".join(entry.visit for entry in order(entries, NOW))


class TestOrder:
    """Sicker first; then who came first; nobody starves."""

    def test_by_urgency(self) -> None:
        assert names(waiting("d", "self-care", 1), waiting("c", "routine", 1), waiting("a", "urgent", 1)) == "acd"

    def test_within_a_level_by_arrival(self) -> None:
        assert names(waiting("b", "routine", 5), waiting("a", "routine", 6)) == "ab"

    def test_emergency_is_before_everything(self) -> None:
        assert names(waiting("b", "urgent", 500, is_returned=True), waiting("a", "emergency", 0)) == "ab"

    def test_past_its_ceiling_a_visit_overtakes_the_next_class(self) -> None:
        assert names(waiting("b", "semi-urgent", 30), waiting("a", "routine", 121)) == "ab"

    def test_before_its_ceiling_it_does_not(self) -> None:
        assert names(waiting("b", "routine", 119), waiting("a", "semi-urgent", 1)) == "ab"

    def test_urgent_patient_is_not_overtaken_by_one_ceiling(self) -> None:
        assert names(waiting("b", "routine", 130), waiting("a", "urgent", 1)) == "ab"

    def test_by_several_ceilings_they_are(self) -> None:
        assert names(waiting("b", "urgent", 1), waiting("a", "routine", 241)) == "ab"

    def test_cut_off_patient_goes_to_the_front(self) -> None:
        assert names(waiting("b", "urgent", 9), waiting("a", "self-care", 3, is_returned=True)) == "ab"

    def test_without_triage_arrival_counts(self) -> None:
        assert names(waiting("b", None, 5), waiting("a", None, 6)) == "ab"

    def test_unknown_level_counts_as_untriaged(self) -> None:
        assert names(waiting("b", "pink", 1), waiting("a", "semi-urgent", 2)) == "ab"

    @given(st.sampled_from([level for level in CEILING_MIN if level != "emergency"]))
    def test_nobody_starves(self, level: str) -> None:
        newcomer = waiting("b", "urgent", 0)
        assert names(newcomer, waiting("a", level, 4 * 240)) == "ab"


class TestPlace:
    """What the patient is told."""

    def test_position_counts_from_one(self) -> None:
        found = place([waiting("a", "urgent", 1), waiting("b", "routine", 1)], "b", NOW, 1)
        assert found is not None
        assert (found.position, found.ahead) == (2, 1)

    def test_visit_that_does_not_wait_has_no_place(self) -> None:
        assert place([], "a", NOW, 1) is None

    def test_long_queue_says_that_it_is_full(self) -> None:
        ranked = [str(number) for number in range(60)]
        assert places(ranked, 1)["59"].is_full
        assert not places(ranked, 10)["59"].is_full


class TestWait:
    """A range that can be kept."""

    @pytest.mark.parametrize(
        ("ahead", "practitioners", "wait"),
        [(0, 1, (0, 15)), (3, 1, (25, 60)), (3, 2, (10, 30)), (20, 5, (40, 60))],
    )
    def test_range(self, ahead: int, practitioners: int, wait: tuple[int, int]) -> None:
        assert expected_wait_min(ahead, practitioners) == wait

    def test_nobody_works(self) -> None:
        assert expected_wait_min(3, 0) is None

    @given(st.integers(0, 500), st.integers(1, 100))
    def test_low_is_not_above_high_and_more_ahead_is_not_shorter(self, ahead: int, practitioners: int) -> None:
        near, far = expected_wait_min(ahead, practitioners), expected_wait_min(ahead + 5, practitioners)
        assert near is not None and far is not None
        assert 0 <= near[0] <= near[1]
        assert near[1] <= far[1]
