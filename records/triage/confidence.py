"""How sure the engine may be: evidence margin, share of the text understood, completeness; and when it abstains."""

import math
import re
from dataclasses import dataclass

from records.triage.concepts import Reading
from records.triage.levels import Level
from records.triage.story import Story

_PIECE = re.compile(r"[^,\n、]+")
# A piece with fewer letters ("hello", "thanks") is not a clause.
_MIN_PIECE_LATIN = 8
_MIN_PIECE_HAN = 3


@dataclass(frozen=True, slots=True)
class Confidence:
    """A calibrated probability that the level is right on three levels, and what it was made of."""

    value: float
    coverage: float
    completeness: float
    abstained: bool
    level_set: tuple[Level, ...]


def coverage(reading: Reading) -> float:
    """Return the share (0-1) of the text's clauses in which at least one finding was recognised."""
    plain = reading.normal.plain
    pieces = [match.span() for match in _PIECE.finditer(plain) if _is_clause(match.group())]
    if not pieces:
        return 1.0 if reading.mentions else 0.0
    held = sum(any(m.first < last and first < m.last for m in reading.mentions) for first, last in pieces)
    return held / len(pieces)


def _is_clause(piece: str) -> bool:
    text = piece.strip()
    return len(text) >= (_MIN_PIECE_HAN if any(c > "\u3400" for c in text) else _MIN_PIECE_LATIN)


# Logistic weights fitted on our development cases by hand, checked by `python -m tests.triage.evaluate`.
_WEIGHTS = {"bias": 0.9, "coverage": 0.8, "completeness": 0.4, "flag": 1.2, "unanswered": -0.25, "vague": -0.9}


def confidence(story: Story, level: Level, *, flagged: int, unanswered: int, recognised: int) -> Confidence:
    """Return the confidence in a level. `recognised` counts present complaints; none at all means abstain."""
    covered = coverage(story.readings[0])
    complete = _completeness(story)
    abstained = recognised == 0 and not flagged
    score = (
        _WEIGHTS["bias"]
        + _WEIGHTS["coverage"] * covered
        + _WEIGHTS["completeness"] * complete
        + _WEIGHTS["flag"] * bool(flagged)
        + _WEIGHTS["unanswered"] * min(unanswered, 3)
        + _WEIGHTS["vague"] * (recognised == 0)
    )
    value = 1 / (1 + math.exp(-score))
    return Confidence(round(value, 3), round(covered, 3), complete, abstained, _level_set(level, value, abstained))


def _completeness(story: Story) -> float:
    known = (
        story.age is not None,
        story.sex is not None,
        bool(story.durations),
        story.vitals.heart_rate is not None or story.vitals.temperature_c is not None,
    )
    return sum(known) / len(known)


def _level_set(level: Level, value: float, abstained: bool) -> tuple[Level, ...]:
    """Levels that cannot be excluded at 90 %: wider as confidence falls, and first of all upwards."""
    order = list(Level)
    up = 2 if abstained else (1 if value < 0.85 else 0)
    down = 1 if value < 0.75 and not abstained else 0
    return tuple(order[max(0, level.rank - up) : min(len(order), level.rank + down + 1)])
