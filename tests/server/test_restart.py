"""README "Restarts": when a dead child is started again. Virtual time."""

from __future__ import annotations

import pytest

from server.restart import MAX_DELAY_S, SETTLED_AFTER_S, Restart

# how often it died at once before, seconds until the next start
ROWS = [(0, 0.05), (1, 0.1), (2, 0.2), (5, 1.6), (8, 10.0), (60, 10.0), (5000, 10.0)]


@pytest.mark.parametrize(("before", "delay_s"), ROWS)
def test_deaths_in_a_row_double_the_wait_up_to_a_bound(before: int, delay_s: float) -> None:
    after = Restart(in_a_row=before).after_death(started_at=100.0, died_at=100.0)
    assert after == Restart(before + 1, 100.0 + delay_s)


def test_a_death_after_a_long_life_is_a_first_one() -> None:
    assert Restart(in_a_row=7).after_death(0.0, SETTLED_AFTER_S) == Restart(1, SETTLED_AFTER_S + 0.05)


def test_a_program_that_cannot_start_is_tried_eight_times_in_its_first_thirteen_seconds_then_every_ten() -> None:
    restart, now, starts = Restart(), 0.0, []
    while now < 60.0:
        restart = restart.after_death(now, now)
        now = restart.due_at
        starts.append(now)
    assert len([at for at in starts if at <= 13.0]) == 8
    assert starts[-1] - starts[-2] == pytest.approx(MAX_DELAY_S)
