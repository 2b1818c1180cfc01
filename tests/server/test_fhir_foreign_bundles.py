"""Transactions as Synthea and hospital exports write them: more types than are served, references by criteria."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir import text
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital

Json = dict[str, Any]
NPI = "http://hl7.org/fhir/sid/us-npi"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
RACE = "urn:oid:2.16.840.1.113883.6.238"


@pytest.fixture(scope="module")
def fhir(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("foreign")) as server:
            yield Caller(server, server.token("system/*.cruds"))


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012x}"


def entry(number: int, resource: Json, **request: str) -> Json:
    made = {"method": "POST", "url": resource["resourceType"], **request}
    return {"fullUrl": uuid(number), "resource": resource, "request": made}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def practitioner(npi: str) -> Json:
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": NPI, "value": npi}],
        "name": [{"family": "Ñandú"}],
    }


def patient() -> Json:
    """A Patient as Synthea writes it: US Core extensions, several identifiers, a birth place, decimals."""
    race = [{"url": "ombCategory", "valueCoding": {"system": RACE, "code": "2106-3", "display": "White"}},
            {"url": "text", "valueString": "White"}]  # fmt: skip
    place = [{"url": "latitude", "valueDecimal": "LATITUDE"}, {"url": "longitude", "valueDecimal": -71.0}]
    return {
        "resourceType": "Patient",
        "meta": {"profile": [f"{US_CORE}/us-core-patient"]},
        "extension": [{"url": f"{US_CORE}/us-core-race", "extension": race}],
        "identifier": [{"system": "https://github.com/synthetichealth/synthea", "value": "王-1"}],
        "name": [{"use": "official", "family": "Müller-Lüdenscheidt", "given": ["小明", "🦙"], "prefix": ["Mrs."]}],
        "address": [{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": place}],
                     "line": ["905 Conroy Port"], "city": "武汉"}],
        "birthDate": "1957-10-31", "multipleBirthBoolean": False,
    }  # fmt: skip


def encounter() -> Json:
    who = {"individual": {"reference": f"Practitioner?identifier={NPI}|9999939", "display": "Dr. Kong"}}
    return {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "participant": [who],
            "subject": {"reference": uuid(1)}}  # fmt: skip


def observation(number: int) -> Json:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": f"观察 {number}"},
        "subject": {"reference": uuid(1)}, "encounter": {"reference": uuid(2)},
        "effectiveDateTime": "2011-07-28T15:02:18.123-04:00", "valueQuantity": {"value": "LATITUDE", "unit": "mg"},
        "contained": [{"resourceType": "Device", "id": "d", "status": "active"}], "device": {"reference": "#d"},
    }  # fmt: skip


def sent(bundle: Json) -> bytes:
    """Give the body; decimals with the zeros that JSON libraries drop."""
    return text.dumps(bundle).replace(b'"LATITUDE"', b"42.250")


CLAIM = {
    "resourceType": "Claim", "status": "active", "use": "claim", "created": "2011-07-28", "priority": {"text": "x"},
    "type": {"text": "x"}, "patient": {"reference": uuid(1)}, "provider": {"display": "x"},
    "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "x"}}],
}  # fmt: skip


class TestSynthea:
    """A patient's whole history in one Bundle."""

    def test_a_thousand_entries_come_back_equal(self, fhir: Caller) -> None:
        assert fhir("POST", "/Practitioner", practitioner("9999939")).status == 201
        resources = [patient(), encounter(), *(observation(n) for n in range(1_100))]
        reply = fhir("POST", "", sent(transaction(*(entry(n, r) for n, r in enumerate(resources, 1)))))
        assert reply.status == 200, reply.raw[:500]
        locations = [e["response"]["location"].partition("/fhir")[2] for e in reply.json["entry"]]
        paths = [location.partition("/_history")[0].removeprefix("/") for location in locations]
        assert [p.partition("/")[0] for p in paths] == [r["resourceType"] for r in resources]
        for number in (0, 2, 600, 1_101):
            back = text.loads(fhir("GET", locations[number]).raw)
            wanted = text.loads(sent(resources[number]).replace(uuid(1).encode(), paths[0].encode())
                                .replace(uuid(2).encode(), paths[1].encode()))  # fmt: skip
            assert {k: v for k, v in back.items() if k not in ("id", "meta")} == {
                k: v for k, v in wanted.items() if k != "meta"
            }
        shown = fhir("GET", f"/{paths[1]}").json["participant"][0]["individual"]["reference"]
        assert shown.startswith("Practitioner/")
        assert b'"valueDecimal":42.250' in fhir("GET", f"/{paths[0]}").raw
        assert fhir("GET", f"/Observation?subject={paths[0]}&_summary=count").json["total"] == 1_100

    def test_a_reference_names_what_the_bundle_makes_by_the_same_criteria(self, fhir: Caller) -> None:
        made = entry(3, practitioner("777"), ifNoneExist=f"identifier={NPI}|777")
        visit = encounter() | {"participant": [{"individual": {"reference": f"Practitioner?identifier={NPI}|777"}}]}
        replies = [fhir("POST", "", sent(transaction(entry(1, patient()), entry(2, visit), made))) for _ in range(2)]
        assert [r.status for r in replies] == [200, 200]
        assert [[e["response"]["status"][:3] for e in r.json["entry"]] for r in replies] == [
            ["201", "201", "201"], ["201", "201", "200"],
        ]  # fmt: skip
        (found,) = fhir("GET", f"/Practitioner?identifier={NPI}|777").ids
        assert fhir("GET", f"/Encounter?participant=Practitioner/{found}&_summary=count").json["total"] == 2


