"""The queue's order, a patient's place in it, and the wait to expect. Stores nothing. README "Queue"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Minutes to clinical contact by urgency (facts/consultation.md §3). Not triaged counts as semi-urgent: nobody knows
# that it is less, and while the engine is down all are equal and keep the order of arrival.
CEILING_MIN = {"emergency": 0, "urgent": 10, "semi-urgent": 60, "routine": 120, "self-care": 240}
_LEVELS = tuple(CEILING_MIN)
_UNTRIAGED = "semi-urgent"
_URGENT_RANK = 1

CONSULTATION_MIN = 12.0  # mean length (facts/consultation.md §11), until this clinic has its own
# Spread of one consultation as a share of its mean. Consultations are less scattered than an exponential (1.0).
_SPREAD = 0.7
_FULL_WAIT_MIN = 240  # the longest ceiling: a longer promise would be none


@dataclass(frozen=True, slots=True)
class Entry:
    """One waiting visit."""

    visit: str
    level: str | None
    waiting_since: float
    """Seconds of the same clock as `now`; kept through away, release and transfer."""
    is_returned: bool = False
    """Was in a consultation that broke off: goes to the front."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the patient is told."""

    position: int
    """From 1."""
    ahead: int
    wait_min: tuple[int, int] | None
    """Low and high; None while no practitioner is there."""
    is_full: bool
    """The wait is longer than can be promised: offer a call back."""


def order(entries: Sequence[Entry], now: float) -> list[Entry]:
    """Return the entries in the order in which they should be seen."""
    return sorted(entries, key=lambda entry: _rank(entry, now))


def _rank(entry: Entry, now: float) -> tuple[int, int, float, str]:
    """
    Emergency first, then who was cut off, then by urgency; within one by arrival.

    Ageing: each time its own ceiling passes, a visit moves up one class, at most to urgent. So nobody starves, and
    an urgent patient is overtaken only by those who waited several ceilings.
    """
    level = entry.level if entry.level in CEILING_MIN else _UNTRIAGED
    rank = _LEVELS.index(level)
    if rank == 0:
        return 0, 0, entry.waiting_since, entry.visit
    passed = int((now - entry.waiting_since) / 60 // CEILING_MIN[level])
    aged = max(_URGENT_RANK, rank - max(0, passed))
    return 1, 0 if entry.is_returned else aged, entry.waiting_since, entry.visit


def place(entries: Sequence[Entry], visit: str, now: float, practitioners: int) -> Place | None:
    """Return the place of one visit; None when it does not wait. `practitioners`: how many see patients now."""
    ranked = [entry.visit for entry in order(entries, now)]
    return places(ranked, practitioners).get(visit) if visit in ranked else None


def places(ranked: Sequence[str], practitioners: int) -> dict[str, Place]:
    """Return the place of every visit of a queue that is in order."""
    return {visit: _place(ahead, practitioners) for ahead, visit in enumerate(ranked)}


def _place(ahead: int, practitioners: int) -> Place:
    wait = expected_wait_min(ahead, practitioners)
    return Place(ahead + 1, ahead, wait, wait is not None and wait[1] > _FULL_WAIT_MIN)


def expected_wait_min(
    ahead: int, practitioners: int, consultation_min: float = CONSULTATION_MIN
) -> tuple[int, int] | None:
    """
    Return low and high of the wait in minutes, about two of three waits fall inside; None without practitioners.

    `ahead` patients are seen first, and the current consultations are half over on average.
    """
    if practitioners < 1:
        return None
    mean = (ahead + 0.5) * consultation_min / practitioners
    deviation = _SPREAD * consultation_min * math.sqrt(ahead + 1) / practitioners
    return _round_down(mean - deviation), _round_up(mean + deviation)


def _round_down(minutes: float) -> int:
    """Return whole minutes below 10 and whole fives above: a promise must not look more exact than it is."""
    minutes = max(0.0, minutes)
    return int(minutes) if minutes < 10 else int(minutes // 5 * 5)


def _round_up(minutes: float) -> int:
    return math.ceil(minutes) if minutes < 10 else math.ceil(minutes / 5) * 5
