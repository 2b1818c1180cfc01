"""Provenance of every write: made of what each version keeps anyway, beside those that clients send themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital
from tests.fakes.official_schema import official_faults

NAMED = {"resourceType": "Provenance", "agent": [{"who": {"display": "Dr. Lin"}}]}


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A client of an organisation that wrote two patients, one of them three times, and deleted a device."""
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("provenance")) as server:
            caller = Caller(server, server.token("system/*.cruds", client_id="his", organization="Organization/o"))
            for method, path, body in [
                ("PUT", "/Organization/o", {"resourceType": "Organization", "id": "o", "name": "x"}),
                ("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p"}),
                ("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "active": True}),
                ("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "active": False}),
                ("PUT", "/Patient/q", {"resourceType": "Patient", "id": "q"}),
                ("PUT", "/Observation/b", {
                    "resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": "Patient/p"}}),
                ("PUT", "/Device/d", {"resourceType": "Device", "id": "d"}),
                ("DELETE", "/Device/d", None),
            ]:  # fmt: skip
                assert caller(method, path, body).status in (200, 201, 204)
            yield caller


def found(caller: Caller, query: str) -> list[dict[str, Any]]:
    reply = caller("GET", f"/{query}")
    assert reply.status == 200, reply.json
    assert (find_issues(reply.json), official_faults(reply.json)) == ([], [])
    return [e["resource"] for e in reply.json.get("entry", []) if e["resource"]["resourceType"] == "Provenance"]


def targets(resources: list[dict[str, Any]]) -> list[str]:
    return [r["target"][0]["reference"] for r in resources]


class TestEachVersionHasOne:
    """Who wrote what, when, as what kind of write, on whose behalf."""

    def test_a_create_and_two_updates(self, his: Caller) -> None:
        versions = found(his, "Provenance?target=Patient/p")
        assert targets(versions) == [f"Patient/p/_history/{n}" for n in (1, 2, 3)]
        assert [v["activity"]["coding"][0]["code"] for v in versions] == ["CREATE", "UPDATE", "UPDATE"]

    def test_it_tells_when_and_who_on_whose_behalf(self, his: Caller) -> None:
        patient = his("GET", "/Patient/q").json
        (one,) = found(his, "Provenance?target=Patient/q")
        assert one["recorded"] == one["meta"]["lastUpdated"] == patient["meta"]["lastUpdated"]
        (agent,) = one["agent"]
        assert agent["who"]["identifier"] == {"system": "urn:teleconsult:service", "value": "his"}
        assert agent["onBehalfOf"] == {"reference": "Organization/o"}

    def test_a_deletion_too(self, his: Caller) -> None:
        codes = [p["activity"]["coding"][0]["code"] for p in found(his, "Provenance?target=Device/d")]
        assert codes == ["CREATE", "DELETE"]

    def test_one_is_read_by_its_address_and_cannot_be_written(self, his: Caller) -> None:
        (one,) = found(his, "Provenance?target=Patient/q")
        place = f"/Provenance/{one['id']}"
        assert his("GET", place).json == one
        assert his("GET", f"{place}/_history/1").json == one
        assert his("GET", f"{place}/_history").json["entry"][0]["resource"] == one
        assert his("GET", f"{place}/_history/2").status == 404
        for method in ("PUT", "DELETE"):
            assert his(method, place, one if method == "PUT" else None).status == 422
        assert his("GET", "/Provenance/w.Patient.9.p").status == 404

    def test_a_long_id_is_told_by_its_hash(self, his: Caller) -> None:
        id_ = "long-" * 12 + "long"
        assert his("PUT", f"/Device/{id_}", {"resourceType": "Device", "id": id_}).status == 201
        (one,) = found(his, f"Provenance?target=Device/{id_}")
        assert one["id"].startswith("x.Device.1.")
        assert his("GET", f"/Provenance/{one['id']}").json == one

    def test_a_stored_one_stands_beside_it(self, his: Caller) -> None:
        body = {"resourceType": "Device", "id": "beside"}
        assert his("PUT", "/Device/beside", body, X_Provenance=json.dumps(NAMED)).status == 201
        sent, kept = found(his, "Provenance?target=Device/beside")
        assert sent["agent"] == NAMED["agent"]
        assert sent["target"] == kept["target"]
        assert not found(his, f"Provenance?target=Provenance/{sent['id']}")  # nor has a Provenance one of its own


