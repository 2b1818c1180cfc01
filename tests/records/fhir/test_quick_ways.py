"""Short ways round work that most resources do not need: they give what the long ones give."""

from __future__ import annotations

import json
import unicodedata
from random import Random

import pytest

from records.fhir import text
from records.fhir.coded import coded_texts
from records.fhir.index import _PLAIN, index_of, normalise_string
from records.fhir.interactions import SERVED_TYPES
from records.fhir.transaction import conditional_references, may_refer_by_criteria, steps_of
from records.fhir.validate import find_issues
from tests.fakes.synthetic import Synthetic


class TestPlainLetters:
    """Strings of ASCII and ideographs are compared without taking them apart."""

    def test_no_normalisation_changes_one(self) -> None:
        letters = [chr(n) for n in range(0x10000) if _PLAIN.fullmatch(chr(n))]
        assert len(letters) > 27_000
        for form in ("NFC", "NFKC", "NFKD"):
            assert [c for c in letters if unicodedata.normalize(form, c) != c] == []
        assert [c for c in letters if unicodedata.combining(c)] == []

    @pytest.mark.parametrize(
        ("written", "normal"),
        [("解放大道 1095 号", "解放大道 1095 号"), (" Wang  小明 ", "wang 小明"), ("Änne", "anne"), ("ﬁne", "fine")],
    )
    def test_normal_forms(self, written: str, normal: str) -> None:
        assert normalise_string(written) == normal


class TestCodes:
    """A text without `code` has none to mark."""

    @pytest.mark.parametrize("type_", sorted(SERVED_TYPES))
    def test_same_with_and_without_the_text(self, type_: str) -> None:
        for seed in range(30):
            resource = Synthetic(Random(seed), 0.2).resource(type_)
            if not find_issues(resource):
                content = text.dumps(resource)
                assert coded_texts(resource, content) == coded_texts(resource)
                assert index_of(resource, "", content) == index_of(resource)


class TestReferencesByCriteria:
    """A Bundle without a question mark, escaped or not, refers to nothing by criteria."""

    @pytest.mark.parametrize(
        ("reference", "expected"),
        [("Patient?identifier=a|1", True), ("Patient\\u003fidentifier=a|1", True), ("Patient\\u003Fx=1", True),
         ("Patient/p1", False), ("urn:uuid:\\u6f22", False)],
    )  # fmt: skip
    def test_told_from_the_text(self, reference: str, expected: bool) -> None:
        raw = (
            '{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation",'
            f'"subject":{{"reference":"{reference}"}}}},"request":{{"method":"POST","url":"Observation"}}}}]}}'
        )
        found = conditional_references(steps_of(json.loads(raw), "https://x/fhir"))
        assert may_refer_by_criteria(raw.encode()) is expected is bool(found)

    def test_an_unknown_text_may(self) -> None:
        assert may_refer_by_criteria(b"")
