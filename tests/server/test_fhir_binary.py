"""Binary as it is on the wire: bytes of a media type in and out, and as a resource for who asks so (FHIR R4 §2.17)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital

PDF = b"%PDF-1.7 \x00\xff not text"
FHIR = "application/fhir+json"


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("binary")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            assert caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p"}).status == 201
            body = {"resourceType": "Binary", "id": "b", "contentType": "application/pdf"}
            body["data"] = base64.b64encode(PDF).decode()
            assert caller("PUT", "/Binary/b", body).status == 201
            yield caller


class TestRead:
    @pytest.mark.parametrize("accept", ["*/*", "application/pdf", "text/html, application/*;q=0.5", ""])
    @pytest.mark.parametrize("path", ["/Binary/b", "/Binary/b/_history/1"])
    def test_gives_the_bytes(self, his: Caller, path: str, accept: str) -> None:
        reply = his("GET", path, Accept=accept)
        assert (reply.status, reply.raw, reply.version) == (200, PDF, 'W/"1"')
        assert reply.headers["Content-Type"] == "application/pdf"
        assert "sandbox" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Content-Disposition"] == "attachment"

    @pytest.mark.parametrize("accept", [FHIR, "application/json", f"{FHIR}, */*;q=0.1"])
    def test_gives_the_resource_to_who_names_its_format(self, his: Caller, accept: str) -> None:
        reply = his("GET", "/Binary/b", Accept=accept)
        assert (reply.headers["Content-Type"], reply.json["id"]) == (f"{FHIR}; charset=utf-8", "b")
        assert his("GET", "/Binary/b?_format=json").json["id"] == "b"

    def test_of_another_media_type(self, his: Caller) -> None:
        reply = his("GET", "/Binary/b", Accept="image/png")
        assert (reply.status, reply.json["resourceType"]) == (406, "OperationOutcome")

    def test_errors_are_outcomes(self, his: Caller) -> None:
        reply = his("GET", "/Binary/none", Accept="application/pdf")
        assert (reply.status, reply.json["resourceType"]) == (404, "OperationOutcome")

    def test_conditional_and_head(self, his: Caller) -> None:
        assert his("GET", "/Binary/b", Accept="*/*", If_None_Match='W/"1"').status == 304
        head = his("HEAD", "/Binary/b", Accept="*/*")
        assert (head.raw, head.headers["Content-Length"]) == (b"", str(len(PDF)))

    def test_a_search_gives_resources(self, his: Caller) -> None:
        assert his("GET", "/Binary?_id=b", Accept="*/*").ids == ["b"]


class TestWrite:
    @pytest.mark.parametrize("media_type", ["application/pdf", "text/plain; charset=gbk", "application/fhir+xml"])
    def test_keeps_the_bytes(self, his: Caller, media_type: str) -> None:
        made = his("POST", "/Binary", PDF, Content_Type=media_type)
        assert (made.status, made.json["contentType"]) == (201, media_type)
        there = his("GET", f"/Binary/{made.json['id']}", Accept="*/*")
        assert (there.raw, there.headers["Content-Type"]) == (PDF, media_type)

    def test_updates_under_an_id_for_a_patient(self, his: Caller) -> None:
        context = {"X_Security_Context": "Patient/p"}
        made = his("PUT", "/Binary/scan", PDF, Content_Type="image/png", **context)
        assert (made.status, made.json["securityContext"]) == (201, {"reference": "Patient/p"})
        again = his("PUT", "/Binary/scan", PDF, Content_Type="image/png", **context)
        assert (again.status, again.version) == (200, 'W/"1"')

    def test_fhir_json_is_a_resource(self, his: Caller) -> None:
        assert his("POST", "/Binary", b"%PDF", Content_Type=FHIR).status == 400
        assert his("POST", "/Binary", {"resourceType": "Patient"}, Content_Type=FHIR).status == 400

    @pytest.mark.parametrize("media_type", ["", "nonsense", "text"])
    def test_a_media_type_that_is_none(self, his: Caller, media_type: str) -> None:
        assert his("POST", "/Binary", PDF, Content_Type=media_type).status in (400, 415)
