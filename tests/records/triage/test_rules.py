"""Each rule's own examples, and the promises about the pack as a whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from records.triage.flags import evaluate, flags, supposing
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.rules.loader import Rule, pack
from records.triage.story import understand

# What the population needs, when an example does not say otherwise.
DEFAULTS: dict[str, dict[str, Any]] = {
    "child": {"age": 5}, "infant": {"age_months": 6}, "newborn": {"age_months": 1},
    "female": {"sex": "female"}, "male": {"sex": "male"},
}  # fmt: skip
EXAMPLES = [(rule, text, fires, given) for rule in pack().rules for text, fires, given in rule.examples]


def intake_of(rule: Rule, text: str, given: dict[str, Any]) -> Intake:
    base = DEFAULTS.get(rule.population, {})
    if "age" in given or "age_months" in given:
        base = {name: value for name, value in base.items() if not name.startswith("age")}
    return Intake.parse({"id": "1", "complaint": text, **base, **given})


class TestExamples:
    @pytest.mark.parametrize(
        ("rule", "text", "fires", "given"), EXAMPLES, ids=lambda v: getattr(v, "id", None) or str(v)
    )
    def test_rule_fires_on_its_positive_and_not_on_its_negative_examples(
        self, rule: Rule, text: str, fires: bool, given: dict[str, Any]
    ) -> None:
        story = understand(intake_of(rule, text, dict(given)), pack().lexicon)
        assert (evaluate(rule, story) is not None) is fires

    @pytest.mark.parametrize("rule", pack().rules, ids=lambda rule: rule.id)
    def test_every_rule_has_examples_of_both_kinds_in_both_languages(self, rule: Rule) -> None:
        for fires in (True, False):
            texts = [text for text, kind, _ in rule.examples if kind is fires]
            assert any(re.search("[\u4e00-\u9fff]", text) for text in texts)
            assert any(re.search("[a-z]", text) for text in texts)


class TestPack:
    def test_there_are_at_least_150_rules_with_source_and_two_titles(self) -> None:
        assert len(pack().rules) >= 150
        assert all(rule.source and rule.title["en"] and rule.title["zh"] and rule.departments for rule in pack().rules)

    def test_there_are_350_concepts_or_more_and_not_a_thousand(self) -> None:
        assert 350 <= len(pack().lexicon.concepts) < 1000

    def test_rule_ids_are_unique(self) -> None:
        ids = [rule.id for rule in pack().rules]
        assert len(ids) == len(set(ids))

    def test_no_licensed_system_is_named(self) -> None:
        folder = Path(__file__).parents[3] / "records" / "triage"
        text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.y*ml"))
        names = ("E" + "SI", "Man" + "chester", "M" + "TS", "Schmitt", "CT" + "AS", "KT" + "AS")
        assert not [name for name in names if re.search(rf"\b{name}\b", text)]

    def test_supposing_a_concept_only_adds_flags_of_its_own_rules(self) -> None:
        story = understand(Intake.parse({"id": "1", "complaint": "headache", "age": 30}), pack().lexicon)
        assert not flags(story, pack())
        assert evaluate(next(r for r in pack().rules if r.id == "headache-danger"), supposing(story, ["confusion"]))

    def test_every_emergency_rule_names_the_emergency_department(self) -> None:
        assert all("emergency" in rule.departments for rule in pack().rules if rule.level is Level.EMERGENCY)
