"""The quick schema never takes what the long way refuses, and takes what clinics send."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from records.fhir import text
from records.fhir.interactions import SERVED_TYPES
from records.fhir.invariants import check_own_rules
from records.fhir.quick_schema import is_quickly_valid
from records.fhir.validate import _own_issues
from tests.bench.fhir_ratio import patient
from tests.fakes.synthetic import Synthetic
from tests.records.fhir.test_validate import ENCOUNTER, INVALID, OBSERVATION
from tests.tools.build_fhir_data import package

Json = dict[str, Any]


def refused(resource: Json) -> list[Any]:
    """Give what the long way says of a resource, but for the rules of its type."""
    type_ = resource["resourceType"]
    own = list(check_own_rules(resource, type_)) if is_quickly_valid(resource, type_) else []
    return [issue for issue in _own_issues(resource, type_, 0) if issue not in own]


class TestNeverWider:
    """What the long way refuses is not taken."""

    @pytest.mark.parametrize("document", [row[1] for row in INVALID if not row[0].startswith("half a character")])
    def test_no_invalid_document_is_taken(self, document: str) -> None:
        resource = text.loads(document)
        assert not is_quickly_valid(resource, resource["resourceType"]) or not refused(resource)

    @pytest.mark.parametrize("type_", sorted(SERVED_TYPES))
    def test_whatever_is_taken_the_long_way_takes_too(self, type_: str) -> None:
        for seed in range(100):
            random = Random(seed)
            resource = Synthetic(random, random.choice((0.1, 0.3)), random.choice((0.0, 0.02, 0.1))).resource(type_)
            if is_quickly_valid(resource, type_):
                assert refused(resource) == [], seed

    def test_hl7_s_own_resources(self) -> None:
        definitions = package()
        sample = definitions["ValueSet"][::60] + definitions["CodeSystem"][::60]
        sample += definitions["StructureDefinition"][::40] + definitions["SearchParameter"][::100]
        taken = [r for r in sample if is_quickly_valid(text.loads(text.dumps(r)), r["resourceType"])]
        assert len(taken) > len(sample) / 3
        assert [r["id"] for r in taken if refused(text.loads(text.dumps(r)))] == []

    @pytest.mark.parametrize(
        "document",
        [
            '{"resourceType":"Patient","birthDate":"2023-02-29"}',
            '{"resourceType":"Patient","birthDate":"0000"}',
            '{"resourceType":"Patient","birthDate":"2023-04-31"}',
            '{"resourceType":"Patient","telecom":[{"system":"sms","rank":1.0}]}',
            '{"resourceType":"Patient","managingOrganization":{"reference":"x","type":"Patient"}}',
            '{"resourceType":"Patient","managingOrganization":{"reference":"https://Device/x/_history/Organization/1"}}',
            '{"resourceType":"Patient","extension":[{"url":"u:x","id":"y"}]}',
            "{" + ENCOUNTER + ',"text":{"status":"generated","div":7}}',
            "{" + OBSERVATION + ',"valueQuantity":{"value":1,"code":"kg"}}',
            '{"resourceType":"Bundle","type":"batch","entry":[{"resource":7}]}',
        ],
    )
    def test_what_a_schema_alone_would_take(self, document: str) -> None:
        resource = text.loads(document)
        assert not is_quickly_valid(resource, resource["resourceType"])


class TestWideEnough:
    """What clinics send all day is taken; else the quick way would only cost."""

    @pytest.mark.parametrize(
        "document",
        [
            text.dumps(patient(7)).decode(),
            '{"resourceType":"Patient","maritalStatus":{"text":"x"},"deceasedBoolean":false,"multipleBirthInteger":2,'
            '"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>x</p></div>"}}',
            "{" + OBSERVATION + ',"subject":{"reference":"Patient/1"},"effectiveDateTime":"2026-11-23T10:00:00+08:00",'
            '"valueQuantity":{"value":1.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}',
            "{" + ENCOUNTER + ',"subject":{"reference":"urn:uuid:6f1d6a52-58f5-4a3e-9b0e-6f0f3f7c2d11"},'
            '"period":{"start":"2020-01-01","end":"2020-02-01T00:00:00Z"}}',
            '{"resourceType":"Condition","subject":{"reference":"https://his.example/fhir/Patient/1/_history/2"},'
            '"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical",'
            '"code":"active"}]},"extension":[{"url":"u:x","valueString":"y"}]}',
            '{"resourceType":"Binary","contentType":"x/y","data":"aGVsbG8="}',
            '{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"},'
            '"request":{"method":"POST","url":"Patient"}}]}',
        ],
    )
    def test_is_taken(self, document: str) -> None:
        resource = text.loads(document)
        assert is_quickly_valid(resource, resource["resourceType"])
        assert refused(resource) == []
