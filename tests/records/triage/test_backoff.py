"""README "Back-off": an unknown clause becomes a question, never a finding."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from records.triage.backoff import possible_findings, unknown_clauses
from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.rules.loader import pack
from records.triage.story import understand
from server.adapters.sentence_encoder import UniversalSentenceEncoder


class Fixed:
    """An encoder for which every text is the same."""

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 2), dtype=np.float32) / np.sqrt(2)


def intake(text: str) -> Intake:
    return Intake.parse({"id": "1", "complaint": text})


class TestClauses:
    def test_only_clauses_without_a_mention_are_asked_about(self) -> None:
        text = "I have a cough, my zorbles feel most peculiar today"
        [(start, end)] = unknown_clauses(understand(intake(text), pack().lexicon))
        assert text[start:end] == "zorbles feel most peculiar today"

    def test_a_fully_understood_text_costs_nothing(self) -> None:
        from records.triage.backoff import Bank

        story = understand(intake("chest pain"), pack().lexicon)
        assert possible_findings(story, Bank((), np.zeros((0, 2), np.float32)), Fixed()) == ()


class TestQuestionsOnly:
    @pytest.mark.parametrize("text", ["my ticker is acting the fool, runny nose", "runny nose", "绿豆芝麻开门的感觉"])
    def test_what_it_hears_is_no_finding(self, text: str) -> None:
        with_encoder, without = assess(intake(text), encoder=Fixed()), assess(intake(text))
        assert with_encoder.flags == without.flags and len(with_encoder.inquiries) >= len(without.inquiries)

    def test_a_possible_finding_becomes_a_question_with_the_patients_words(self) -> None:
        note = assess(intake("qwerty uiop asdf, runny nose"), encoder=Fixed())
        assert 'You said "qwerty uiop asdf"' in note.to_json()["questions"][-1]


class TestRealEncoder:
    def test_it_hears_a_paraphrase(self) -> None:
        encoder = UniversalSentenceEncoder()
        vectors = np.asarray(encoder.encode(["difficulty breathing", "I struggle for air", "new curtains"]))
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2

    def test_it_keeps_to_one_thread_whoever_loaded_numpy(self) -> None:
        UniversalSentenceEncoder().encode(["warm"])
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        library = ctypes.CDLL(next(line.split()[-1] for line in mapped if "openblas" in line))
        assert library.scipy_openblas_get_num_threads64_() == 1
