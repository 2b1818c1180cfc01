"""Red flags: the rules that a story sets off, each with the patient's own words."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from records.triage.conditions import Evidence
from records.triage.levels import Level
from records.triage.rules.loader import Pack, Rule
from records.triage.story import Quote, Story


@dataclass(frozen=True, slots=True)
class Flag:
    """A rule that fired. `quotes[0]` is the leading evidence; every quote is verbatim."""

    rule: str
    level: Level
    source: str
    title: str
    departments: tuple[str, ...]
    quotes: tuple[Quote, ...]


_POPULATIONS = {
    "everyone": (),
    "adult": ("adult",),
    "child": ("child",),
    "infant": ("infant",),
    "newborn": ("newborn",),
    "pregnant": ("pregnant",),
    "female": ("female",),
    "male": ("male",),
}


def evaluate(rule: Rule, story: Story) -> Evidence | None:
    """Return the concepts that set the rule off in its population, or None."""
    if not all(story.fact(fact) for fact in _POPULATIONS[rule.population]):
        return None
    return rule.when.evaluate(story)


def flags(story: Story, pack: Pack) -> tuple[Flag, ...]:
    """Return every rule that fires on the patient's words, most urgent first."""
    found = []
    for rule in pack.rules:
        evidence = evaluate(rule, story)
        if evidence is None:
            continue
        quotes = story.quotes(evidence)
        if quotes:
            found.append(
                Flag(rule.id, rule.level, rule.source, rule.title[story.lang], rule.departments, tuple(quotes))
            )
    return tuple(sorted(found, key=lambda flag: flag.level.rank))


def supposing(story: Story, names: Iterable[str]) -> Story:
    """Return the story as it would be if these concepts were present too; used to find questions worth asking."""
    present = {**{name: (Quote(name, "", "", 0, 0),) for name in names}, **story.present}
    return replace(story, present=present)