class TestSearch:
    """By every parameter that has a meaning for it, in every way a stored one is found."""

    @pytest.mark.parametrize(
        ("query", "count"),
        [("target=Patient/p", 3), ("patient=p", 3), ("target=Patient/p&recorded=gt2020", 3),
         ("target=Patient/p&recorded=lt2020", 0), ("target=Patient/p&_lastUpdated=gt2020", 3),
         ("target=Patient/p&agent:identifier=urn:teleconsult:service|his", 3),
         ("target=Patient/p&agent:identifier=HIS", 3), ("target=Patient/p&agent:identifier=other", 0),
         ("target=Patient/p&agent-type=author", 3), ("target=Patient/p&agent-type=assembler", 0),
         ("target=Patient/p&agent-type:not=author", 0), ("target=Patient/p&entity:missing=true", 3),
         ("target=Patient/p&recorded:missing=true", 0), ("target=Patient/p&signature-type=x", 0),
         ("target=Patient/p&agent=Practitioner/x", 0), ("target:Patient.active=false", 3),
         ("target:Observation.code:text=x", 1), ("target=Patient/p,Patient/q", 4), ("target=Device/none", 0),
         ("_id=w.Patient.1.none", 0), ("target=Patient/p&when=2020", 0), ("target=Patient/p&_tag=x", 0)],
    )  # fmt: skip
    def test_finds(self, his: Caller, query: str, count: int) -> None:
        assert len(found(his, f"Provenance?{query}")) == count

    def test_by_id(self, his: Caller) -> None:
        (one,) = found(his, "Provenance?target=Patient/q")
        assert found(his, f"Provenance?_id={one['id']}") == [one]

    def test_pages_and_totals(self, his: Caller) -> None:
        assert his("GET", "/Provenance?target=Patient/p&_summary=count").json["total"] == 3
        page = his("GET", "/Provenance?target=Patient/p&_count=2").json
        links = {link["relation"]: link["url"] for link in page["link"]}
        following = his("GET", links["next"].removeprefix(his.server.base)).json
        both = [e["resource"] for e in (*page["entry"], *following["entry"])]
        assert targets(both) == [f"Patient/p/_history/{n}" for n in (1, 2, 3)]
        back = {link["relation"]: link["url"] for link in following["link"]}["previous"]
        assert his("GET", back.removeprefix(his.server.base)).json["entry"] == page["entry"]

    def test_sorted(self, his: Caller) -> None:
        versions = found(his, "Provenance?target=Patient/p&_sort=-recorded")
        assert targets(versions) == [f"Patient/p/_history/{n}" for n in (3, 2, 1)]

    def test_all_of_them_page_by_page(self, his: Caller) -> None:
        total, seen = his("GET", "/Provenance?_summary=count").json["total"], []
        path = "/Provenance?_count=3"
        while path:
            page = his("GET", path).json
            seen += [e["resource"]["id"] for e in page["entry"]]
            path = next((x["url"].removeprefix(his.server.base) for x in page["link"] if x["relation"] == "next"), "")
        assert len(seen) == len(set(seen)) == total

    def test_revinclude_include_and_has(self, his: Caller) -> None:
        assert targets(found(his, "Patient?_id=q&_revinclude=Provenance:target")) == ["Patient/q/_history/1"]
        reply = his("GET", "/Provenance?target=Patient/q&_include=Provenance:target").json
        assert [e["resource"]["resourceType"] for e in reply["entry"]] == ["Provenance", "Patient"]
        query = "/Patient?_has:Provenance:target:agent:identifier=his&_id=q"
        assert [e["resource"]["id"] for e in his("GET", query).json["entry"]] == ["q"]
        assert "entry" not in his("GET", query.replace("=his", "=other")).json

    def test_everything_brings_those_of_what_it_shows(self, his: Caller) -> None:
        assert targets(found(his, "Patient/p/$everything")) == ["Patient/p/_history/3", "Observation/b/_history/1"]
        assert not found(his, "Patient/p/$everything?_type=Observation")
        assert len(found(his, "Patient/p/Provenance")) == 3


class TestWhoMaySee:
    """It tells of its target, so it is seen by who may see that."""

    def test_not_without_the_scope_of_the_target(self, his: Caller) -> None:
        limited = Caller(his.server, his.server.token("system/Provenance.rs", "system/Observation.rs"))
        seen = [r for r in found(limited, "Provenance") if r["id"].startswith("w.")]
        assert targets(seen) == ["Observation/b/_history/1"]
        (unseen,) = found(his, "Provenance?target=Patient/q")
        assert limited("GET", f"/Provenance/{unseen['id']}").status == 404

    def test_a_scope_with_a_restriction(self, his: Caller) -> None:
        scopes = ("system/Provenance.rs?target=Patient/q", "system/Patient.rs")
        limited = Caller(his.server, his.server.token(*scopes))
        assert targets(found(limited, "Provenance")) == ["Patient/q/_history/1"]

    def test_not_what_a_consent_hides(self, his: Caller) -> None:
        denial = {
            "resourceType": "Consent", "id": "no", "status": "active", "patient": {"reference": "Patient/h"},
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                                  "code": "patient-privacy"}]},
            "category": [{"text": "privacy"}], "policyRule": {"text": "x"}, "dateTime": "2026-01-01",
            "provision": {"type": "deny", "actor": [{
                "role": {"text": "x"}, "reference": {"reference": "Organization/nosy"}}]},
        }  # fmt: skip
        assert his("PUT", "/Patient/h", {"resourceType": "Patient", "id": "h"}).status == 201
        assert his("PUT", "/Consent/no", denial).status == 201
        nosy = Caller(his.server, his.server.token("system/*.rs", organization="Organization/nosy"))
        assert len(found(his, "Provenance?target=Patient/h")) == 1
        assert not found(nosy, "Provenance?target=Patient/h")
