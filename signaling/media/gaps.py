"""How long media was silent when a link's packets took another way: a histogram, and percentiles of the newest."""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

# Seconds: nobody hears 50 ms; media.md §8 asks for less than 1 s of sound and 1.5 s of picture; 10 s is a lost call.
GAP_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MAX_KEPT = 1000  # of each direction, for the percentiles; 8 kB


@dataclass(frozen=True, slots=True)
class PathGaps:
    """The gaps of one cause and direction since the relay's start."""

    cause: str
    direction: str
    counts: tuple[int, ...]
    """By bucket of GAP_BUCKETS_S, the last one above all; not cumulative."""
    total_s: float


@dataclass(slots=True)
class GapLog:
    """Every gap of one relay."""

    _counts: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _totals: dict[tuple[str, str], float] = field(default_factory=dict)
    _newest: dict[str, deque[float]] = field(default_factory=dict)

    def note(self, cause: str, direction: str, gap_s: float) -> None:
        """Add one gap."""
        key = (cause, direction)
        counts = self._counts.setdefault(key, [0] * (len(GAP_BUCKETS_S) + 1))
        counts[bisect_left(GAP_BUCKETS_S, gap_s)] += 1
        self._totals[key] = self._totals.get(key, 0.0) + gap_s
        self._newest.setdefault(direction, deque(maxlen=MAX_KEPT)).append(gap_s)

    def histogram(self) -> tuple[PathGaps, ...]:
        """Return the buckets of every cause and direction seen so far."""
        return tuple(
            PathGaps(cause, direction, tuple(counts), round(self._totals[cause, direction], 6))
            for (cause, direction), counts in sorted(self._counts.items())
        )

    def percentiles_ms(self) -> Mapping[str, float]:
        """Return up_p50, up_p95, up_p99, down_p50, … of the newest thousand; nothing for a direction without any."""
        found: dict[str, float] = {}
        for direction, gaps in self._newest.items():
            ordered = sorted(gaps)
            for percent in (50, 95, 99):
                found[f"{direction}_p{percent}"] = round(1000 * percentile(ordered, percent), 1)
        return found


def percentile(ordered: list[float], percent: int) -> float:
    """Return the smallest value that so many per cent of the others do not exceed (nearest rank)."""
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(0, rank - 1)]
