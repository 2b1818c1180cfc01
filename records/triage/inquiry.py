"""Questions worth asking: those whose answer would change the level, then what every doctor needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from records.triage.conditions import Evidence
from records.triage.flags import evaluate, supposing
from records.triage.levels import Level
from records.triage.rules.loader import Pack, Rule
from records.triage.selfcare import Earned
from records.triage.story import Story, implied


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question, and the level that a yes would give (None: it only completes the picture)."""

    id: str
    text: str
    level_if_yes: Level | None
    rule: str | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A question that would fire `rule` on a yes, and how closely it belongs to what was said (more is closer)."""

    question_id: str
    rule: Rule
    relation: float

    @property
    def rank(self) -> tuple[float, int]:
        return -self.relation, self.rule.level.rank


MAX_QUESTIONS = 6


def inquiries(story: Story, pack: Pack, level: Level, earned: Earned | None) -> tuple[Inquiry, ...]:
    """
    Return at most MAX_QUESTIONS questions: the closest to what was said first, then the most level-changing.

    A question only half as close as the closest waits until the guards of self-care have been asked.
    """
    found: dict[str, _Candidate] = {}
    for one in _level_changing(story, pack, level):
        known = found.get(one.question_id)
        if known is None or one.rank < known.rank:
            found[one.question_id] = one
    ordered = sorted(found.values(), key=lambda one: one.rank)
    ranked = [_inquiry(one.question_id, story, pack, one.rule) for one in ordered]
    guards = [_inquiry(one, story, pack, None) for one in (earned.unanswered if earned else ()) if one not in found]
    basics = [_inquiry(one, story, pack, None) for one in _basics(story)]
    close = sum(one.relation >= ordered[0].relation / 2 for one in ordered)
    return tuple((ranked[:close] + guards + ranked[close:] + basics)[:MAX_QUESTIONS])


def _inquiry(question_id: str, story: Story, pack: Pack, rule: Rule | None) -> Inquiry:
    text = pack.questions[question_id].text[story.lang]
    return Inquiry(question_id, text, rule.level if rule else None, rule.id if rule else None)


def _level_changing(story: Story, pack: Pack, level: Level) -> list[_Candidate]:
    """Questions with a rule above the level that would fire on a yes together with what was said."""
    found = []
    shares = {name: 1 / max(1, _mentions(name, pack)) for name in story.present}
    for rule in pack.rules:
        if rule.level.rank >= level.rank or not rule.ask or not _is_on_topic(rule, story):
            continue
        for question_id in rule.ask:
            question = pack.questions[question_id]
            finding = question.finding
            if finding is None or finding in story.present or finding in story.others:
                continue
            if question.presumes is not None and not story.has(question.presumes):
                continue
            added = implied(finding, pack.lexicon)
            evidence = evaluate(rule, supposing(story, added))
            if evidence is not None and not evidence <= set(added):
                said = evidence - set(added)
                found.append(_Candidate(question_id, rule, _relation(finding, said, shares, pack)))
    return found


def _relation(finding: str, said: Evidence, shares: Mapping[str, float], pack: Pack) -> float:
    """
    How closely a finding belongs to the story: by the rule's own evidence and by the illnesses that show both.

    A finding that many rules share (fever) says little, so its share is one over the number of rules that name it.
    """
    together = {name for disease in pack.diseases if finding in disease.supports for name in disease.supports}
    return sum(share for name, share in shares.items() if name in said or name in together)


def _mentions(name: str, pack: Pack) -> int:
    return sum(name in rule.when.positive for rule in pack.rules)


def _is_on_topic(rule: Rule, story: Story) -> bool:
    return any(story.has(name) for name in rule.when.positive)


def _basics(story: Story) -> list[str]:
    missing = []
    if story.age is None:
        missing.append("ask_age")
    fertile = story.sex == "female" and story.age is not None and 12 <= story.age <= 55
    if fertile and story.pregnant is None and "pregnancy" not in story.others:
        missing.append("ask_pregnant")
    if not story.durations:
        missing.append("ask_duration")
    if story.vitals.temperature_c is None:
        missing.append("ask_temperature")
    if not story.intake.medications:
        missing.append("ask_medicines")
    return missing
