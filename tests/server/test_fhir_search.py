"""Search over sealed records: kinds, comparators, modifiers, chains, includes, pages, compartments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from records.store.rotation import Rotation
from tests.conftest import Cluster, _database
from tests.fakes.hospital import SYSTEM, Caller, hospital
from tests.records.store.conftest import use_first_layout


def observation(id_: str, patient: str, code: str, value: Any, at: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": f"Display {code}"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        **more,
    }


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o1", "name": "Wuhan Clinic"},
    {
        "resourceType": "Patient", "id": "p1", "active": True, "gender": "male", "birthDate": "1980-02-03",
        "name": [{"family": "Müller-Lüdenscheidt", "given": ["Änne", "Marie"]}],
        "telecom": [{"system": "phone", "value": "+86 138 0013 8000"}, {"system": "email", "value": "Anne@X.org"}],
        "identifier": [{"system": "urn:his", "value": "A-1"}, {"value": "loose"}],
        "address": [{"city": "武汉", "line": ["No. 1 Road"]}],
        "managingOrganization": {"reference": "Organization/o1"},
        "meta": {"tag": [{"system": "urn:t", "code": "vip"}]},
    },
    {
        "resourceType": "Patient", "id": "p2", "active": False, "gender": "female", "birthDate": "1990",
        "name": [{"text": "李四", "family": "李", "given": ["四"]}],
        "identifier": [{"system": "urn:his", "value": "a-2"}],
    },
    {"resourceType": "Patient", "id": "p3", "birthDate": "2020-05", "deceasedDateTime": "2021-01-01"},
    {
        "resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "VR"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2024-01-10T10:00:00Z", "end": "2024-01-12T10:00:00Z"},
        "serviceProvider": {"reference": "Organization/o1"},
    },
    observation("b1", "p1", "8480-6", 120, "2024-01-10T10:30:00Z"),
    observation("b2", "p1", "8480-6", 150, "2024-01-11", status="amended"),
    observation("b3", "p2", "8462-4", 80, "2024-02"),
    {
        "resourceType": "Observation", "id": "b4", "status": "final", "code": {"text": "Blood pressure"},
        "subject": {"reference": "Patient/p2", "identifier": {"system": "urn:his", "value": "a-2"}},
        "focus": [{"reference": "Patient/p1"}],
        "component": [
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueQuantity": {"value": 200}},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueQuantity": {"value": 90}},
        ],
    },
]  # fmt: skip

# Search, the ids it must find (in any order).
CASES: list[tuple[str, str]] = [
    ("Patient?identifier=urn:his|A-1", "p1"),
    ("Patient?identifier=urn:his|a-1", "p1"),
    ("Patient?identifier=A-1", "p1"),
    ("Patient?identifier=|loose", "p1"),
    ("Patient?identifier=|A-1", ""),
    ("Patient?identifier=urn:his|", "p1 p2"),
    ("Patient?identifier=urn:other|A-1", ""),
    ("Patient?identifier=A-1,a-2", "p1 p2"),
    ("Patient?name=mul", "p1"),
    ("Patient?name=ann", "p1"),
    ("Patient?family=MÜLLER", "p1"),
    ("Patient?family=Müller-Lüdenscheidt", "p1"),
    ("Patient?family=Müller-Lüdenx", ""),
    ("Patient?family:exact=müller-lüdenscheidt", ""),
    ("Patient?family:exact=Müller-Lüdenscheidt", "p1"),
    ("Patient?name=李", "p2"),
    ("Patient?given=marie&family=mu", "p1"),
    ("Patient?given=marie&family=李", ""),
    ("Patient?phone=%2B8613800138000", "p1"),
    ("Patient?phone=anne@x.org", ""),
    ("Patient?email=anne@x.org", "p1"),
    ("Patient?telecom=anne@x.org", "p1"),
    ("Patient?address-city=武", "p1"),
    ("Patient?address=no. 1", "p1"),
    ("Patient?gender=male", "p1"),
    ("Patient?gender:not=male", "p2 p3"),
    ("Patient?gender:missing=true", "p3"),
    ("Patient?gender:missing=false", "p1 p2"),
    ("Patient?active=true", "p1"),
    ("Patient?deceased=true", "p3"),
    ("Patient?deceased=false", "p1 p2"),
    ("Patient?deceased:not=true", "p1 p2"),
    ("Patient?deceased:not=false", "p3"),
    ("Patient?deceased=true,false", "p1 p2 p3"),
    ("Patient?deceased=yes", ""),
    ("Patient?death-date=ge2021", "p3"),
    ("Patient?birthdate=1980-02-03", "p1"),
    ("Patient?birthdate=1980", "p1"),
    ("Patient?birthdate=1990-01-01", ""),
    ("Patient?birthdate=ge1990", "p2 p3"),
    ("Patient?birthdate=gt1980-02-03", "p2 p3"),
    ("Patient?birthdate=lt1990", "p1"),
    ("Patient?birthdate=ge1980-02-03&birthdate=le1980-02-03", "p1"),
    ("Patient?birthdate=ne1980-02-03", "p2 p3"),
    ("Patient?birthdate=eb1991", "p1 p2"),
    ("Patient?_tag=urn:t|vip", "p1"),
    ("Patient?_id=p1,p3", "p1 p3"),
    ("Patient?_lastUpdated=gt2020", "p1 p2 p3"),
    ("Patient?_lastUpdated=lt2020", ""),
    ("Patient?organization=Organization/o1", "p1"),
    ("Patient?organization.name=wuhan", "p1"),
    ("Patient?organization:Organization.name=beijing", ""),
    ("Encounter?date=2024-01", "e1"),
    ("Encounter?date=2024-01-10", ""),
    ("Encounter?date=gt2024-01-11", "e1"),
    ("Encounter?date=sa2024-01-11", ""),
    ("Encounter?date=eb2024-02", "e1"),
    ("Encounter?date=ap2024-01-15", "e1"),
    ("Encounter?status=finished,planned", "e1"),
    ("Encounter?status=planned", ""),
    ("Encounter?class=VR", "e1"),
    ("Encounter?patient.identifier=urn:his|A-1", "e1"),
    ("Encounter?subject:Patient.name=mul", "e1"),
    ("Observation?patient=p1", "b1 b2"),
    ("Observation?patient=Patient/p2", "b3 b4"),
    ("Observation?subject=Patient/p1,Patient/p2", "b1 b2 b3 b4"),
    ("Observation?subject:Patient=p1", "b1 b2"),
    ("Observation?subject:identifier=urn:his|a-2", "b4"),
    ("Observation?code=http://loinc.org|8480-6", "b1 b2"),
    ("Observation?combo-code=8480-6", "b1 b2 b4"),
    ("Observation?code:text=blood", "b4"),
    ("Observation?code:text=display 8462", "b3"),
    ("Observation?date=2024-01-11", "b2"),
    ("Observation?date=ge2024-01-11T00:00:00%2B08:00", "b2 b3"),
    ("Observation?value-quantity=120", "b1"),
    ("Observation?value-quantity=gt100", "b1 b2"),
    ("Observation?value-quantity=gt100|http://unitsofmeasure.org|mm[Hg]", "b1 b2"),
    ("Observation?value-quantity=gt100|http://unitsofmeasure.org|kg", ""),
    ("Observation?value-quantity=ap125||mmHg", "b1"),
    ("Observation?code-value-quantity=8480-6$gt130", "b2"),
    ("Observation?component-code-value-quantity=http://loinc.org|8480-6$gt150", "b4"),
    ("Observation?component-code-value-quantity=http://loinc.org|8462-4$gt150", ""),
    ("Observation?patient.organization.name=wuhan", "b1 b2"),
    ("Patient?_has:Observation:patient:code=8480-6", "p1"),
    ("Patient?_has:Observation:patient:status=amended", "p1"),
    ("Patient?_has:Observation:patient:code=none", ""),
    ("Organization?_has:Patient:organization:_has:Observation:patient:code=8480-6", "o1"),
    ("Patient/p1/Observation?code=8480-6", "b1 b2"),
    ("Patient/p2/Observation", "b3 b4"),
    ("Patient/p1/Encounter", "e1"),
    ("Patient/p1/Organization", ""),
    ("Encounter/e1/Observation", "b1 b2 b3"),
]  # fmt: skip


@pytest.fixture(scope="module", params=["in one layout", "between two layouts"])
def fhir(
    request: pytest.FixtureRequest, cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caller]:
    """The resources above, loaded by a transaction; tests of this module only read. Once more while index rows of
    the first layout become those of the second: some resources have both, others the old ones yet."""
    folder: Path = tmp_path_factory.mktemp("fhir")
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), folder) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            if request.param == "in one layout":
                _load(caller, RESOURCES)
            else:
                server.call(use_first_layout(server.database))
                _load(caller, [*RESOURCES[3:], *({**r, "language": "en"} for r in RESOURCES[:3])])
                server.call(Rotation(server.database, SYSTEM).add("index_key"))
                _load(caller, RESOURCES[:3])
            yield caller


def _load(caller: Caller, resources: Sequence[dict[str, Any]]) -> None:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    reply = caller("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert reply.status == 200, reply.json


def escaped(search: str) -> str:
    return "/" + quote(search, safe="/?=&%:,$-_.*")


class TestParameters:
    """README "Search": every kind of parameter."""

    @pytest.mark.parametrize(("search", "ids"), CASES, ids=[c[0] for c in CASES])
    def test_finds(self, fhir: Caller, search: str, ids: str) -> None:
        reply = fhir("GET", escaped(search))
        assert reply.status == 200, reply.json
        assert " ".join(sorted(reply.ids)) == ids

    def test_post_finds_the_same(self, fhir: Caller) -> None:
        form = urlencode([("identifier", "urn:his|A-1"), ("name", "mul")])
        reply = fhir("POST", "/Patient/_search", form, Content_Type="application/x-www-form-urlencoded")
        assert reply.ids == ["p1"]


class TestOrderAndPages:
    """_sort, _count, next links, _total."""

    @pytest.mark.parametrize(
        ("sort", "ids"),
        [("date", "b1 b2 b3 b4"), ("-date", "b3 b2 b1 b4"), ("_id", "b1 b2 b3 b4"), ("-_id", "b4 b3 b2 b1"),
         ("value-quantity", "b3 b1 b2 b4"), ("-value-quantity,_id", "b2 b1 b3 b4")],
    )  # fmt: skip
    def test_order_holds_over_pages_of_one(self, fhir: Caller, sort: str, ids: str) -> None:
        found, url = [], f"/Observation?_sort={sort}&_count=1"
        while url:
            page = fhir("GET", url)
            found += page.ids
            url = next((link["url"] for link in page.json["link"] if link["relation"] == "next"), "")
        assert " ".join(found) == ids

    def test_next_link_tells_nothing_of_the_search(self, fhir: Caller) -> None:
        links = fhir("GET", "/Observation?patient.name=muller-luden&_count=1").json["link"]
        assert "muller-luden" not in links[1]["url"]

    def test_next_link_serves_its_own_client_only(self, fhir: Caller) -> None:
        url = fhir("GET", "/Observation?_count=1").json["link"][1]["url"]
        other = Caller(fhir.server, fhir.server.token("system/*.rs"))
        assert other("GET", url).status == 400

    def test_total_is_counted_when_asked(self, fhir: Caller) -> None:
        replies = [fhir("GET", f"/Observation?_count=1&{extra}").json for extra in ("_total=accurate", "_total=none")]
        assert [r.get("total") for r in replies] == [4, None]
        assert fhir("GET", "/Observation?_summary=count").json == {
            "resourceType": "Bundle", "type": "searchset", "total": 4,
            "link": [{"relation": "self", "url": f"{fhir.server.base}/Observation?_summary=count"}],
        }  # fmt: skip


class TestIncludes:
    """_include, _revinclude, :iterate."""

    @pytest.mark.parametrize(
        ("search", "included"),
        [
            ("Encounter?_include=Encounter:patient", "p1"),
            ("Encounter?_include=Encounter:service-provider", "o1"),
            ("Encounter?_include=Encounter:*", "o1 p1"),
            ("Encounter?_include=*", "o1 p1"),
            ("Encounter?_include=Encounter:subject:Group", ""),
            ("Patient?_id=p1&_revinclude=Observation:patient", "b1 b2"),
            ("Patient?_id=p1&_revinclude=Encounter:patient&_revinclude=Observation:patient", "b1 b2 e1"),
            ("Observation?_id=b1&_include=Observation:patient&_include:iterate=Patient:organization", "o1 p1"),
            ("Observation?_id=b1&_include=Observation:patient&_include=Patient:organization", "p1"),
        ],
    )
    def test_brings(self, fhir: Caller, search: str, included: str) -> None:
        entries = fhir("GET", f"/{search}").json["entry"]
        found = sorted(e["resource"]["id"] for e in entries if e["search"]["mode"] == "include")
        assert " ".join(found) == included


class TestParts:
    """_elements and _summary keep what is required and say that it is a part."""

    def test_elements(self, fhir: Caller) -> None:
        resource = fhir("GET", "/Observation?_id=b1&_elements=subject").json["entry"][0]["resource"]
        assert set(resource) == {"resourceType", "id", "meta", "status", "code", "subject"}
        assert resource["meta"]["tag"][-1]["code"] == "SUBSETTED"

    def test_summary(self, fhir: Caller) -> None:
        resource = fhir("GET", "/Patient?_id=p1&_summary=true").json["entry"][0]["resource"]
        assert "name" in resource and "communication" not in resource
        assert set(fhir("GET", "/Patient/p1?_summary=text").json) == {"resourceType", "id", "meta"}


class TestRefused:
    """What cannot be answered truthfully is refused, with a word on what to do."""

    @pytest.mark.parametrize(
        "search",
        [
            "Patient?name:contains=x", "Patient?_sort=name", "Patient?_sort=nothing", "Patient?_summary=some",
            "Patient?_include=Potato:x", "Patient?_has:Potato:x:y=1", "Patient?_has:Observation:code:status=x",
            "Patient?name.family=x", "Patient?birthdate=xx1980", "Patient?identifier=a|b|c",
            "Observation?value-quantity=x",
            "Observation?code-value-quantity=8480-6", "Patient?gender:missing=maybe", "Patient?_count=-1",
            "Observation?patient.organization.partof.partof.partof.name=x", "Patient?_lastUpdated=yesterday",
            "Patient?name=%00", "Observation?_sort=date,-date,_id,-_id,_lastUpdated",
        ],
    )  # fmt: skip
    def test_is_400(self, fhir: Caller, search: str) -> None:
        reply = fhir("GET", f"/{search.replace('|', '%7C')}")
        assert (reply.status, reply.json["resourceType"]) == (400, "OperationOutcome")
