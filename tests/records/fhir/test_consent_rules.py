"""records/fhir/README.md "Consent": from a Consent to rules."""

from __future__ import annotations

from typing import Any

import pytest

from records.fhir.coded import CONFIDENTIALITY, code_text, label_text
from records.fhir.consent_rules import ConsentRule, rules_of
from records.fhir.dates import EARLIEST, LATEST, parse

SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
ORG = {"role": {"text": "x"}, "reference": {"reference": "Organization/o1"}}
HIS = {"role": {"text": "x"}, "reference": {"identifier": {"system": "urn:teleconsult:client", "value": "his"}}}
LABELS = [{"system": "u", "code": "1"}, {"system": "u", "code": "2"}]
NEW_YEAR = parse("2024-01-01T00:00:00Z").low  # type: ignore[union-attr]  # it is a date
TYPES = "http://hl7.org/fhir/resource-types"


def consent(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    found = {"resourceType": "Consent", "status": "active", "scope": SCOPE, **more}
    return found | ({"provision": provision} if provision is not None else {})


def deny(**parts: Any) -> dict[str, Any]:
    return {"type": "deny", **parts}


def permit(**parts: Any) -> dict[str, Any]:
    return {"type": "permit", **parts}


def rule(depth: int, is_permit: bool, **parts: Any) -> ConsentRule:
    return ConsentRule(depth, is_permit, **parts)


CASES: list[tuple[str, dict[str, Any], list[ConsentRule]]] = [
    ("deny everything", consent(deny()), [rule(0, False)]),
    ("draft", consent(deny(), status="draft"), []),
    ("another scope", consent(deny(), scope={"coding": [{"code": "treatment"}]}), []),
    ("our own question",
     consent(deny(), category=[{"coding": [{"system": "urn:teleconsult:consent", "code": "ai"}]}]), []),
    ("no provision", consent(), []),
    ("opted out", consent(policyRule={"coding": [{"code": "OPTOUT"}]}), [rule(0, False)]),
    ("opted in but", consent({"class": [{"system": TYPES, "code": "Observation"}]},
                             policyRule={"coding": [{"code": "OPTIN"}]}),
     [rule(0, True), rule(1, False, classes=("Observation",))]),
    ("actor", consent(deny(actor=[ORG, HIS])),
     [rule(0, False, actors=("Organization/o1", "urn:teleconsult:client|his"))]),
    ("actor that nobody is", consent(permit(actor=[{"role": {"text": "x"}, "reference": {"display": "x"}}])),
     [rule(0, True, actors=())]),
    ("purpose", consent(deny(purpose=[{"code": "HRESCH"}])), [rule(0, False, purposes=("HRESCH",))]),
    ("period", consent(deny(period={"start": "2024-01-01T00:00:00Z"})),
     [rule(0, False, valid_from=parse("2024-01-01T00:00:00Z").low)]),  # type: ignore[union-attr]
    ("exception", consent(deny(provision=[permit(actor=[ORG])])),
     [rule(0, False), rule(1, True, actors=("Organization/o1",))]),
    ("exception keeps what its parent asks",
     consent(deny(purpose=[{"code": "TREAT"}], provision=[permit(actor=[ORG])])),
     [rule(0, False, purposes=("TREAT",)), rule(1, True, purposes=("TREAT",), actors=("Organization/o1",))]),
    ("exception without a kind is the opposite", consent(deny(provision=[{"actor": [ORG]}])),
     [rule(0, False), rule(1, True, actors=("Organization/o1",))]),
    ("collecting is not reading", consent(deny(action=[{"coding": [{"code": "collect"}]}])), []),
    ("data", consent(deny(data=[{"meaning": "instance", "reference": {"reference": "Encounter/e1"}}])),
     [rule(0, False, data=("Encounter/e1",))]),
    ("related data", consent(deny(data=[{"meaning": "related", "reference": {"reference": "Encounter/e1"}}])),
     [rule(0, False, data=("Encounter/e1",), is_related=True)]),
    ("a denial of what we cannot tell covers more", consent(deny(code=[{"text": "HIV"}])), [rule(0, False)]),
    ("a permission of what we cannot tell permits nothing", consent(deny(provision=[permit(code=[{"text": "x"}])])),
     [rule(0, False)]),
    ("codes with their systems", consent(deny(code=[{"coding": [{"system": "u", "code": "a"}]},
                                                    {"coding": [{"system": "u", "code": "b"}]}])),
     [rule(0, False, needs=((code_text("u", "a"), code_text("u", "b")),))]),
    ("a code without a system", consent(deny(code=[{"coding": [{"code": "a"}]}])), [rule(0, False)]),
    ("an exception has the codes of both", consent(deny(code=[{"coding": [{"system": "u", "code": "a"}]}], provision=[
        permit(code=[{"coding": [{"system": "u", "code": "b"}]}])])),
     [rule(0, False, needs=((code_text("u", "a"),),)),
      rule(1, True, needs=((code_text("u", "a"),), (code_text("u", "b"),)))]),
    ("nothing is permitted below what we cannot tell",
     consent(deny(provision=[permit(code=[{"text": "x"}], provision=[deny(provision=[permit(actor=[ORG])])])])),
     [rule(0, False), rule(2, False)]),
    ("restricted and more is denied", consent(deny(securityLabel=[{"system": CONFIDENTIALITY, "code": "R"}])),
     [rule(0, False, needs=((label_text(CONFIDENTIALITY, "R"), label_text(CONFIDENTIALITY, "V")),))]),
    ("low and less is permitted", consent(permit(securityLabel=[{"system": CONFIDENTIALITY, "code": "L"}])),
     [rule(0, True, needs=((label_text(CONFIDENTIALITY, "U"), label_text(CONFIDENTIALITY, "L")),))]),
    ("one label denies, all permit", consent(deny(securityLabel=LABELS, provision=[permit(securityLabel=LABELS)])),
     [rule(0, False, needs=((label_text("u", "1"), label_text("u", "2")),)),
      rule(1, True, needs=((label_text("u", "1"), label_text("u", "2")), (label_text("u", "1"),),
                           (label_text("u", "2"),)))]),
    ("a period of the data", consent(deny(dataPeriod={"start": "2024-01-01T00:00:00Z"}, provision=[
        permit(dataPeriod={"end": "2024-12-31T23:59:59Z"})])),
     [rule(0, False, data_from=NEW_YEAR, data_until=LATEST),
      rule(1, True, data_from=NEW_YEAR, data_until=parse("2024-12-31T23:59:59Z").high)]),  # type: ignore[union-attr]
    ("a class of another system denies more", consent(deny(**{"class": [{"system": "urn:x", "code": "y"}]})),
     [rule(0, False)]),
    ("a class of another system permits nothing", consent(permit(**{"class": [{"system": "urn:x", "code": "y"}]})),
     [rule(0, True, classes=())]),
]  # fmt: skip


class TestRules:
    """Each provision is a rule; an exception keeps its parents' restrictions."""

    @pytest.mark.parametrize(("name", "given", "rules"), CASES, ids=[c[0] for c in CASES])
    def test_of(self, name: str, given: dict[str, Any], rules: list[ConsentRule]) -> None:
        assert rules_of(given) == rules

    def test_of_a_deep_consent_are_bounded(self) -> None:
        provision = deny()
        for _ in range(50):
            provision = deny(provision=[provision] * 3)
        assert len(rules_of(consent(provision))) == 200

    def test_a_rule_holds_for_ever_unless_it_says(self) -> None:
        assert (rule(0, True).valid_from, rule(0, True).valid_until) == (EARLIEST, LATEST)
