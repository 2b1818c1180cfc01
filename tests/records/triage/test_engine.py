"""README "The note": reason, verbatim quotes, what was not said, never lowered by more evidence."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.triage.concepts import read
from records.triage.engine import assess, partial_flags
from records.triage.flags import flags, supposing
from records.triage.intake import Intake
from records.triage.levels import Level, most_urgent
from records.triage.note import not_triaged
from records.triage.rules.loader import pack
from records.triage.story import Quote, understand


def note_of(complaint: str, **fields: object):  # type: ignore[no-untyped-def] # a Note; the fields are an intake's
    return assess(Intake.parse({"id": "7", "complaint": complaint, **fields}))


class TestContract:
    def test_first_block_of_the_note_is_the_contract(self) -> None:
        note = note_of("chest pain and sweating", age=61).to_json()
        assert list(note)[:8] == [
            "id", "level", "red_flags", "departments", "news2", "questions", "summary", "engine",
        ]  # fmt: skip
        assert {"rule", "quote", "source", "level"} <= set(note["red_flags"][0])
        assert {"min", "max", "missing"} <= set(note["news2"])

    def test_it_is_json(self) -> None:
        assert json.loads(json.dumps(note_of("胸痛", lang="zh").to_json()))["lang"] == "zh"

    def test_the_issues_example_row_is_an_emergency(self) -> None:
        note = note_of("age 64 M, chest pain, HR 118, SBP 88")
        assert note.level is Level.EMERGENCY and note.news2.low == 5

    def test_same_intake_same_hash_edited_intake_another(self) -> None:
        assert note_of("cough").versions.input_sha256 == note_of("cough").versions.input_sha256
        assert note_of("cough").versions.input_sha256 != note_of("coughs").versions.input_sha256

    def test_what_was_not_said_is_listed(self) -> None:
        note = note_of("cough")
        assert {"age", "duration", "vitals.spo2", "allergies"} <= set(note.not_said)

    def test_an_empty_complaint_is_partial_and_not_reassuring(self) -> None:
        note = note_of("")
        assert note.partial and note.level is Level.SEMI_URGENT

    def test_a_failed_engine_is_not_triaged_rather_than_routine(self) -> None:
        note = not_triaged("1", "en", "x").to_json()
        assert note["level"] is None and note["level_reason"] == "not triaged, see in arrival order"

    def test_no_treatment_is_named(self) -> None:
        text = json.dumps(note_of("chest pain and sweating, age 60").to_json()).lower()
        assert not [word for word in ("take aspirin", " mg", "prescribe", "dose of") if word in text]


class TestQuotes:
    @pytest.mark.parametrize(
        "text", ["My CHEST  hurts, and i'm Sweating!", "胸口疼，还出冷汗", "胸悶、胸痛，大汗", "chest pain\n& vomiting"]
    )
    def test_quote_is_the_field_at_its_offsets(self, text: str) -> None:
        found = note_of(text, age=60).flags
        assert found
        for flag in found:
            for quote in flag.quotes:
                assert text[quote.start : quote.end] == quote.text != ""

    @settings(deadline=None)
    @given(st.text(alphabet=st.sampled_from("chest pain no 胸痛没有发烧,。.! 'tx\u3000"), max_size=80))
    def test_any_text_gives_valid_quotes(self, text: str) -> None:
        intake = Intake.parse({"id": "1", "complaint": text})
        for flag in partial_flags(intake):
            assert all(text[q.start : q.end] == q.text for q in flag.quotes if q.field == "complaint")


class TestAbstention:
    def test_text_that_is_not_understood_goes_to_a_doctor_now(self) -> None:
        note = note_of("blorf wug zib since the frobnication")
        assert note.confidence.abstained and note.level is Level.SEMI_URGENT


class TestWhileTyping:
    def test_each_answer_can_fire(self) -> None:
        typed = "i feel strange and i can't breathe"
        fired = [i for i in range(len(typed) + 1) if _is_emergency(typed[:i])]
        assert fired and fired[-1] == len(typed) and min(fired) > 20


def _is_emergency(text: str) -> bool:
    return any(flag.level is Level.EMERGENCY for flag in partial_flags(Intake.parse({"id": "1", "complaint": text})))


STORIES = (
    "I have a cough",
    "头痛两天",
    "my back hurts after lifting",
    "runny nose and sneezing",
    "stomach pain and diarrhea",
)
RED = sorted({name for rule in pack().rules if rule.level is Level.EMERGENCY for name in rule.when.positive})


class TestMonotonic:
    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(STORIES),
        st.lists(st.sampled_from(RED), max_size=4),
        st.sampled_from(RED),
        st.sampled_from([None, 1, 30, 70]),
    )
    def test_adding_a_flagged_finding_never_lowers_the_level(
        self, text: str, first: list[str], added: str, age: int | None
    ) -> None:
        """Rules exclude only benign findings with `!`; those that fire emergencies must never silence another rule."""
        known = pack()
        story = understand(Intake.parse({"id": "1", "complaint": text, "age": age}), known.lexicon)
        before = {flag.rule: flag.level for flag in flags(_with(story, first), known)}
        after = {flag.rule: flag.level for flag in flags(_with(story, [*first, added]), known)}
        assert most_urgent(after.values(), Level.SELF_CARE).rank <= most_urgent(before.values(), Level.SELF_CARE).rank


def _with(story, names):  # type: ignore[no-untyped-def] # Story and concept names
    supposed = supposing(story, names)
    quote = story.readings[0].quote(0, 1)
    present = {n: q if q and q[0].field else (Quote(n, "complaint", *quote),) for n, q in supposed.present.items()}
    return replace(supposed, present=present)


class TestHostileText:
    @pytest.mark.parametrize("words", ["chest pain and arm pain ", "胸痛腹痛", "no ", "pain in chest arm leg jaw not "])
    def test_the_work_on_a_repeated_text_is_bounded(self, words: str) -> None:
        text = (words * 20_000)[:20_000]
        reading = read(text, "complaint", pack().lexicon)
        assert len(reading.mentions) < 2_000 and len(reading.triggers) < 500


class TestQuestions:
    def asked(self, complaint: str, **fields: object) -> list[str]:
        return [str(one["id"]) for one in note_of(complaint, **fields).to_json()["question_details"]]

    @pytest.mark.parametrize("complaint", ["cough and fever for two days", "咳嗽发烧两天"])
    def test_what_belongs_to_a_cough_comes_before_what_any_fever_may_be(self, complaint: str) -> None:
        asked = self.asked(complaint, age=62)
        assert asked[:2] == ["confused", "breathless"]
        assert {"cough_blood", "chest_pain"} <= set(asked)

    def test_no_question_takes_a_pain_for_granted_that_nobody_mentioned(self) -> None:
        assert "right_lower" not in self.asked("cough and fever for two days", age=62)
        assert "right_lower" in self.asked("stomach pain and fever", age=30)
