"""A Bundle's entry that reads, searches or runs an operation is answered as the same request alone would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("batch")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "name": [{"family": "100%41"}]})
            caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "active": True})
            yield caller


def bundle(type_: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def asked(url: str, method: str = "GET", **more: str) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}}


SAME = [
    "Patient/p", "Patient/p/_history/1", "Patient/p/_history", "Patient/_history?_since=2020", "Patient/p/$everything",
    "metadata", "Patient?active=true", "Patient/p/Observation", "Patient/p/*", "?_type=Patient", "_history",
    "Patient/p?_summary=true", "Patient?active=true&_elements=active", "AuditEvent/1",
]  # fmt: skip


class TestReads:
    @pytest.mark.parametrize("type_", ["batch", "transaction"])
    @pytest.mark.parametrize("url", SAME)
    def test_is_answered_as_alone(self, his: Caller, type_: str, url: str) -> None:
        alone = his("GET", f"/{url}" if not url.startswith("?") else url)
        reply = his("POST", "", bundle(type_, asked(url)))
        assert reply.status == alone.status == 200
        assert not find_issues(reply.json)
        (entry,) = reply.json["entry"]
        assert entry["response"]["status"] == "200 OK"
        assert entry["response"].get("etag") == alone.headers.get("ETag")
        assert entry["resource"] == alone.json

    @pytest.mark.parametrize(
        ("entry", "status"),
        [(asked("Patient/none"), "404"), (asked("Patient/p/_history/9"), "404"), (asked("Patient/p/$nothing"), "404"),
         (asked("Nothing/p"), "404"), (asked("https://other.example/fhir/Patient/p"), "404"),
         (asked("Patient?_sort=nothing"), "400"), (asked("Patient/p", ifNoneMatch='W/"2"'), "304"),
         (asked("Patient/p", ifModifiedSince="2100-01-01T00:00:00Z"), "304"), (asked("Patient/p", "HEAD"), "200")],
    )  # fmt: skip
    def test_status_is_that_of_the_request_alone(self, his: Caller, entry: dict[str, Any], status: str) -> None:
        (answered,) = his("POST", "", bundle("batch", entry)).json["entry"]
        assert answered["response"]["status"].split()[0] == status
        assert "resource" not in answered
        assert ("outcome" in answered["response"]) == (status >= "4")

    def test_search_by_post(self, his: Caller) -> None:
        (answered,) = his("POST", "", bundle("batch", asked("Patient/_search?active=true", "POST"))).json["entry"]
        assert [e["resource"]["id"] for e in answered["resource"]["entry"]] == ["p"]

    def test_an_operation_with_its_resource(self, his: Caller) -> None:
        entry = {"resource": {"resourceType": "Patient", "active": 1}, **asked("Patient/$validate", "POST")}
        (answered,) = his("POST", "", bundle("batch", entry)).json["entry"]
        assert answered["resource"]["issue"][0]["expression"] == ["Patient.active"]

    def test_a_transaction_reads_what_it_wrote(self, his: Caller) -> None:
        write = {"resource": {"resourceType": "Device", "id": "d"}, **asked("Device/d", "PUT")}
        entries = his("POST", "", bundle("transaction", asked("Device/d/_history"), write)).json["entry"]
        assert entries[0]["resource"]["entry"][0]["resource"]["id"] == "d"

    def test_a_read_that_fails_undoes_the_transaction(self, his: Caller) -> None:
        write = {"resource": {"resourceType": "Device", "id": "undone"}, **asked("Device/undone", "PUT")}
        reply = his("POST", "", bundle("transaction", write, asked("Device/none/_history/1")))
        assert (reply.status, reply.json["issue"][0]["expression"]) == (404, ["Bundle.entry[1]"])
        assert his("GET", "/Device/undone").status == 404

    def test_a_percent_sign_in_a_value_is_itself(self, his: Caller) -> None:
        caller = his
        caller("PUT", "/Patient/q", {"resourceType": "Patient", "id": "q", "name": [{"family": "100%41"}]})
        assert caller("GET", "/Patient?family:exact=100%2541").ids == ["q"]
