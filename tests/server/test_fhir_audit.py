"""Who did what: AuditEvents after IHE BALP 1.1, and Provenance that clients send with a write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital
from tests.fakes.official_schema import official_faults

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
SOURCE, DESTINATION = "110153", "110152"


@pytest.fixture(scope="module")
def fhir(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One of each interaction was done by the client `his`."""
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("audit")) as server:
            caller = Caller(server, server.token("system/*.cruds", client_id="his"))
            for method, path, body in [
                ("PUT", "/Organization/o", {"resourceType": "Organization", "id": "o", "name": "x"}),
                ("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p"}),
                ("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "active": True}),
                ("GET", "/Patient/p", None), ("GET", "/Organization/o", None),
                ("GET", "/Patient?name=Secretname", None),
                ("DELETE", "/Patient/p", None), ("GET", "/Patient/none", None),
            ]:  # fmt: skip
                caller(method, path, body)
            yield Caller(server, server.token("system/AuditEvent.rs"))


def events(fhir: Caller, query: str) -> list[dict[str, Any]]:
    reply = fhir("GET", f"/AuditEvent?agent=his&{query}")
    assert reply.status == 200, reply.json
    assert (find_issues(reply.json), official_faults(reply.json)) == ([], [])
    return [entry["resource"] for entry in reply.json.get("entry", [])]


class TestBalp:
    """Each success of a client at a resource keeps its profile."""

    @pytest.mark.parametrize(
        ("query", "profile", "client", "server"),
        [("subtype=create&entity=Organization/o", "Create", SOURCE, DESTINATION),
         ("subtype=create&entity=Patient/p", "PatientCreate", SOURCE, DESTINATION),
         ("subtype=update", "PatientUpdate", SOURCE, DESTINATION),
         ("subtype=delete", "PatientDelete", SOURCE, DESTINATION),
         ("subtype=read&entity=Organization/o", "Read", DESTINATION, SOURCE),
         ("subtype=read&entity=Patient/p", "PatientRead", DESTINATION, SOURCE),
         ("subtype=search&action=E", "Query", SOURCE, DESTINATION)],
    )  # fmt: skip
    def test_profile(self, fhir: Caller, query: str, profile: str, client: str, server: str) -> None:
        (event,) = events(fhir, query)
        assert event["meta"]["profile"] == [BALP + profile]
        asker, answerer = event["agent"]
        assert [a["type"]["coding"][0]["code"] for a in event["agent"]] == [client, server]
        assert asker["who"]["identifier"]["value"] == "his"
        assert answerer["network"] == {"address": fhir.server.base, "type": "5"}
        kinds = {(e["type"]["code"], e.get("role", {}).get("code")) for e in event["entity"]}
        wanted = {("2", "24")} if profile == "Query" else {("2", "4")}
        wanted |= {("1", "1")} if profile.startswith("Patient") else set()
        assert kinds == wanted | {("XrequestId", None)}

    def test_no_search_text_is_kept(self, fhir: Caller) -> None:
        (event,) = events(fhir, "subtype=search&action=E")
        assert event["entity"][1]["query"] == "UGF0aWVudA=="  # Patient

    def test_a_refusal_claims_no_profile(self, fhir: Caller) -> None:
        (event,) = events(fhir, "outcome=4")
        assert "profile" not in event["meta"]


class TestProvenance:
    """X-Provenance: the server fills the target in."""

    GIVEN = {"resourceType": "Provenance", "agent": [{"who": {"display": "Dr. Lin"}}]}

    @pytest.fixture
    def writer(self, fhir: Caller) -> Caller:
        return Caller(fhir.server, fhir.server.token("system/*.cruds"))

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "PUT?"])
    def test_is_kept_with_the_version_it_is_about(self, writer: Caller, method: str) -> None:
        body = {"resourceType": "Device", "id": "d", "lotNumber": method, "identifier": [{"value": method}]}
        path = {"POST": "/Device", "PUT?": "/Device?identifier=none"}.get(method, "/Device/d")
        if path != "/Device/d":
            del body["id"]
        reply = writer(method.rstrip("?"), path, body, X_Provenance=json.dumps(self.GIVEN))
        assert reply.status in (200, 201), reply.json
        written = f"Device/{reply.json['id']}"
        found = writer("GET", f"/Provenance?target={written}&_sort=-_lastUpdated").json["entry"][0]["resource"]
        assert found["target"] == [{"reference": f"{written}/_history/{reply.json['meta']['versionId']}"}]
        assert found["agent"] == self.GIVEN["agent"]

    @pytest.mark.parametrize(
        "given", ["x", "{}", '{"resourceType":"Patient"}', '{"resourceType":"Provenance"}',
                  '{"resourceType":"Provenance","target":[{"reference":"Patient/1"}],"agent":[{"who":{"display":"x"}}]}']
    )  # fmt: skip
    def test_a_bad_one_undoes_the_write(self, writer: Caller, given: str) -> None:
        body = {"resourceType": "Device", "id": "never"}
        assert writer("PUT", "/Device/never", body, X_Provenance=given).status in (400, 422)
        assert writer("GET", "/Device/never").status == 404

    def test_it_needs_its_scope(self, fhir: Caller) -> None:
        writer = Caller(fhir.server, fhir.server.token("system/Device.cruds"))
        body = {"resourceType": "Device", "id": "scope"}
        assert writer("PUT", "/Device/scope", body, X_Provenance=json.dumps(self.GIVEN)).status == 403
