"""$validate: of a type and of an instance, with mode and profile, in the URL or as Parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital
from tests.fakes.visits import signed_visit

BASE = "http://hl7.org/fhir/StructureDefinition/"
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
P: dict[str, Any] = {"resourceType": "Patient", "id": "p"}
ABOUT_P = {
    "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
    "subject": {"reference": "Patient/p"},
}  # fmt: skip
MOVED = {**ABOUT_P, "subject": {"reference": "Patient/q"}}
PART = {**P, "meta": {"tag": [{"code": "SUBSETTED"}]}}


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("validate")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            for body in (P, ABOUT_P, {"resourceType": "Device", "id": "gone"}):
                assert caller("PUT", f"/{body['resourceType']}/{body['id']}", body).status == 201
            assert caller("DELETE", "/Device/gone").status == 204
            yield caller


def parameters(resource: Any = None, **more: str) -> dict[str, Any]:
    kinds = {"mode": "valueCode", "profile": "valueUri"}
    given: list[dict[str, Any]] = [{"name": n, kinds[n]: v} for n, v in more.items()]
    if resource:
        given.append({"name": "resource", "resource": resource})
    return {"resourceType": "Parameters", "parameter": given}


TABLE = [  # address, resource, mode, profile -> severity, code of the first finding
    ("Patient", P, "create", "", "information", "informational"),
    ("Patient", P, "update", "", "information", "informational"),
    ("Patient", {"resourceType": "Patient"}, "update", "", "error", "required"),
    ("Patient", {**P, "gender": "x"}, "create", "", "error", "code-invalid"),
    ("Patient", PART, "update", "", "error", "business-rule"),
    ("Patient", P, "", BASE + "Patient", "information", "informational"),
    ("Patient", P, "profile", BASE + "Patient|4.0.1", "information", "informational"),
    ("Patient", P, "", BASE + "Observation", "error", "invalid"),
    ("Observation", ABOUT_P, "", VITALS, "error", "not-supported"),
    ("Observation", ABOUT_P, "profile", VITALS, "error", "not-supported"),
    ("Patient/p", P, "update", "", "information", "informational"),
    ("Patient/p", {**P, "id": "q"}, "update", "", "error", "invalid"),
    ("Patient/p", P, "create", "", "error", "duplicate"),
    ("Patient/new", {**P, "id": "new"}, "update", "", "information", "informational"),
    ("Observation/o", MOVED, "update", "", "error", "business-rule"),
    ("Patient/p", None, "delete", "", "information", "informational"),
    ("Patient/none", None, "delete", "", "error", "not-found"),
    ("Device/gone", None, "delete", "", "error", "deleted"),
]  # fmt: skip


class TestValidate:
    @pytest.mark.parametrize("is_query", [True, False], ids=["query", "Parameters"])
    @pytest.mark.parametrize(("address", "resource", "mode", "profile", "severity", "code"), TABLE)
    def test_finds(
        self, his: Caller, address: str, resource: Any, mode: str, profile: str, severity: str, code: str,
        is_query: bool,
    ) -> None:  # fmt: skip
        given = {n: v for n, v in (("mode", mode), ("profile", profile)) if v}
        query = "?" + "&".join(f"{n}={v}" for n, v in given.items()) if is_query else ""
        body = resource if is_query else parameters(resource, **given)
        reply = his("POST", f"/{address}/$validate{query}", body)
        assert reply.status == 200, reply.json
        assert not find_issues(reply.json)
        assert (reply.json["issue"][0]["severity"], reply.json["issue"][0]["code"]) == (severity, code)

    def test_of_what_is_stored(self, his: Caller) -> None:
        assert his("GET", "/Patient/p/$validate").json["issue"][0]["severity"] == "information"
        assert his("GET", f"/Patient/p/$validate?profile={VITALS}").json["issue"][0]["code"] == "not-supported"
        assert his("GET", "/Patient/none/$validate").status == 404

    @pytest.mark.parametrize(
        ("address", "body"),
        [("Patient/$validate?mode=nothing", P), ("Patient/$validate", None), ("Patient/$validate?mode=delete", P),
         ("Patient/$validate?mode=profile", P), ("Patient/$validate", parameters(mode="create"))],
    )  # fmt: skip
    def test_a_question_that_is_none(self, his: Caller, address: str, body: Any) -> None:
        reply = his("POST", f"/{address}", body)
        assert (reply.status, reply.json["resourceType"]) == (400, "OperationOutcome")

    def test_what_the_client_may_not_do(self, his: Caller) -> None:
        reader = Caller(his.server, his.server.token("system/Patient.r"))
        assert reader("POST", "/Patient/$validate", P).json["issue"][0]["severity"] == "information"
        for mode in ("create", "update"):
            assert reader("POST", f"/Patient/$validate?mode={mode}", P).json["issue"][0]["code"] == "forbidden"

    def test_what_mirrors_a_visit(self, his: Caller) -> None:
        visit = his.server.call(signed_visit(his.server.database))
        reply = his("POST", f"/Patient/{visit.patient}/$validate?mode=delete")
        assert reply.json["issue"][0]["code"] == "business-rule"
