"""records.triage.wording: the trained reading, which only ever raises."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.rules.loader import pack
from records.triage.story import understand
from records.triage.wording import (
    Head,
    Reading,
    allows_self_care,
    features,
    forbids_self_care,
    head,
    pack_head,
    pack_weights,
    raises,
    read_head,
    wording,
)


def heard(complaint: str) -> Reading:
    return wording(understand(Intake.parse({"id": "1", "complaint": complaint}), pack().lexicon))


class TestFeatures:
    def test_latin_text_gives_words_pairs_and_pieces(self) -> None:
        assert features("my arm") == {"my", "arm", "my arm", "<my>", "<arm", "arm>"}

    def test_han_text_gives_one_to_three_characters(self) -> None:
        assert features("胸口疼") == {"胸", "口", "疼", "胸口", "口疼", "胸口疼"}


class TestRaising:
    def test_an_unforeseen_emergency_is_raised_with_its_own_words(self) -> None:
        note = assess(Intake.parse({"id": "1", "complaint": "I got my arm caught in the baler"}))
        flag = note.flags[0]
        assert note.level is Level.EMERGENCY
        assert flag.quotes[0].text in "I got my arm caught in the baler"

    def test_a_language_it_has_not_learnt_raises_nothing(self) -> None:
        reading = heard("me duele mucho el pecho desde ayer")
        assert not raises(reading, coverage=0.0) and not forbids_self_care(reading)

    def test_made_up_words_raise_nothing(self) -> None:
        assert not raises(heard("blorf wug zib since the frobnication"), coverage=0.0)

    def test_an_empty_complaint_reads_as_nothing(self) -> None:
        assert heard("") == Reading(0.0, 0.0, 0.0, 0.0, None)

    @pytest.mark.parametrize("coverage", [0.0, 1.0])
    def test_what_is_well_understood_needs_plainer_wording(self, coverage: float) -> None:
        assert raises(Reading(0.6, 0.1, 0.6, 1.0, None), coverage) is (coverage < 0.85)


class TestStayingAtHome:
    trifle = Reading(0.01, 0.9, 0.01, 1.0, None, alone=(0.05, 0.8))

    def test_it_takes_both_readers(self) -> None:
        assert allows_self_care(self.trifle)
        assert not allows_self_care(dataclasses.replace(self.trifle, alone=None))

    @pytest.mark.parametrize(
        "change", [{"part": 0.2}, {"emergency": 0.1}, {"familiar": 0.4}, {"self_care": 0.7}, {"alone": (0.4, 0.5)}]
    )
    def test_any_doubt_forbids_it(self, change: dict[str, Any]) -> None:
        assert not allows_self_care(dataclasses.replace(self.trifle, **change))


class TestFile:
    def test_weights_come_back(self) -> None:
        plain, mixed = [[0.0] * 8192, [0.0] * 8192], [[0.0] * 8704, [0.0] * 8704]
        plain[0][5], plain[0][6], mixed[1][8192 + 511] = 2.0, -1.0, 3.0
        packed = [pack_weights(columns, (0.5, -0.5)) for columns in (plain, mixed)]
        known = read_head(pack_head(packed, {"arm"}, "abc"))
        assert (known.plain.buckets[0][5], known.plain.buckets[0][6]) == (127, 256 - 64)
        assert known.mixed.vector[1][511] == 127 and known.plain.vector == (b"", b"")
        assert known.corpus_sha256 == "abc" and len(known.vocabulary) == 8192

    def test_the_shipped_file_is_small_and_names_its_corpus(self) -> None:
        trained: Head = head()
        assert {len(part) for one in (trained.plain, trained.mixed) for part in one.buckets} == {8192}
        assert len(trained.mixed.vector[0]) == 512 and len(trained.corpus_sha256) == 64


@given(st.text(max_size=400))
def test_any_text_has_probabilities(text: str) -> None:
    reading = heard(text)
    assert 0 <= reading.emergency <= 1 and 0 <= reading.self_care <= 1 and reading.part <= 1
