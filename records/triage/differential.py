"""What it may be: a must-not-miss list and a likely list, each with what speaks for and against it."""

import math
from dataclasses import dataclass

from records.triage.context import Status
from records.triage.rules.loader import Disease, Pack
from records.triage.story import Story


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible illness, with the concepts for it and those denied or against it."""

    disease: Disease
    score: float
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]


MAX_LISTED = 4
# A must-not-miss illness is listed on weaker evidence than a likely one.
MUST_THRESHOLD = 0.30
LIKELY_THRESHOLD = 0.45
# A denied finding speaks against an illness with half the weight with which its presence speaks for it.
DENIED_WEIGHT = 0.5


def differential(story: Story, pack: Pack) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Return (must not miss, likely), the best supported first."""
    scored = [candidate for disease in pack.diseases if (candidate := _candidate(disease, story)) is not None]
    scored.sort(key=lambda candidate: -candidate.score)
    must = [c for c in scored if c.disease.must_not_miss and c.score >= MUST_THRESHOLD]
    likely = [c for c in scored if c.score >= LIKELY_THRESHOLD and not c.disease.must_not_miss]
    return tuple(must[:MAX_LISTED]), tuple(likely[:MAX_LISTED])


def _candidate(disease: Disease, story: Story) -> Candidate | None:
    if disease.requires is not None and disease.requires.evaluate(story) is None:
        return None
    supporting = tuple(name for name in disease.supports if story.has(name))
    if not supporting:
        return None
    denied = tuple(n for n in disease.supports if story.others.get(n) is Status.ABSENT)
    opposing = denied + tuple(name for name in disease.against if story.has(name))
    gained = sum(disease.supports[name] for name in supporting)
    lost = DENIED_WEIGHT * sum(disease.supports.get(name, 1.0) for name in opposing)
    # Illnesses with long lists need more than one hit; the square root keeps short lists from always winning.
    return Candidate(disease, (gained - lost) / math.sqrt(sum(disease.supports.values()) + 1), supporting, opposing)
