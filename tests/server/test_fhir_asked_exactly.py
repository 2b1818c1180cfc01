"""What a search asks for is served, refused with a reason, or told to be left out; never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records.fhir.validate import find_issues
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital
from tests.fakes.official_schema import official_faults

STRICT = "handling=strict"
FORMS = ["http://acme.org/forms/a", "http://acme.org/forms/a/v2", "http://acme.org/formsets/b", "http://acme.org"]


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("exact")) as server:
            caller = Caller(server, server.token("system/*.cruds", client_id="his"))
            assert caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p"}).status == 201
            for number, url in enumerate(FORMS):
                form = {"resourceType": "Questionnaire", "id": f"q{number}", "status": "draft", "url": url}
                assert caller("PUT", f"/Questionnaire/q{number}", form).status == 201
            for day in ("2026-01-05", "2026-02-05"):
                visit = {
                    "resourceType": "Encounter", "id": f"e{day}", "status": "planned", "class": {"code": "VR"},
                    "subject": {"reference": "Patient/p"}, "period": {"start": day, "end": day},
                }  # fmt: skip
                assert caller("PUT", f"/Encounter/e{day}", visit).status == 201
            yield caller


def entries(reply: Any, mode: str) -> list[dict[str, Any]]:
    assert reply.status == 200, reply.json
    assert (find_issues(reply.json), official_faults(reply.json)) == ([], [])
    return [e["resource"] for e in reply.json.get("entry", []) if e["search"]["mode"] == mode]


class TestUris:
    @pytest.mark.parametrize(
        ("search", "ids"),
        [("url=http://acme.org/forms/a", "q0"), ("url:below=http://acme.org/forms", "q0 q1"),
         ("url:below=http://acme.org/forms/", "q0 q1"), ("url:below=http://acme.org/forms/a", "q0 q1"),
         ("url:below=http://acme.org/form", ""), ("url:below=http://acme.org", "q0 q1 q2 q3"),
         ("url:above=http://acme.org/forms/a/v2/x", "q0 q1 q3"), ("url:above=http://acme.org/forms", "q3")],
    )  # fmt: skip
    def test_above_and_below(self, his: Caller, search: str, ids: str) -> None:
        assert " ".join(his("GET", f"/Questionnaire?{search}").ids) == ids

    def test_profiles_have_no_below(self, his: Caller) -> None:
        reply = his("GET", "/Patient?_profile:below=http://acme.org")
        assert (reply.status, reply.json["issue"][0]["location"]) == (400, ["http._profile:below"])


class TestMissing:
    @pytest.mark.parametrize(
        ("search", "ids"), [("phone:missing=false", "c"), ("email:missing=true", "p c"), ("telecom:missing=true", "p")]
    )
    def test_of_one_kind_of_contact(self, his: Caller, search: str, ids: str) -> None:
        called = {"resourceType": "Patient", "id": "c", "telecom": [{"system": "phone", "value": "1"}]}
        assert his("PUT", "/Patient/c", called).status in (200, 201)
        assert " ".join(his("GET", f"/Patient?{search}").ids) == ids
        assert his("DELETE", "/Patient/c").status == 204


class TestLeftOut:
    """What is not there, and what would find more than was asked when it is passed over."""

    @pytest.mark.parametrize("name", ["_text", "_content", "_list", "_filter", "_query", "nonsense"])
    def test_strict_refuses_and_lenient_tells(self, his: Caller, name: str) -> None:
        refused = his("GET", f"/Patient?{name}=x", Prefer=STRICT)
        assert (refused.status, refused.json["issue"][0]["location"]) == (400, [f"http.{name}"])
        reply = his("GET", f"/Patient?{name}=x")
        assert [r["id"] for r in entries(reply, "match")] == ["p"]
        (told,) = entries(reply, "outcome")
        assert (told["issue"][0]["severity"], told["issue"][0]["location"]) == ("warning", [f"http.{name}"])
        assert name not in reply.json["link"][0]["url"]

    @pytest.mark.parametrize("query", ["", "_format=json&_pretty=true", "_totalMethod=count", "family=", "_=123"])
    def test_nothing_is_told_of_what_changes_no_answer(self, his: Caller, query: str) -> None:
        assert not entries(his("GET", f"/Patient?{query}"), "outcome")

    def test_on_audit_events_too(self, his: Caller) -> None:
        assert his("GET", "/AuditEvent?policy=x", Prefer=STRICT).status == 400
        assert len(entries(his("GET", "/AuditEvent?policy=x"), "outcome")) == 1

    @pytest.mark.parametrize("query", ["_has:AuditEvent:entity:action=R", "_revinclude=AuditEvent:entity"])
    def test_audit_events_are_not_reached_from_others(self, his: Caller, query: str) -> None:
        reply = his("GET", f"/Patient?{query}")
        assert (reply.status, reply.json["issue"][0]["code"]) == (400, "not-supported")

    def test_a_named_query_of_an_unknown_type(self, his: Caller) -> None:
        assert his("GET", "/List?_id=x").status == 404


class TestAuditEvents:
    def test_summary_elements_and_totals(self, his: Caller) -> None:
        query = "/AuditEvent?agent=his&subtype=create"
        whole, short = entries(his("GET", query), "match"), entries(his("GET", f"{query}&_summary=true"), "match")
        assert "purposeOfEvent" in whole[0]
        assert short[0]["meta"]["tag"][0]["code"] == "SUBSETTED"
        (first, *_) = entries(his("GET", f"{query}&_elements=outcomeDesc"), "match")
        assert "outcomeDesc" in first
        assert "purposeOfEvent" not in first
        counted = his("GET", f"{query}&_summary=count").json
        assert (counted["total"], "entry" in counted) == (len(whole), False)
        assert his("GET", f"{query}&_count=0").json["total"] == len(whole)
        page = his("GET", f"{query}&_count=2&_total=accurate").json
        assert (page["total"], len(page["entry"])) == (len(whole), 2)
        assert "total" not in his("GET", f"{query}&_count=2").json
        assert his("GET", f"{query}&_summary=all").status == his("GET", f"{query}&_total=x").status == 400

    @pytest.mark.parametrize(
        ("query", "is_found"),
        [("patient=p", True), ("patient=Patient/p", True), ("patient:Patient=p", True),
         ("patient=BASE/Patient/p", True),
         ("patient=q", False), ("_lastUpdated=gt2020", True), ("_lastUpdated=lt2020", False), ("type=rest", True),
         ("type=other", False), ("entity=Encounter/e2026-01-05", True), ("entity=BASE/Patient/p", True)],
    )  # fmt: skip
    def test_are_found(self, his: Caller, query: str, is_found: bool) -> None:
        query = query.replace("BASE", his.server.base)
        found = entries(his("GET", f"/AuditEvent?agent=his&subtype=create&{query}"), "match")
        assert bool(found) == is_found
        for event in found if "patient" in query else ():
            assert {"reference": "Patient/p"} in [e["what"] for e in event["entity"]]

    def test_parameters_that_would_choose_are_told_of(self, his: Caller) -> None:
        assert len(entries(his("GET", "/AuditEvent?_tag=x"), "outcome")) == 1

    def test_one_in_part(self, his: Caller) -> None:
        id_ = entries(his("GET", "/AuditEvent?_count=1"), "match")[0]["id"]
        reply = his("GET", f"/AuditEvent/{id_}?_elements=action")
        assert ("purposeOfEvent" in reply.json, reply.headers["ETag"]) == (False, 'W/"1"')


class TestCapabilities:
    def test_includes_are_those_that_work(self, his: Caller) -> None:
        resources = {r["type"]: r for r in his("GET", "/metadata").json["rest"][0]["resource"]}
        assert {"Observation:patient", "Provenance:target"} <= set(resources["Patient"]["searchRevInclude"])
        assert resources["Encounter"]["searchInclude"][0] == "*"
        assert "searchInclude" not in resources["AuditEvent"]
        for type_ in ("Patient", "Encounter", "Binary"):
            for kind in ("searchInclude", "searchRevInclude"):
                for value in resources[type_].get(kind, []):
                    name = kind.removeprefix("search").lower()
                    reply = his("GET", f"/{type_}?_count=1&_{name}={value}", Prefer=STRICT)
                    assert reply.status == 200, (type_, value)


class TestEverything:
    @pytest.mark.parametrize(
        ("query", "ids"),
        [("", "p e2026-01-05 e2026-02-05"), ("start=2026-02-01", "p e2026-02-05"), ("end=2026-01-31", "p e2026-01-05"),
         ("start=2026-01-05&end=2026-02-05", "p e2026-01-05 e2026-02-05"), ("start=2026-03&end=2026-04", "p")],
    )  # fmt: skip
    def test_of_a_time(self, his: Caller, query: str, ids: str) -> None:
        reply = his("GET", f"/Patient/p/$everything?_type=Patient,Encounter&{query}")
        assert " ".join(r["id"] for r in entries(reply, "match")) == ids

    def test_the_next_page_asks_for_the_same(self, his: Caller) -> None:
        page = his("GET", "/Patient/p/$everything?_type=Patient,Encounter&start=2026-02-01&_count=1").json
        url = next(link["url"] for link in page["link"] if link["relation"] == "next")
        assert his("GET", url.removeprefix(his.server.base)).ids == ["e2026-02-05"]

    def test_by_post(self, his: Caller) -> None:
        given = [{"name": "start", "valueDate": "2026-02-01"}, {"name": "_type", "valueCode": "Encounter"}]
        reply = his("POST", "/Patient/p/$everything", {"resourceType": "Parameters", "parameter": given})
        assert reply.ids == ["e2026-02-05"]
        assert his("POST", "/Patient/p/$everything?_type=Patient").ids == ["p"]
        assert his("POST", "/Patient/p/$everything", {"resourceType": "Patient"}).status == 400

    def test_bad_values(self, his: Caller) -> None:
        assert his("GET", "/Patient/p/$everything?start=soon").status == 400
        assert his("GET", "/Patient/p/$everything?nonsense=1", Prefer=STRICT).status == 400
