"""What a strict integration engineer asks of the must tier (records/fhir/README.md), as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital

URN = "urn:uuid:6f1d6a52-58f5-4a3e-9b0e-6f0f3f7c2d11"
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o", "name": "Clinic"},
    {"resourceType": "Patient", "id": "p", "gender": "male", "managingOrganization": {"reference": "Organization/o"}},
    {"resourceType": "Patient", "id": "q", "gender": "female"},
    {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "VR"},
     "subject": {"reference": "Patient/p"}},
    {"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p/_history/1"}, "encounter": {"reference": "Encounter/e"}},
    {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/q"}},
]  # fmt: skip


@pytest.fixture(scope="module")
def fhir(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """The resources above; tests of this module add others of types that the tables don't count."""
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("strict")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            for resource in RESOURCES:
                assert caller("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status == 201
            yield caller


def found(caller: Caller, search: str, mode: str) -> str:
    reply = caller("GET", "/" + quote(search, safe="/?=&%:,$-_.*"))
    assert reply.status == 200, reply.json
    entries = [e for e in reply.json.get("entry", []) if e["search"]["mode"] == mode]
    return " ".join(sorted(e["resource"]["id"] for e in entries))


class TestSearch:
    """Forms of parameters that only some servers know."""

    @pytest.mark.parametrize(
        ("search", "ids"),
        [
            ("Patient?_id:not=p", "q"),
            ("Patient?_id:not=p,q", ""),
            ("Patient?_id=p&_id=q", ""),
            ("Patient?_id=p,q", "p q"),
            ("Patient?gender=|male", ""),
            ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", "p"),
            ("Patient?gender=http://hl7.org/fhir/administrative-gender|", "p q"),
            ("Observation?subject=Patient/p", "b"),
            ("Observation?subject=Patient/p/_history/1", "b"),
            ("Observation?encounter.patient=p", "b"),
            ("Patient?_has:Encounter:patient:_has:Observation:encounter:status=final", "p"),
            ("Patient?_has:Condition:patient:_id=c", "q"),
        ],
    )
    def test_finds(self, fhir: Caller, search: str, ids: str) -> None:
        assert found(fhir, search, "match") == ids

    @pytest.mark.parametrize(
        ("search", "ids"),
        [
            ("Patient?_id=p&_revinclude=*", "b e"),
            ("Patient?_revinclude=*", "b c e"),
            ("Encounter?_revinclude=*&_include=*", "b p"),
            ("Organization?_revinclude=*&_revinclude:iterate=Observation:patient", "b p"),
            ("Patient?_id=p&_revinclude=Encounter:*", "e"),
        ],
    )
    def test_brings_along(self, fhir: Caller, search: str, ids: str) -> None:
        assert found(fhir, search, "include") == ids

    def test_a_star_brings_nothing_that_no_scope_covers(self, fhir: Caller) -> None:
        limited = Caller(fhir.server, fhir.server.token("system/Patient.rs", "system/Encounter.rs"))
        assert found(limited, "Patient?_revinclude=*", "include") == "e"

    @pytest.mark.parametrize(
        ("search", "code", "location", "word"),
        [
            ("Patient?name:contains=x", "not-supported", "http.name:contains", ":exact"),
            ("Condition?code:below=x", "not-supported", "http.code:below", "commas"),
            ("Condition?code:in=x", "not-supported", "http.code:in", "commas"),
            ("Patient?_id:missing=true", "not-supported", "http._id:missing", "_id"),
            ("Patient?_id:text=x", "not-supported", "http._id:text", "_id"),
            ("Patient?birthdate=soon", "value", "http.birthdate", "YYYY"),
            ("Patient?_sort=name", "not-supported", "http._sort", "sealed"),
            ("Observation?subject.nonsense=x", "value", "http.subject.nonsense", "nonsense"),
            ("Patient?_count=x", "value", "http._count", "whole number"),
        ],
    )
    def test_a_refusal_names_the_parameter_and_what_to_do(
        self, fhir: Caller, search: str, code: str, location: str, word: str
    ) -> None:
        reply = fhir("GET", f"/{search}")
        (issue,) = reply.json["issue"]
        assert (reply.status, issue["code"], issue["location"]) == (400, code, [location])
        assert word in issue["diagnostics"]


def entry(method: str, url: str, resource: Any = None, **more: Any) -> dict[str, Any]:
    body = {} if resource is None else {"resource": resource}
    return {"request": {"method": method, "url": url}, **body, **more}


class TestBundles:
    """§3.1.0.11: what is rewritten, and what fails alone."""

    def test_links_are_rewritten_and_texts_are_not(self, fhir: Caller) -> None:
        organization = {
            "resourceType": "Organization", "name": URN,
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN, "assigner": {"reference": URN}}],
            "text": {"status": "generated", "div": f'<div {XHTML}><a href="{URN}">one</a> {URN}</div>'},
            "extension": [{"url": "http://x.test/e", "valueUri": URN}, {"url": "http://x.test/e", "valueString": URN}],
        }  # fmt: skip
        task = {
            "resourceType": "Task", "status": "draft", "intent": "order",
            "contained": [{"resourceType": "Provenance", "recorded": "2024-01-01T00:00:00Z", "id": "x",
                           "target": [{"reference": URN}], "agent": [{"who": {"reference": URN}}]}],
            "relevantHistory": [{"reference": "#x"}], "owner": {"reference": URN},
        }  # fmt: skip
        entries = [entry("POST", "Task", task), entry("POST", "Organization", organization, fullUrl=URN)]
        reply = fhir("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert reply.status == 200, reply.json
        made = [fhir("GET", e["response"]["location"].partition("/_history")[0]).json for e in reply.json["entry"]]
        link = f"Organization/{made[1]['id']}"
        assert made[1]["identifier"][0] == {
            "system": "urn:ietf:rfc:3986", "value": URN, "assigner": {"reference": link},
        }  # fmt: skip
        assert (made[1]["name"], [e.get("valueUri") or e["valueString"] for e in made[1]["extension"]]) == (
            URN, [link, URN],
        )  # fmt: skip
        assert made[1]["text"]["div"] == f'<div {XHTML}><a href="{link}">one</a> {URN}</div>'
        contained = made[0]["contained"][0]
        assert [made[0]["owner"], contained["target"][0], contained["agent"][0]["who"]] == [{"reference": link}] * 3

    def test_each_entry_of_a_batch_fails_alone(self, fhir: Caller) -> None:
        entries = [
            entry("GET", "Patient/p"), entry("GET", "Potato/1"), entry("GET", "Patient/p/$everything"),
            entry("POST", "Observation", {"resourceType": "Observation", "status": "nonsense"}),
            entry("POST", "Organization", {"resourceType": "Organization", "name": "made"}),
            entry("POST", "Organization"), entry("PUT", "Organization/x", {"resourceType": "Organization", "id": "y"}),
        ]  # fmt: skip
        reply = fhir("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        answers = [e["response"] for e in reply.json["entry"]]
        assert [a["status"][:3] for a in answers] == ["200", "404", "200", "422", "201", "400", "400"]
        assert [a["outcome"]["issue"][0]["code"] for a in answers if "outcome" in a][:2] == [
            "not-supported", "code-invalid",
        ]  # fmt: skip

    def test_a_conditional_reference_needs_one_match(self, fhir: Caller) -> None:
        for search, status in (("Patient?gender=male", 200), ("Patient?gender=other", 412), ("Patient?_id=p,q", 412)):
            communication = {"resourceType": "Communication", "status": "completed", "subject": {"reference": search}}
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Communication",
                      communication)]}  # fmt: skip
            assert fhir("POST", "", bundle).status == status


