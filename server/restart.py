"""When a child that ended is started again. Pure: the supervisor brings the times."""

from __future__ import annotations

from dataclasses import dataclass

# A first death is answered at once: patients are waiting. Ones in a row double the wait, up to what a person who
# watches the log can follow; a program that cannot start must not burn a core.
FIRST_DELAY_S = 0.05
MAX_DELAY_S = 10.0
# Living this long means the start itself works; the next death counts as a first one again.
SETTLED_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Restart:
    """What is remembered about a child's deaths."""

    in_a_row: int = 0
    due_at: float = 0.0
    """Monotonic seconds."""

    def after_death(self, started_at: float, died_at: float) -> Restart:
        """Return the memory after one more death: when to start again."""
        deaths = 1 if died_at - started_at >= SETTLED_AFTER_S else self.in_a_row + 1
        delay = min(FIRST_DELAY_S * 2 ** min(deaths - 1, 20), MAX_DELAY_S)
        return Restart(deaths, died_at + delay)
