"""How sure the engine may be: evidence margin, share of the text understood, completeness; and when it abstains."""

import functools
import importlib.resources
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from records.triage.concepts import Reading
from records.triage.levels import THREE_LEVEL, Level
from records.triage.story import Story
from records.triage.wording import Reading as Heard

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on. `recognised` counts present complaints; none at all and no flag means abstain."""

    flagged: int
    unanswered: int
    recognised: int
    heard: Heard


def signs(story: Story, level: Level, evidence: Evidence) -> dict[str, float]:
    """Return what the confidence is made of, each between 0 and 1."""
    heard, three = evidence.heard, THREE_LEVEL[level]
    by_wording = {"emergency": heard.emergency, "self-care": heard.self_care}
    agreed = by_wording.get(three, 1 - heard.emergency - heard.self_care)
    return {
        "bias": 1.0,
        "coverage": coverage(story.readings[0]),
        "completeness": _completeness(story),
        "flagged": float(evidence.flagged > 0),
        "flags": min(evidence.flagged, 4) / 4,
        "unanswered": min(evidence.unanswered, 3) / 3,
        "vague": float(evidence.recognised == 0),
        "agreed": agreed,
        "familiar": heard.familiar,
        "emergency": float(three == "emergency"),
        "self_care": float(three == "self-care"),
    }


@functools.lru_cache(maxsize=1)
def weights() -> Mapping[str, float]:
    """Return the logistic weights that `python -m tests.triage.calibrate` has learnt; read once."""
    file = importlib.resources.files("records.triage") / "tables" / "confidence.json"
    learnt: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))["weights"]
    return learnt


def confidence(story: Story, level: Level, evidence: Evidence) -> Confidence:
    """Return the confidence in a level, as a probability that was learnt on cases which the reader had not seen."""
    made_of = signs(story, level, evidence)
    value = 1 / (1 + math.exp(-sum(weights().get(name, 0.0) * sign for name, sign in made_of.items())))
    abstained = evidence.recognised == 0 and not evidence.flagged and level is not Level.SELF_CARE
    covered, complete = round(made_of["coverage"], 3), made_of["completeness"]
    return Confidence(round(value, 3), covered, complete, abstained, _level_set(level, value, abstained))


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
