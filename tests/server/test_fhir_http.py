"""FHIR R4 http.html: preferences, conditions, formats, and errors that are always an OperationOutcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, Reply, hospital

P: dict[str, Any] = {"resourceType": "Patient", "id": "p"}
MINIMAL, OUTCOME, WHOLE = (f"return={kind}" for kind in ("minimal", "OperationOutcome", "representation"))


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("http")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            assert caller("PUT", "/Patient/p", P).status == 201
            yield caller


def is_outcome(reply: Reply) -> bool:
    assert reply.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert not find_issues(reply.json)
    return bool(reply.json["resourceType"] == "OperationOutcome")


class TestPrefer:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [("POST", "/Device", {"resourceType": "Device"}), ("PUT", "/Device/x", {"resourceType": "Device", "id": "x"}),
         ("PATCH", "/Device/x", {"lotNumber": "1"}), ("PUT", "/Device?identifier=none", {"resourceType": "Device"}),
         ("DELETE", "/Device/x", None), ("DELETE", "/Device?identifier=none", None)],
    )  # fmt: skip
    def test_return(self, his: Caller, method: str, path: str, body: Any) -> None:
        as_json = {"Content_Type": "application/json"}
        his("PUT", "/Device/x", {"resourceType": "Device", "id": "x"})
        told = his(method, path, body, Prefer=OUTCOME, **as_json)
        assert (told.status in (200, 201), is_outcome(told)) == (True, True)
        his("PUT", "/Device/x", {"resourceType": "Device", "id": "x"})
        assert his(method, path, body, Prefer=MINIMAL, **as_json).raw == b""

    @pytest.mark.parametrize(("prefer", "member"), [(MINIMAL, ""), (OUTCOME, "outcome"), (WHOLE, "resource")])
    def test_return_in_a_bundle(self, his: Caller, prefer: str, member: str) -> None:
        entries = [
            {"resource": {"resourceType": "Device"}, "request": {"method": "POST", "url": "Device"}},
            {"resource": P, "request": {"method": "PUT", "url": "Patient/p"}},  # changes nothing
        ]
        for type_ in ("transaction", "batch"):
            reply = his("POST", "", {"resourceType": "Bundle", "type": type_, "entry": entries}, Prefer=prefer)
            assert not find_issues(reply.json)
            for entry in reply.json["entry"]:
                found = {*entry, *entry["response"]} & {"outcome", "resource"}
                assert found == ({member} if member else set())


class TestConditions:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [({"If_None_Match": 'W/"1"'}, 304), ({"If_None_Match": '"1"'}, 304), ({"If_None_Match": "1"}, 304),
         ({"If_None_Match": "*"}, 304), ({"If_None_Match": 'W/"2", W/"1"'}, 304), ({"If_None_Match": 'W/"2"'}, 200),
         ({"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
         ({"If_Modified_Since": "Wed, 01 Jan 2020 00:00:00 GMT"}, 200), ({"If_Modified_Since": "soon"}, 200)],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_of_reads(self, his: Caller, method: str, headers: dict[str, str], status: int) -> None:
        for path in ("/Patient/p", "/Patient/p/_history/1"):
            reply = his(method, path, **headers)
            assert (reply.status, reply.version) == (status, 'W/"1"')
            assert bool(reply.raw) == (status == 200 and method == "GET")


    def test_of_a_write_to_what_must_be_there(self, his: Caller) -> None:
        new = {"resourceType": "Device", "id": "must-be"}
        assert his("PUT", "/Device/must-be", new, If_Match="*").status == 412
        assert his("PUT", "/Device/must-be", new).status == 201
        assert his("PUT", "/Device/must-be", {**new, "lotNumber": "1"}, If_Match="*").status == 200
        assert his("DELETE", "/Device/must-be").status == 204
        assert his("PUT", "/Device/must-be", new, If_Match="*").status == 412

    @pytest.mark.parametrize("before", ["", "?", "Device?"])
    def test_of_a_creation(self, his: Caller, before: str) -> None:
        criteria = f"{before}identifier=urn:s|only"
        only = {"resourceType": "Device", "identifier": [{"system": "urn:s", "value": "only"}]}
        his("POST", "/Device", only, If_None_Exist=criteria)
        assert his("POST", "/Device", only, If_None_Exist=criteria).status == 200
        request = {"method": "POST", "url": "Device", "ifNoneExist": criteria}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": only, "request": request}]}
        assert his("POST", "", bundle).json["entry"][0]["response"]["status"] == "200 OK"


class TestFormats:
    @pytest.mark.parametrize(
        ("accept", "status"),
        [("application/fhir+json; fhirVersion=4.0", 200), ("application/fhir+json; fhirVersion=3.0", 406),
         ("application/fhir+json; fhirVersion=5.0, application/json", 200), ("application/fhir+json;q=0", 406),
         ("application/fhir+xml, application/fhir+json;q=0.5", 200), ("application/fhir+json;fhirVersion=4.0.1", 200)],
    )  # fmt: skip
    def test_accept(self, his: Caller, accept: str, status: int) -> None:
        reply = his("GET", "/Patient/p", Accept=accept)
        assert (reply.status, is_outcome(reply)) == (status, status != 200)

    @pytest.mark.parametrize(
        ("path", "status"),
        [("_format=json", 200), ("_format=application/fhir%2Bjson", 200), ("_format=xml", 406), ("_format=ttl", 406),
         ("_format=application/fhir%2Bjson;fhirVersion=4.0", 200), ("_format=application/fhir%2Bxml", 406)],
    )  # fmt: skip
    def test_format_wins_over_accept(self, his: Caller, path: str, status: int) -> None:
        assert his("GET", f"/Patient/p?{path}", Accept="application/fhir+xml").status == status
        assert his("POST", "/Patient/_search", path, Content_Type="application/x-www-form-urlencoded").status == status

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [("application/fhir+json; fhirVersion=4.0", 200), ("application/fhir+json; fhirVersion=5.0", 415),
         ("application/fhir+json; charset=utf-8", 200), ("application/fhir+json; charset=us-ascii", 200)],
    )  # fmt: skip
    def test_body(self, his: Caller, content_type: str, status: int) -> None:
        assert his("PUT", "/Patient/p", P, Content_Type=content_type).status == status

    def test_an_unknown_summary_is_refused(self, his: Caller) -> None:
        assert his("GET", "/Patient/p?_summary=all").status == 400
        assert his("GET", "/Patient/p?_summary=count").status == 400


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [("GET", "/Nothing/1", None, 404), ("GET", "/Patient/none", None, 404), ("GET", "/Patient/p/x/y/z", None, 404),
         ("GET", "/Patient/a%20b", None, 404), ("GET", "/Patient/" + "x" * 65, None, 404),
         ("GET", "/nothing", None, 404),
         ("DELETE", "/metadata", None, 405), ("PUT", "/metadata", P, 405), ("PUT", "", P, 405),
         ("POST", "/Patient/p", P, 405), ("POST", "/AuditEvent", {"resourceType": "AuditEvent"}, 405),
         ("DELETE", "/AuditEvent/1", None, 405), ("DELETE", "/Patient/p/_history/1", None, 405),
         ("POST", "/Patient", "", 400), ("POST", "/Patient", "[]", 400), ("POST", "/Patient", "{", 400),
         ("POST", "/Patient", {"resourceType": "Device"}, 400), ("PUT", "/Patient/p", {"resourceType": "Patient"}, 400),
         ("POST", "/Patient", {"resourceType": "Patient", "gender": "x"}, 422), ("POST", "", P, 400),
         ("PATCH", "/Patient/none", "[]", 404), ("PUT", "/Patient", P, 400), ("DELETE", "/Patient", None, 400),
         ("GET", "/Patient?_id=%FF", None, 400), ("GET", "/Patient/p/Potato", None, 404),
         ("GET", "/Organization/o/Patient", None, 400), ("GET", "/Patient/p/$nothing", None, 404)],
    )  # fmt: skip
    def test_is_an_outcome(self, his: Caller, method: str, path: str, body: Any, status: int) -> None:
        sent = body if isinstance(body, str | None) else json.dumps(body)
        reply = his(method, path, sent)
        assert (reply.status, is_outcome(reply)) == (status, status != 200)
        assert ("Allow" in reply.headers) == (status == 405)
        allowed = reply.headers.get("Allow", "").split(", ")
        assert ("GET" in allowed) == ("HEAD" in allowed)

    @pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Basic eDp5"])
    def test_who_are_you(self, his: Caller, token: str) -> None:
        reply = his("GET", "/Patient/p", Authorization=token)
        assert (reply.status, is_outcome(reply), "Bearer" in reply.headers["WWW-Authenticate"]) == (401, True, True)

    def test_our_own_fault(self, his: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(his.server.database.resource_groups, "read", fail)
        reply = his("GET", "/Patient/p")
        assert (reply.status, is_outcome(reply), reply.json["issue"][0]["code"]) == (500, True, "exception")

    def test_an_id_of_the_clients_comes_back(self, his: Caller) -> None:
        reply = his("GET", "/Patient/p", X_Request_Id="their-request-0001")
        assert reply.headers["X-Correlation-Id"] == "their-request-0001"
        assert reply.headers["X-Request-Id"] != "their-request-0001"
        assert "X-Correlation-Id" not in his("GET", "/Patient/p").headers


class TestCompartments:
    @pytest.mark.parametrize("path", ["Practitioner/d/Encounter", "Practitioner/d/*", "Device/x/Observation"])
    def test_of_every_type_that_has_one(self, his: Caller, path: str) -> None:
        visit = {
            "resourceType": "Encounter", "id": "e", "status": "planned", "class": {"code": "VR"},
            "participant": [{"individual": {"reference": "Practitioner/d"}}],
        }  # fmt: skip
        measured = {
            "resourceType": "Observation", "id": "e", "status": "final", "code": {"text": "x"},
            "device": {"reference": "Device/x"},
        }  # fmt: skip
        assert his("PUT", "/Encounter/e", visit).status in (200, 201)
        assert his("PUT", "/Observation/e", measured).status in (200, 201)
        assert his("GET", f"/{path}").ids == ["e"]