class TestWhatIsNotServed:
    """Types outside our tier: refused with every entry named, or left out where the sender says so."""

    def bundle(self) -> Json:
        alone = observation(1) | {"encounter": {"display": "x"}}
        other = CLAIM | {"use": "predetermination"}
        return transaction(entry(1, patient()), entry(5, CLAIM), entry(2, alone), entry(6, other))

    def test_each_entry_is_named(self, fhir: Caller) -> None:
        reply = fhir("POST", "", sent(self.bundle()))
        issues = reply.json["issue"]
        assert (reply.status, {i["code"] for i in issues}) == (400, {"not-supported"})
        assert "handling=lenient" in issues[0]["diagnostics"]
        assert [i["expression"] for i in issues[1:]] == [
            ["Bundle.entry[1].request.url"], ["Bundle.entry[3].request.url"],
        ]  # fmt: skip
        assert "no resource type Claim" in issues[1]["diagnostics"]

    def test_lenient_handling_leaves_them_out(self, fhir: Caller) -> None:
        reply = fhir("POST", "", sent(self.bundle()), Prefer="handling=lenient")
        answers = [e["response"] for e in reply.json["entry"]]
        assert (reply.status, [a["status"][:3] for a in answers]) == (200, ["201", "404", "201", "404"])
        assert "no resource type Claim" in answers[1]["outcome"]["issue"][0]["diagnostics"]

    def test_lenient_handling_takes_nothing_that_is_invalid(self, fhir: Caller) -> None:
        wrong = transaction(entry(5, CLAIM | {"status": 7}), entry(1, patient() | {"gender": "x"}))
        reply = fhir("POST", "", sent(wrong), Prefer="handling=lenient")
        assert reply.status == 422
        assert [i["expression"] for i in reply.json["issue"]] == [["Bundle.entry[1].resource.gender"]]

    def test_a_batch_says_it_of_the_entry(self, fhir: Caller) -> None:
        reply = fhir("POST", "", sent({**self.bundle(), "type": "batch"}))
        assert [e["response"]["status"][:3] for e in reply.json["entry"]] == ["201", "404", "201", "404"]


class TestReferencesByCriteria:
    """All that cannot be resolved is told at once, with its entry."""

    def test_each_entry_is_named(self, fhir: Caller) -> None:
        visits = [
            encounter() | {"participant": [{"individual": {"reference": f"Practitioner?identifier=urn:none|{n}"}}]}
            for n in range(3)
        ]
        reply = fhir(
            "POST", "", sent(transaction(entry(1, patient()), *(entry(n + 2, v) for n, v in enumerate(visits))))
        )
        assert reply.status == 412
        assert [i["expression"] for i in reply.json["issue"]] == [[f"Bundle.entry[{n}].resource"] for n in (1, 2, 3)]

    def test_there_is_an_end_to_them(self, fhir: Caller) -> None:
        """18,000 fit into 1 MB, each a search."""
        many = [{"reference": f"Patient?identifier=urn:x|{n}"} for n in range(600)]
        reply = fhir(
            "POST", "", sent(transaction(entry(1, observation(1) | {"focus": many, "encounter": {"display": "x"}})))
        )
        assert (reply.status, reply.json["issue"][0]["code"]) == (413, "too-costly")

    def test_a_write_s_criteria_are_named_too(self, fhir: Caller) -> None:
        wrong = entry(1, patient(), method="PUT", url="Patient?nonsense=1")
        reply = fhir("POST", "", sent(transaction(wrong)))
        assert (reply.status, reply.json["issue"][0]["expression"]) == (400, ["Bundle.entry[0]"])

    def test_an_entry_that_is_part_of_a_resource_is_refused(self, fhir: Caller) -> None:
        part = patient() | {"meta": {"tag": [{"code": "SUBSETTED"}]}}
        reply = fhir("POST", "", sent(transaction(entry(1, part))))
        assert (reply.status, reply.json["issue"][0]["expression"]) == (422, ["Bundle.entry[0]"])

    def test_outside_of_a_transaction_they_are_not_kept(self, fhir: Caller) -> None:
        visit = encounter() | {"subject": {"display": "x"}}
        assert fhir("POST", "/Encounter", visit).status == 422
        assert fhir("PUT", "/Encounter/e", visit | {"id": "e"}).status == 422
        reply = fhir("POST", "", sent(transaction(entry(1, visit)) | {"type": "batch"}))
        assert reply.json["entry"][0]["response"]["status"] == "422 Unprocessable Entity"
