"""Search over types, histories, and the links between pages (FHIR R4 §3.1.1.2, §3.1.0.9, §3.1.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, Reply, hospital
from tests.fakes.official_schema import official_faults

TAG = {"tag": [{"system": "urn:t", "code": "x"}]}
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o1", "name": "A"},
    {"resourceType": "Patient", "id": "p1", "meta": TAG, "birthDate": "1980-01-01", "identifier": [
        {"type": {"coding": [{"system": "urn:k", "code": "PPN"}]}, "system": "urn:passport", "value": "X 1"},
        {"type": {"coding": [{"system": "urn:k", "code": "MR"}]}, "system": "urn:his", "value": "X 1"}]},
    {"resourceType": "Patient", "id": "p2"},
    {"resourceType": "Encounter", "id": "e1", "meta": TAG, "status": "finished", "class": {"code": "VR"},
     "subject": {"reference": "Patient/p1"}, "period": {"start": "2024-01-01T00:00:00Z"},
     "serviceProvider": {"reference": "Organization/o1"}},
    {"resourceType": "Observation", "id": "b1", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
     "effectiveDateTime": "2023-01-01T00:00:00Z"},
    {"resourceType": "Observation", "id": "b2", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p2"}, "effectiveDateTime": "2025-01-01T00:00:00Z"},
]  # fmt: skip
ALL = "b1 b2 e1 o1 p1 p2"

CASES: list[tuple[str, str]] = [
    ("?_type=Patient,Encounter", "e1 p1 p2"),
    ("?", ALL),
    ("/?_type=Patient", "p1 p2"),
    ("?_id=p1,b1", "b1 p1"),
    ("?_tag=urn:t|x", "e1 p1"),
    ("?_type=Observation,Encounter&date=ge2024", "b2 e1"),
    ("?_type=Observation,Encounter&patient=p1", "b1 e1"),
    ("?_lastUpdated=lt2020", ""),
    ("/Patient/p1/*?", "b1 e1 p1"),
    ("/Patient/p1/*?_type=Observation", "b1"),
    ("/Encounter/e1/*?", "b1 e1"),
    ("/Patient?identifier:of-type=urn:k|PPN|x 1", "p1"),
    ("/Patient?identifier:of-type=urn:k|DL|x 1", ""),
    ("/Patient?_has:Encounter:patient:_tag=x", "p1"),
    ("/Patient?_contained=false&_id=p1", "p1"),
]


@pytest.fixture(scope="module")
def fhir(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """The resources above; tests of this module only read them."""
    folder: Path = tmp_path_factory.mktemp("fhir")
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), folder) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            for resource in RESOURCES:
                assert caller("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status == 201
            yield caller


def link(reply: Reply, relation: str) -> str:
    return next((one["url"] for one in reply.json["link"] if one["relation"] == relation), "")


def walk(fhir: Caller, url: str, relation: str = "next") -> list[list[str]]:
    pages = []
    while url:
        reply = fhir("GET", url)
        assert reply.status == 200, reply.json
        pages.append(reply.ids)
        url = link(reply, relation)
    return pages


class TestSeveralTypes:
    """GET [base]?_type=…, POST [base]/_search, and everything in a compartment."""

    @pytest.mark.parametrize(("search", "ids"), CASES, ids=[c[0] for c in CASES])
    def test_finds(self, fhir: Caller, search: str, ids: str) -> None:
        reply = fhir("GET", search.replace("|", "%7C"))
        assert reply.status == 200, reply.json
        assert " ".join(sorted(reply.ids)) == ids

    def test_post_finds_the_same(self, fhir: Caller) -> None:
        form = "_type=Patient&_tag=x"
        assert fhir("POST", "/_search", form, Content_Type="application/x-www-form-urlencoded").ids == ["p1"]

    def test_only_types_of_the_scopes_are_searched(self, fhir: Caller) -> None:
        limited = Caller(fhir.server, fhir.server.token("system/Patient.rs", "system/Encounter.rs"))
        assert sorted(limited("GET", "").ids) == ["e1", "p1", "p2"]
        assert limited("GET", "?_type=Patient,Observation").status == 403
        assert sorted(limited("GET", "/Patient/p1/*").ids) == ["e1", "p1"]

    @pytest.mark.parametrize(
        "search", ["?_type=Potato", "?_type=AuditEvent", "?_type=Patient,Observation&birthdate=1980",
                   "/Patient/p1/*?_type=Slot", "/Organization/x/*"]
    )  # fmt: skip
    def test_what_not_all_types_know_is_refused(self, fhir: Caller, search: str) -> None:
        assert fhir("GET", search).status == 400

    def test_order_counts_over_types(self, fhir: Caller) -> None:
        assert fhir("GET", "?_type=Observation,Encounter&_sort=date").ids == ["b1", "e1", "b2"]
        assert fhir("GET", "?_summary=count").json["total"] == 6

    def test_includes_come_from_every_type(self, fhir: Caller) -> None:
        reply = fhir("GET", "?_type=Encounter,Observation&_id=b1,e1&_include=*")
        found = {e["resource"]["id"]: e["search"]["mode"] for e in reply.json["entry"]}
        assert found == {"b1": "match", "e1": "match", "p1": "include", "o1": "include"}
        assert (find_issues(reply.json), official_faults(reply.json)) == ([], [])


class TestLinks:
    """first, previous, next; each sealed, each for its own address and client."""

    @pytest.mark.parametrize(
        ("search", "ids"),
        [("?_count=2&_sort=-_id", "p2 p1|o1 e1|b2 b1"), ("/Observation?_count=1&_sort=date", "b1|b2"),
         ("?_count=1&_type=Patient,Observation&_sort=-_lastUpdated", "b2|b1|p2|p1"),
         ("?_count=4&_type=Encounter,Patient,Observation&_sort=_lastUpdated", "p1 p2 e1 b1|b2"),
         ("/Patient/p1/*?_count=1&_sort=_id", "b1|e1|p1")],
    )  # fmt: skip
    def test_there_and_back_again(self, fhir: Caller, search: str, ids: str) -> None:
        there = walk(fhir, search)
        assert "|".join(" ".join(page) for page in there) == ids
        url = search
        while following := link(fhir("GET", url), "next"):
            url = following
        assert walk(fhir, url, "previous") == there[::-1]
        assert fhir("GET", link(fhir("GET", url), "first")).ids == there[0]

    def test_first_page_has_nothing_before_it(self, fhir: Caller) -> None:
        reply = fhir("GET", "/Patient?_count=1")
        assert (link(reply, "previous"), link(reply, "first")) == ("", "")

    def test_a_token_serves_at_its_own_address_only(self, fhir: Caller) -> None:
        token = link(fhir("GET", "/Observation?_count=1&_sort=value-quantity"), "next").rpartition("=")[2]
        assert [fhir("GET", f"{path}?_page={token}").status for path in ("/Encounter", "", "/Observation")] == [
            400, 400, 200,
        ]  # fmt: skip


@pytest.fixture(scope="module")
def times(fhir: Caller) -> list[str]:
    """Three versions of a Device, the last a deletion; when the first two were made."""
    device = {"resourceType": "Device", "id": "d1"}
    other = {"resourceType": "Location", "id": "l1", "name": "x"}
    assert fhir("PUT", "/Location/l1", other).status == 201
    made = [fhir("PUT", "/Device/d1", {**device, "status": s}).json for s in ("active", "inactive")]
    assert fhir("DELETE", "/Device/d1").status == 204
    return [each["meta"]["lastUpdated"] for each in made]


class TestHistory:
    """_count, _since, _at and pages, of a resource, a type, everything."""

    def versions(self, reply: Reply) -> list[str]:
        assert reply.status == 200, reply.json
        assert (find_issues(reply.json), official_faults(reply.json)) == ([], [])
        return [e["response"]["etag"] for e in reply.json.get("entry", [])]

    @pytest.mark.parametrize("path", ["/Device/d1/_history", "/Device/_history"])
    def test_pages(self, fhir: Caller, times: list[str], path: str) -> None:
        found, url = [], f"{path}?_count=1"
        while url:
            reply = fhir("GET", url)
            found += self.versions(reply)
            url = link(reply, "next")
        assert found == ['W/"3"', 'W/"2"', 'W/"1"']

    def test_since(self, fhir: Caller, times: list[str]) -> None:
        url = f"/Device/d1/_history?_since={times[1]}"
        assert self.versions(fhir("GET", url)) == ['W/"3"', 'W/"2"']
        assert self.versions(fhir("GET", "/Device/d1/_history?_since=2099")) == []

    def test_at(self, fhir: Caller, times: list[str]) -> None:
        assert self.versions(fhir("GET", f"/Device/_history?_at={times[0]}")) == ['W/"1"']
        assert self.versions(fhir("GET", "/Device/d1/_history?_at=2001")) == []
        assert self.versions(fhir("GET", "/Device/d1/_history?_at=2099")) == ['W/"3"']

    def test_of_everything(self, fhir: Caller, times: list[str]) -> None:
        reply = fhir("GET", "/_history?_count=5")
        assert [e["fullUrl"].rpartition("/fhir/")[2] for e in reply.json["entry"][:4]] == [
            "Device/d1", "Device/d1", "Device/d1", "Location/l1",
        ]  # fmt: skip
        assert self.versions(reply)[:3] == ['W/"3"', 'W/"2"', 'W/"1"']

    def test_counts(self, fhir: Caller, times: list[str]) -> None:
        assert fhir("GET", "/Device/_history?_count=0").json["total"] == 3

    def test_of_everything_is_of_the_scopes(self, fhir: Caller, times: list[str]) -> None:
        limited = Caller(fhir.server, fhir.server.token("system/Location.rs"))
        assert limited("GET", "/_history").ids == ["l1"]
        assert Caller(fhir.server, fhir.server.token("system/Location.s"))("GET", "/_history").status == 403

    @pytest.mark.parametrize("query", ["_count=x", "_since=yesterday", "_at=", "_page=abc"])
    def test_bad_parameters_are_refused(self, fhir: Caller, query: str) -> None:
        assert fhir("GET", f"/Device/_history?{query}").status == 400

    def test_unknown_parameter(self, fhir: Caller) -> None:
        assert fhir("GET", "/Device/_history?foo=1").status == 200
        assert fhir("GET", "/Device/_history?foo=1", Prefer="handling=strict").status == 400

    def test_a_deleted_version_is_gone_and_earlier_ones_stay(self, fhir: Caller, times: list[str]) -> None:
        assert [fhir("GET", f"/Device/d1/_history/{n}").status for n in (1, 2, 3, 4)] == [200, 200, 410, 404]
