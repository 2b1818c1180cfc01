"""records.triage.wording: the trained reading, which only ever raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.rules.loader import pack
from records.triage.story import understand
from records.triage.wording import Head, Reading, features, forbids_self_care, head, pack_head, raises, wording


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


class TestFile:
    def test_weights_come_back(self) -> None:
        weights = {"emergency": [0.0] * 8192, "self_care": [0.0] * 8192}
        weights["emergency"][5], weights["emergency"][6] = 2.0, -1.0
        line, _, rest = pack_head(weights, (0.5, -0.5), {"arm"}, "abc").partition(b"\n")
        assert b'"corpus": "abc"' in line and (rest[5], rest[6]) == (127, 256 - 64) and len(rest) == 2 * 8192 + 8192

    def test_the_shipped_file_is_small_and_names_its_corpus(self) -> None:
        trained: Head = head()
        assert len(trained.emergency) == len(trained.self_care) == 8192 and len(trained.corpus_sha256) == 64


@given(st.text(max_size=400))
def test_any_text_has_probabilities(text: str) -> None:
    reading = heard(text)
    assert 0 <= reading.emergency <= 1 and 0 <= reading.self_care <= 1 and reading.part <= 1