class TestLifeOfAResource:
    """404, 410 and 412 as the standard gives them."""

    @pytest.mark.parametrize(
        ("method", "path", "headers", "status"),
        [
            ("GET", "/Device/none", {}, 404),
            ("GET", "/Device/none/_history", {}, 404),
            ("GET", "/Device/none/_history/1", {}, 404),
            ("DELETE", "/Device/none", {}, 204),
            ("GET", "/Device/d", {}, 410),
            ("HEAD", "/Device/d", {}, 410),
            ("GET", "/Device/d/_history", {}, 200),
            ("GET", "/Device/d/_history/1", {}, 200),
            ("GET", "/Device/d/_history/2", {}, 410),
            ("GET", "/Device/d/_history/3", {}, 404),
            ("DELETE", "/Device/d", {}, 204),
            ("PUT", "/Device/new", {"If_Match": 'W/"1"'}, 412),
            ("PATCH", "/Device/d", {}, 410),
            ("PUT", "/Device/new", {"If_Match": "nonsense"}, 400),
            ("GET", "/Patient/p", {"If_None_Match": 'W/"1"'}, 304),
            ("HEAD", "/Patient/p", {}, 200),
            ("HEAD", "/Patient?_id=p", {}, 200),
            ("GET", "/Patient/p?_format=application/fhir%2Bjson", {}, 200),
            ("GET", "/Patient/p?_format=xml", {}, 406),
            ("GET", "/Patient/p", {"Accept": "application/fhir+xml"}, 406),
            ("POST", "/Patient", {"Content_Type": "application/fhir+xml"}, 415),
            ("PATCH", "/Patient/p", {"Content_Type": "application/xml-patch+xml"}, 415),
        ],
    )
    def test_status(self, fhir: Caller, method: str, path: str, headers: dict[str, str], status: int) -> None:
        if "/Device/d" in path:
            fhir("PUT", "/Device/d", {"resourceType": "Device", "id": "d"})
            fhir("DELETE", "/Device/d")
        versions = fhir("GET", "/Device/d/_history").json.get("entry", []) if "/Device/d" in path else []
        path = path.replace("_history/2", f"_history/{len(versions)}").replace("_history/3", "_history/999")
        body = {"resourceType": "Device", "id": "new"} if method == "PUT" else {} if method == "PATCH" else None
        reply = fhir(method, path, body, **headers)
        assert reply.status == status
        if status >= 400 and method != "HEAD":
            assert reply.json["resourceType"] == "OperationOutcome"
