"""Earned self-care: a listed minor complaint, its guards, and nothing in the story that it leaves unexplained."""

from dataclasses import dataclass

from records.triage.lexicon.words import Kind
from records.triage.rules.loader import MinorComplaint, Pack
from records.triage.story import Story


@dataclass(frozen=True, slots=True)
class Earned:
    """Why care at home is enough, and the guard questions the patient has not answered."""

    complaints: tuple[MinorComplaint, ...]
    unanswered: tuple[str, ...]


# A minor illness is not minor in these patients; they see a doctor.
FRAIL = frozenset(
    [
        "immunosuppressed",
        "cancer",
        "chemotherapy",
        "transplant",
        "dialysis",
        "sickle_cell",
        "asplenia",
        "heart_failure",
        "cystic_fibrosis",
        "recent_surgery",
        "recent_birth",
    ]
)
# Said of almost every complaint and reassuring or neutral by itself.
_NEUTRAL = frozenset(["tiredness", "poor_sleep", "worry_about_illness", "stress", "vague_unwell", "wants_advice"])
_RELIEF = (
    "bears_weight",
    "back_lifting",
    "eats_drinks",
    "otherwise_well",
    "small_cut",
    "small_burn",
    "splinter",
    "q_better",
    "migraine_usual",
    "tension_band",
    "exposure_contact",
    "chest_wall_tender",
)
_COMPLAINT_KINDS = (Kind.SYMPTOM, Kind.DISEASE, Kind.VAGUE)


def earned(story: Story, pack: Pack) -> Earned | None:
    """Return why this story may be cared for at home, or None. The caller has found no floor above self-care."""
    if story.pregnant or any(story.has(name) for name in FRAIL):
        return None
    matching = [minor for minor in pack.minor if _holds(minor, story)]
    if not matching:
        return None
    allowed = set(_NEUTRAL).union(*(minor.allowed | minor.when.positive for minor in matching))
    if unexplained(story, pack, frozenset(allowed)):
        return None
    asked = dict.fromkeys(question for minor in matching for question in minor.ask)
    unanswered = tuple(q for q in asked if _is_unsaid(pack.questions[q].finding, story))
    return Earned(tuple(matching), unanswered)


def unexplained(story: Story, pack: Pack, allowed: frozenset[str]) -> list[str]:
    """Return the present complaints that are neither allowed nor implied by an allowed concept."""
    concepts = pack.lexicon.concepts
    covered = {name for one in allowed for name in (one, *concepts[one].implies)} if allowed else set()
    return [name for name in story.present if concepts[name].kind in _COMPLAINT_KINDS and name not in covered]


def _is_unsaid(finding: str | None, story: Story) -> bool:
    return finding is not None and finding not in story.others and finding not in story.present


def _has_detail(story: Story) -> bool:
    """Whether the story says anything that reassures: a bare "back pain" has not earned self-care."""
    denied = any(story.is_marked("denied", name) for name in story.others)
    relieved = any(story.has(name) for name in _RELIEF)
    return bool(story.durations) or denied or relieved or any(mark == "mild" for mark, _ in story.marks)


def _holds(minor: MinorComplaint, story: Story) -> bool:
    evidence = minor.when.evaluate(story)
    if not evidence or (minor.unless is not None and minor.unless.evaluate(story) is not None):
        return False
    if any(mark == "severe" and name in evidence for mark, name in story.marks):
        return False
    if minor.needs_detail and not _has_detail(story):
        return False
    age = story.age
    if age is not None and not minor.min_age <= age <= minor.max_age:
        return False
    days = story.number("days")
    return days is None or days[1] <= minor.max_days
