"""The condition language of the rules."""

import pytest

from records.triage.conditions import compile_condition
from records.triage.errors import PackInvalid
from records.triage.intake import Intake
from records.triage.rules.loader import pack
from records.triage.story import understand


def holds(condition: str, complaint: str, **fields: object) -> bool:
    story = understand(Intake.parse({"id": "1", "complaint": complaint, **fields}), pack().lexicon)
    return compile_condition(condition).evaluate(story) is not None


class TestGrammar:
    @pytest.mark.parametrize(
        ("condition", "held"),
        [("cough & fever", True), ("cough & headache", False), ("headache | fever", True), ("!headache", True),
         ("cough & !(headache | rash)", True), ("2of(cough, fever, rash)", True), ("3of(cough, fever, rash)", False),
         ("age >= 50", True), ("age < 50", False), ("days > 2", True), ("temp >= 38", True), ("female", True),
         ("denied(rash)", True), ("severe(cough)", True), ("severe(fever)", False)],
    )  # fmt: skip
    def test_condition(self, condition: str, held: bool) -> None:
        text = "temp 38.6 for three days. Severe cough. No rash"
        assert holds(condition, text, age=60, sex="female") is held

    def test_a_comparison_of_something_unknown_does_not_hold_either_way(self) -> None:
        assert not holds("age < 50", "cough") and not holds("age >= 50", "cough")

    @pytest.mark.parametrize("text", ["cough &", "(cough", "cough fever", "age >", "& cough", "severe(", ""])
    def test_a_slip_is_an_error(self, text: str) -> None:
        with pytest.raises(PackInvalid):
            compile_condition(text)
