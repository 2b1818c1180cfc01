"""No resource, however wrong, brings the validator down; no valid one the index or the answer's parts."""

from __future__ import annotations

from random import Random

import pytest

from records.fhir import text
from records.fhir.bundle import part_of
from records.fhir.consent_rules import rules_of
from records.fhir.identity import patient_id_of
from records.fhir.index import index_of
from records.fhir.interactions import SERVED_TYPES
from records.fhir.validate import find_issues
from tests.fakes.synthetic import Synthetic


@pytest.mark.parametrize("type_", sorted(SERVED_TYPES))
def test_any_resource_is_judged_and_a_valid_one_is_kept(type_: str) -> None:
    accepted = 0
    for seed in range(150):
        random = Random(seed)
        drawn = Synthetic(random, random.choice((0.2, 0.6)), random.choice((0.0, 0.0, 0.1, 0.5))).resource(type_)
        resource = text.loads(text.dumps(drawn)) if "\x01" not in repr(drawn) else drawn
        if find_issues(resource):
            continue
        accepted += 1
        index_of(resource)
        patient_id_of(resource)
        if type_ == "Consent":
            rules_of(resource)
        content = text.dumps(resource)
        assert text.loads(content) == resource
        for summary in ("true", "text", "data"):
            part_of(content, summary, ())
        part_of(content, "false", ("status", "subject"))
    assert accepted > 0
