"""README "Negation": who, when and whether, with pseudo-negations, in both languages."""

import pytest

from records.triage.intake import Intake
from records.triage.rules.loader import pack
from records.triage.story import understand

# text, concept, has the patient got it now?
ROWS = [
    ("no chest pain", "chest_pain", False),
    ("denies fever, chills or cough", "cough", False),
    ("denies chest pain but has a headache", "headache", True),
    ("no fever, she has a cough", "cough", True),
    ("not short of breath", "breathless", False),
    ("my chest does not hurt", "chest_pain", False),
    ("no improvement in the cough", "cough", True),
    ("no relief, the headache is worse", "headache", True),
    ("he won't wake up", "unresponsive", True),
    ("can't breathe", "severe_breathless", True),
    ("I had a heart attack ten years ago", "cardiac_named", False),
    ("history of stroke", "stroke_named", False),
    ("history of diabetes", "diabetes", True),
    ("family history of stroke", "stroke_named", False),
    ("my father died of a heart attack, I have a cough", "cardiac_named", False),
    ("what if I get chest pain", "chest_pain", False),
    ("worried it might be meningitis", "meningitis_named", False),
    ("worried about this chest pain", "chest_pain", True),
    ("I nearly had a heart attack when I saw the bill", "cardiac_named", False),
    ("hay fever", "fever", False),
    ("没有发烧", "fever", False),
    ("否认胸痛、气短", "breathless", False),
    ("不发烧，但是咳嗽", "cough", True),
    ("喘不上气", "severe_breathless", True),
    ("叫不醒", "unresponsive", True),
    ("头痛没有好转", "headache", True),
    ("咳嗽不止", "cough", True),
    ("去年得过心梗", "cardiac_named", False),
    ("去年开始头痛", "headache", True),
    ("家族史：中风", "stroke_named", False),
    ("担心是脑膜炎", "meningitis_named", False),
    ("气死我了", "unresponsive", False),
    ("胸口不疼", "chest_pain", False),
    ("沒有發燒，喉嚨痛", "sore_throat", True),
    ("胸悶，喘不過氣", "breathless", True),
]


@pytest.mark.parametrize(("text", "concept", "present"), ROWS)
def test_standing(text: str, concept: str, present: bool) -> None:
    story = understand(Intake.parse({"id": "1", "complaint": text}), pack().lexicon)
    assert story.has(concept) is present


class TestProxy:
    def test_the_relative_who_is_ill_is_the_patient(self) -> None:
        story = understand(
            Intake.parse({"id": "1", "complaint": "My mum is confused and keeps calling me Ann"}), pack().lexicon
        )
        assert story.has("confusion")

    def test_a_relative_with_a_cold_is_not(self) -> None:
        text = "I have a rash. My son had a fever last week"
        story = understand(Intake.parse({"id": "1", "complaint": text}), pack().lexicon)
        assert not story.has("fever")
