"""Questions worth asking: those whose answer would change the level, then what every doctor needs."""

from dataclasses import dataclass

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


MAX_QUESTIONS = 6


def inquiries(story: Story, pack: Pack, level: Level, earned: Earned | None) -> tuple[Inquiry, ...]:
    """Return at most MAX_QUESTIONS questions, the most level-changing first."""
    found: dict[str, Inquiry] = {}
    for question_id, rule in _level_changing(story, pack, level):
        known = found.get(question_id)
        if known is None or (known.level_if_yes is not None and rule.level.rank < known.level_if_yes.rank):
            found[question_id] = _inquiry(question_id, story, pack, rule)
    ranked = sorted(found.values(), key=lambda one: one.level_if_yes.rank if one.level_if_yes else 9)
    guards = [_inquiry(one, story, pack, None) for one in (earned.unanswered if earned else ()) if one not in found]
    basics = [_inquiry(one, story, pack, None) for one in _basics(story)]
    return tuple((ranked + guards + basics)[:MAX_QUESTIONS])


def _inquiry(question_id: str, story: Story, pack: Pack, rule: Rule | None) -> Inquiry:
    text = pack.questions[question_id].text[story.lang]
    return Inquiry(question_id, text, rule.level if rule else None, rule.id if rule else None)


def _level_changing(story: Story, pack: Pack, level: Level) -> list[tuple[str, Rule]]:
    """Pairs of a question and a rule above the level that would fire on a yes together with what was said."""
    found = []
    for rule in pack.rules:
        if rule.level.rank >= level.rank or not rule.ask or not _is_on_topic(rule, story):
            continue
        for question_id in rule.ask:
            finding = pack.questions[question_id].finding
            if finding is None or finding in story.present or finding in story.others:
                continue
            added = implied(finding, pack.lexicon)
            evidence = evaluate(rule, supposing(story, added))
            if evidence is not None and not evidence <= set(added):
                found.append((question_id, rule))
    return found


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
