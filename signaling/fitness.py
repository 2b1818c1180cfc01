"""What each participant's line was fit for over a whole call, from the relay's verdicts every 5 s. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from signaling.media.quality import Verdict
from signaling.media.reports import Quality

# A use counts when the line allowed it nearly always: a finding from a gait that was visible half the time is none.
HELD_SHARE = 0.8
# What was wrong now and then, for as long as it took to matter.
REASON_SHARE = 0.2
_ORDER = tuple(verdict.value for verdict in Verdict)  # best first


@dataclass(frozen=True, slots=True)
class LineRecord:
    """One participant's line over the call."""

    role: str
    verdict: str
    """The most demanding use that held in four fifths of the time."""
    reasons: tuple[str, ...]
    """What kept it from better, most frequent first."""
    score: float
    """Mean opinion score, 1.0 to 4.5: the mean over the call."""
    lowest: float
    readings: int
    """One every 5 s."""


@dataclass(slots=True)
class _Seat:
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    total: float = 0.0
    lowest: float = 5.0


class Fitness:
    """The readings of one call."""

    def __init__(self) -> None:
        self._seats: dict[str, _Seat] = {}

    def note(self, event: Quality) -> None:
        """Count one reading. An unknown verdict is none."""
        seat = self._seats.setdefault(event.seat, _Seat())
        seat.verdicts[event.verdict if event.verdict in _ORDER else Verdict.NONE.value] += 1
        seat.reasons.update(event.reasons)
        seat.total += event.score
        seat.lowest = min(seat.lowest, event.score)

    def take(self, roles: Mapping[str, str]) -> tuple[LineRecord, ...]:
        """Return the record of every seat whose role is known, and begin anew."""
        seats, self._seats = self._seats, {}
        return tuple(_record(roles[name], seat) for name, seat in sorted(seats.items()) if name in roles)


def _record(role: str, seat: _Seat) -> LineRecord:
    count = seat.verdicts.total()
    reasons = tuple(reason for reason, times in seat.reasons.most_common() if times >= REASON_SHARE * count)
    return LineRecord(
        role, _held(seat.verdicts, count), reasons, round(seat.total / count, 2), round(seat.lowest, 2), count
    )


def _held(verdicts: Counter[str], count: int) -> str:
    so_far = 0
    for verdict in _ORDER:
        so_far += verdicts[verdict]
        if so_far >= HELD_SHARE * count:
            return verdict
    return Verdict.NONE.value
