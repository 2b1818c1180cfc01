"""/fhir: interactions, headers, errors, conditional writes, bundles. Each against the running server and PostgreSQL."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from records.actors import Actor, ActorKind, Purpose
from records.fhir import text
from records.fhir.interactions import INTERACTIONS
from records.fhir.validate import find_issues
from records.store.database import DEFAULT_TENANT
from tests.fakes.hospital import SYSTEM, Caller, Hospital, hospital
from tests.fakes.official_schema import official_faults
from tests.fakes.synthetic import valid
from tests.fakes.visits import signed_visit

PATIENT = {"resourceType": "Patient", "name": [{"family": "Müller", "given": ["Änne"]}], "birthDate": "1980-02-03"}
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Hospital]:
    with hospital(database_url, tmp_path) as running:
        yield running


@pytest.fixture
def fhir(server: Hospital) -> Caller:
    return Caller(server, server.token("system/*.cruds"))


def created(fhir: Caller, resource: dict[str, Any]) -> str:
    reply = fhir("POST", f"/{resource['resourceType']}", resource)
    assert reply.status == 201, reply.json
    return str(reply.json["id"])


def identified(value: str, system: str = "urn:his") -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "value": value}]}


def code_of(reply: Any) -> str:
    assert reply.json["resourceType"] == "OperationOutcome"
    assert reply.headers["Content-Type"].startswith("application/fhir+json")
    return str(reply.json["issue"][0]["code"])


class TestReadAndWrite:
    """FHIR R4 §3.1.0: read, create, update, delete and their headers."""

    def test_create_answers_201_with_location_and_version(self, fhir: Caller) -> None:
        reply = fhir("POST", "/Patient", PATIENT)
        assert (reply.status, reply.version) == (201, 'W/"1"')
        assert reply.headers["Location"] == f"{fhir.server.base}/Patient/{reply.json['id']}/_history/1"

    def test_what_was_sent_comes_back(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        body = fhir("GET", f"/Patient/{id_}").json
        assert {k: body[k] for k in PATIENT} == PATIENT

    def test_decimal_digits_come_back(self, fhir: Caller) -> None:
        body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'
        id_ = fhir("POST", "/Observation", body).json["id"]
        assert b'"value":1.00}' in fhir("GET", f"/Observation/{id_}").raw

    def test_update_with_a_new_id_creates(self, fhir: Caller) -> None:
        first = fhir("PUT", "/Patient/abc-1", {**PATIENT, "id": "abc-1"})
        second = fhir("PUT", "/Patient/abc-1", {**PATIENT, "id": "abc-1", "active": True})
        assert (first.status, second.status, second.version) == (201, 200, 'W/"2"')

    def test_update_without_change_makes_no_version(self, fhir: Caller) -> None:
        for _ in range(2):
            reply = fhir("PUT", "/Patient/same", {**PATIENT, "id": "same"})
        assert reply.version == 'W/"1"'

    def test_delete_is_idempotent_and_leaves_410(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        assert [fhir("DELETE", f"/Patient/{id_}").status for _ in range(2)] == [204, 204]
        gone = fhir("GET", f"/Patient/{id_}")
        assert (gone.status, gone.version, code_of(gone)) == (410, 'W/"2"', "deleted")

    def test_put_revives(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        fhir("DELETE", f"/Patient/{id_}")
        reply = fhir("PUT", f"/Patient/{id_}", {**PATIENT, "id": id_})
        assert (reply.status, reply.version) == (201, 'W/"3"')

    def test_versions_and_history(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        fhir("PUT", f"/Patient/{id_}", {**PATIENT, "id": id_, "active": False})
        fhir("DELETE", f"/Patient/{id_}")
        assert fhir("GET", f"/Patient/{id_}/_history/1").json["meta"]["versionId"] == "1"
        assert [fhir("GET", f"/Patient/{id_}/_history/{v}").status for v in ("2", "3", "4", "x")] == [
            200,
            410,
            404,
            404,
        ]
        history = fhir("GET", f"/Patient/{id_}/_history").json
        assert [e["request"]["method"] for e in history["entry"]] == ["DELETE", "PUT", "POST"]
        assert find_issues(history) == []
        assert official_faults(history) == []

    def test_history_of_a_type(self, fhir: Caller) -> None:
        first, second = created(fhir, PATIENT), created(fhir, PATIENT)
        assert fhir("GET", "/Patient/_history").ids == [second, first]


class TestPatch:
    """JSON Patch, merge patch, and fhirpy's merge patch in application/json."""

    def test_json_patch(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        patch = [{"op": "replace", "path": "/name/0/family", "value": "Maier"}]
        reply = fhir("PATCH", f"/Patient/{id_}", patch, Content_Type=JSON_PATCH)
        assert (reply.status, reply.json["name"][0]["family"]) == (200, "Maier")

    @pytest.mark.parametrize("media_type", [MERGE, "application/json", "application/fhir+json"])
    def test_merge_patch(self, fhir: Caller, media_type: str) -> None:
        id_ = created(fhir, PATIENT)
        reply = fhir("PATCH", f"/Patient/{id_}", {"gender": "female", "birthDate": None}, Content_Type=media_type)
        assert (reply.json["gender"], "birthDate" in reply.json) == ("female", False)

    @pytest.mark.parametrize(
        ("patch", "status"),
        [
            ([{"op": "test", "path": "/birthDate", "value": "x"}], 422),
            ([{"op": "remove", "path": "/nothing"}], 400),
            ([{"op": "replace", "path": "/id", "value": "other"}], 400),
            ([{"op": "replace", "path": "/birthDate", "value": "2023-02-30"}], 422),
            ([{"op": "dance"}], 400),
            ({"a": 1}, 400),
        ],
    )
    def test_patch_that_does_not_fit(self, fhir: Caller, patch: Any, status: int) -> None:
        id_ = created(fhir, PATIENT)
        assert fhir("PATCH", f"/Patient/{id_}", patch, Content_Type=JSON_PATCH).status == status
        assert fhir("GET", f"/Patient/{id_}").version == 'W/"1"'


class TestConditionalHeaders:
    """ETag, If-Match, If-None-Match, If-Modified-Since, Prefer."""

    @pytest.mark.parametrize("tag", ['W/"1"', '"1"', "1", 'W/"0", W/"1"', "*"])
    def test_unchanged_answers_304(self, fhir: Caller, tag: str) -> None:
        id_ = created(fhir, PATIENT)
        reply = fhir("GET", f"/Patient/{id_}", If_None_Match=tag)
        assert (reply.status, reply.raw, reply.version) == (304, b"", 'W/"1"')

    def test_changed_answers_200(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        assert fhir("GET", f"/Patient/{id_}", If_None_Match='W/"7"').status == 200

    def test_modified_since(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        at = fhir("GET", f"/Patient/{id_}").headers["Last-Modified"]
        assert fhir("GET", f"/Patient/{id_}", If_Modified_Since=at).status == 304
        assert fhir("GET", f"/Patient/{id_}", If_Modified_Since="Mon, 01 Jan 2018 00:00:00 GMT").status == 200

    def test_if_match_guards_update_and_delete(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        body = {**PATIENT, "id": id_, "active": True}
        stale = fhir("PUT", f"/Patient/{id_}", body, If_Match='W/"9"')
        fresh = fhir("PUT", f"/Patient/{id_}", body, If_Match='W/"1"')
        assert (stale.status, code_of(stale), fresh.status) == (412, "conflict", 200)
        assert fhir("DELETE", f"/Patient/{id_}", If_Match='W/"1"').status == 412
        assert fhir("PATCH", f"/Patient/{id_}", {"active": False}, If_Match='W/"1"').status == 412

    def test_64_writers_of_one_version_make_one_change(self, fhir: Caller) -> None:
        id_ = created(fhir, PATIENT)
        requests = [
            ("PUT", f"/Patient/{id_}", {**PATIENT, "id": id_, "name": [{"family": f"F{n}"}]}, {"If-Match": 'W/"1"'})
            for n in range(64)
        ]
        assert sorted(r.status for r in fhir.together(requests)) == [200] + [412] * 63

    def test_if_none_match_star_creates_only(self, fhir: Caller) -> None:
        body = {**PATIENT, "id": "once"}
        replies = [fhir("PUT", "/Patient/once", body, If_None_Match="*").status for _ in range(2)]
        assert replies == [201, 412]

    def test_prefer(self, fhir: Caller) -> None:
        minimal = fhir("POST", "/Patient", PATIENT, Prefer="return=minimal")
        outcome = fhir("POST", "/Patient", PATIENT, Prefer="return=OperationOutcome")
        assert (minimal.raw, outcome.json["resourceType"]) == (b"", "OperationOutcome")


class TestConditionalWrites:
    """records.md §11: 1 - a race in five of ten servers."""

    def test_64_conditional_creates_make_one(self, fhir: Caller) -> None:
        header = {"If-None-Exist": "identifier=urn:his|K-1"}
        replies = fhir.together([("POST", "/Patient", identified("K-1"), header)] * 64)
        assert sorted(r.status for r in replies) == [200] * 63 + [201]
        assert len({r.json["id"] for r in replies}) == 1

    def test_64_conditional_updates_make_one(self, fhir: Caller) -> None:
        replies = fhir.together([("PUT", "/Patient?identifier=urn:his|K-2", identified("K-2"), {})] * 64)
        assert sorted(r.status for r in replies) == [200] * 63 + [201]
        assert fhir("GET", "/Patient?identifier=K-2&_count=0").json["total"] == 1

    def test_criteria_in_the_url_of_a_create(self, fhir: Caller) -> None:
        replies = [fhir("POST", "/Patient?identifier=urn:his|K-3", identified("K-3")).status for _ in range(2)]
        assert replies == [201, 200]

    def test_more_than_one_match_is_412(self, fhir: Caller) -> None:
        for _ in range(2):
            created(fhir, identified("K-4"))
        reply = fhir("PUT", "/Patient?identifier=K-4", identified("K-4"))
        assert (reply.status, code_of(reply)) == (412, "multiple-matches")

    def test_unknown_criterion_is_refused(self, fhir: Caller) -> None:
        assert fhir("PUT", "/Patient?indentifier=K-5", identified("K-5")).status == 400

    def test_conditional_delete_is_of_one(self, fhir: Caller) -> None:
        for _ in range(2):
            created(fhir, identified("K-7"))
        id_ = created(fhir, identified("K-8"))
        several = fhir("DELETE", "/Patient?identifier=K-7")
        assert (several.status, code_of(several)) == (412, "multiple-matches")
        assert [fhir("DELETE", "/Patient?identifier=K-8").status for _ in range(2)] == [204, 204]
        assert fhir("GET", f"/Patient/{id_}").status == 410

    def test_conditional_patch(self, fhir: Caller) -> None:
        created(fhir, identified("K-6"))
        reply = fhir("PATCH", "/Patient?identifier=K-6", {"active": True}, Content_Type=MERGE)
        assert (reply.status, reply.json["active"]) == (200, True)


class TestErrors:
    """Every error is an OperationOutcome that says what to do."""

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/Patient/none", 404, "not-found"),
            ("GET", "/Potato/1", 404, "not-supported"),
            ("GET", "/Patient/a/b/c", 404, "not-supported"),
            ("GET", "/Patient?_count=x", 400, "value"),
            ("GET", "/Patient?birthdate=yesterday", 400, "value"),
            ("GET", "/Patient?name:contains=x", 400, "not-supported"),
            ("GET", "/Patient?_sort=family", 400, "not-supported"),
            ("GET", "/Patient?_page=abc", 400, "value"),
            ("DELETE", "/Patient?nane=x", 400, "not-supported"),
            ("DELETE", "/Patient", 400, "invalid"),
            ("GET", "/Patient?_contained=true", 400, "not-supported"),
            ("GET", "/metadata?_format=xml", 406, "not-supported"),
            ("DELETE", "/AuditEvent/1", 405, "not-supported"),
            ("POST", "/Patient", 400, "structure"),
        ],
    )
    def test_request(self, fhir: Caller, method: str, path: str, status: int, code: str) -> None:
        reply = fhir(method, path, "" if method == "POST" else None)
        assert (reply.status, code_of(reply)) == (status, code)

    def test_invalid_resource_names_the_path(self, fhir: Caller) -> None:
        reply = fhir("POST", "/Patient", {"resourceType": "Patient", "gender": "x"})
        assert (reply.status, reply.json["issue"][0]["expression"]) == (422, ["Patient.gender"])

    def test_type_and_id_must_agree_with_the_url(self, fhir: Caller) -> None:
        assert fhir("POST", "/Encounter", PATIENT).status == 400
        assert fhir("PUT", "/Patient/a", {**PATIENT, "id": "b"}).status == 400

    def test_xml_is_refused(self, fhir: Caller) -> None:
        assert fhir("GET", "/Patient", Accept="application/fhir+xml").status == 406
        assert fhir("POST", "/Patient", "<Patient/>", Content_Type="application/fhir+xml").status == 415

    def test_large_body_is_refused(self, fhir: Caller) -> None:
        assert fhir("POST", "/Patient", io.BytesIO(b" " * (11 << 20))).status == 413

    def test_unknown_parameter(self, fhir: Caller) -> None:
        lenient = fhir("GET", "/Patient?foo=1&active=true")
        strict = fhir("GET", "/Patient?foo=1", Prefer="handling=strict")
        assert lenient.json["link"][0]["url"].endswith("/Patient?active=true")
        assert (lenient.status, strict.status) == (200, 400)

    def test_resource_of_a_visit_is_not_written_by_others(self, fhir: Caller) -> None:
        seen = fhir.server.call(signed_visit(fhir.server.database))
        reply = fhir("PATCH", f"/Encounter/{seen.visit}", {"status": "cancelled"}, Content_Type=MERGE)
        assert (reply.status, code_of(reply)) == (422, "business-rule"), reply.json

    def test_reader_may_not_write(self, server: Hospital) -> None:
        reader = Caller(server, server.token("system/*.rs"))
        assert reader("POST", "/Patient", PATIENT).status == 403

    def test_every_error_is_audited(self, server: Hospital) -> None:
        reader = Caller(server, server.token("system/Patient.rs", "system/AuditEvent.rs"))
        reader("GET", "/Encounter")
        assert reader("GET", "/AuditEvent?outcome=4&action=E").json["total"] == 1


class TestProjection:
    """`unit.resources.project` in the unit of whoever changed the visit."""

    def test_a_patients_answer_is_there_at_once(self, fhir: Caller) -> None:
        seen = fhir.server.call(signed_visit(fhir.server.database))
        patient = Actor(DEFAULT_TENANT, ActorKind.PATIENT, "session", Purpose.PATRQT, "test", seen.visit)

        async def answer() -> None:
            async with fhir.server.database.unit(patient) as unit:
                await unit.intakes.put(seen.visit, {"complaint": "better now"}, final=False)
                await unit.resources.project(seen.visit)

        fhir.server.call(answer())
        (response,) = fhir("GET", f"/QuestionnaireResponse?patient={seen.patient}").json["entry"]
        assert response["resource"]["item"][0]["answer"] == [{"valueString": "better now"}]

    def test_projecting_again_makes_no_version(self, fhir: Caller) -> None:
        seen = fhir.server.call(signed_visit(fhir.server.database))
        before = fhir("GET", f"/Encounter/{seen.visit}").version

        async def again() -> None:
            async with fhir.server.database.unit(SYSTEM) as unit:
                await unit.resources.project(seen.visit)

        fhir.server.call(again())
        assert fhir("GET", f"/Encounter/{seen.visit}").version == before


class TestOperations:
    """$validate and $everything."""

    def test_validate_finds_without_saving(self, fhir: Caller) -> None:
        good = fhir("POST", "/Patient/$validate", PATIENT).json
        bad = fhir("POST", "/Patient/$validate", {"resourceType": "Patient", "gender": "x"}).json
        wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": PATIENT}]}
        assert [good["issue"][0]["severity"], bad["issue"][0]["severity"]] == ["information", "error"]
        assert fhir("POST", "/Patient/$validate", wrapped).status == 200
        assert fhir("GET", "/Patient?_count=0").json["total"] == 0

    def test_everything_is_the_patients_and_nobody_elses(self, fhir: Caller) -> None:
        one = fhir.server.call(signed_visit(fhir.server.database))
        fhir.server.call(signed_visit(fhir.server.database, "王五", "110101199001010011"))
        found, url = [], f"/Patient/{one.patient}/$everything?_count=5"
        while url:
            page = fhir("GET", url).json
            found += [e["resource"] for e in page["entry"]]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        assert len(found) == len({r["id"] for r in found}) == 2 * 14  # each with its Provenance
        assert {r["resourceType"] for r in found} >= {"Patient", "Encounter", "Observation", "Composition"}
        assert "王五" not in str(found)

    def test_pages_of_everything_keep_what_was_asked_for(self, fhir: Caller) -> None:
        one = fhir.server.call(signed_visit(fhir.server.database))
        found, url = [], f"/Patient/{one.patient}/$everything?_type=Encounter&_type=Observation,Consent&_count=1"
        while url:
            page = fhir("GET", url).json
            found += [e["resource"]["resourceType"] for e in page["entry"]]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
            assert re.fullmatch(r"(.*_page=[\w-]+)?", url)  # no numbers of rows: they count others' records too
        assert set(found) == {"Encounter", "Observation", "Consent"}


class TestTransaction:
    """FHIR R4 §3.1.0.11: all or nothing, references resolved, overlaps refused."""

    def entry(self, method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> dict[str, Any]:
        found: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
        if resource is not None:
            found["resource"] = resource
        return {**found, **({"fullUrl": full_url} if full_url else {})}

    def bundle(self, *entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
        return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}

    def encounter(self, subject: str) -> dict[str, Any]:
        return {
            "resourceType": "Encounter",
            "status": "planned",
            "class": {"code": "VR"},
            "subject": {"reference": subject},
        }

    def test_references_between_entries_become_real(self, fhir: Caller) -> None:
        urn = "urn:uuid:6f1d6a52-58f5-4a3e-9b0e-6f0f3f7c2d11"
        reply = fhir("POST", "", self.bundle(
            self.entry("POST", "Encounter", self.encounter(urn)), self.entry("POST", "Patient", PATIENT, urn),
        ))  # fmt: skip
        assert reply.status == 200, reply.json
        assert [e["response"]["status"] for e in reply.json["entry"]] == ["201 Created"] * 2
        patient = reply.json["entry"][1]["response"]["location"].split("/")[-3]
        assert len(fhir("GET", f"/Encounter?patient={patient}").ids) == 1
        assert find_issues(reply.json) == []
        assert official_faults(reply.json) == []

    def test_one_fault_undoes_all(self, fhir: Caller) -> None:
        missing = self.entry("PUT", "Patient/x", {**PATIENT, "id": "x"}, ifMatch='W/"5"')
        reply = fhir("POST", "", self.bundle(self.entry("POST", "Patient", PATIENT), missing))
        assert (reply.status, reply.json["issue"][0]["expression"]) == (412, ["Bundle.entry[1]"])
        assert fhir("GET", "/Patient?_count=0").json["total"] == 0

    def test_two_entries_for_one_resource_are_refused(self, fhir: Caller) -> None:
        put = self.entry("PUT", "Patient/x", {**PATIENT, "id": "x"})
        assert fhir("POST", "", self.bundle(put, put)).status == 400

    def test_two_conditional_entries_for_one_resource_are_refused(self, fhir: Caller) -> None:
        created(fhir, identified("T-1"))
        entries = [
            self.entry("PUT", f"Patient?identifier={value}", identified("T-1")) for value in ("T-1", "urn:his%7CT-1")
        ]
        assert fhir("POST", "", self.bundle(*entries)).status == 400

    def test_conditional_create_and_reference(self, fhir: Caller) -> None:
        id_ = created(fhir, identified("T-2"))
        reply = fhir("POST", "", self.bundle(
            self.entry("POST", "Patient", identified("T-2"), ifNoneExist="identifier=urn:his|T-2"),
            self.entry("POST", "Encounter", self.encounter("Patient?identifier=urn:his|T-2")),
        ))  # fmt: skip
        assert [e["response"]["status"] for e in reply.json["entry"]] == ["200 OK", "201 Created"]
        assert fhir("GET", f"/Encounter?patient={id_}&_count=0").json["total"] == 1

    def test_all_methods_in_the_order_of_the_standard(self, fhir: Caller) -> None:
        id_ = created(fhir, identified("T-3"))
        reply = fhir("POST", "", self.bundle(
            self.entry("GET", "Patient?identifier=T-4"), self.entry("POST", "Patient", identified("T-4")),
            self.entry("DELETE", f"Patient/{id_}"),
        ))  # fmt: skip
        statuses = [e["response"]["status"] for e in reply.json["entry"]]
        assert statuses == ["200 OK", "201 Created", "204 No Content"]
        assert reply.json["entry"][0]["resource"]["total"] == 1

    def test_conditional_delete_and_read_in_a_bundle(self, fhir: Caller) -> None:
        id_ = created(fhir, identified("T-5"))
        reply = fhir("POST", "", self.bundle(
            self.entry("DELETE", "Patient?identifier=T-6"), self.entry("GET", f"Patient/{id_}", ifNoneMatch='W/"1"'),
            self.entry("PUT", f"Patient/{id_}", {**identified("T-5"), "id": id_}, ifNoneMatch="*"), kind="batch",
        ))  # fmt: skip
        assert [e["response"]["status"][:3] for e in reply.json["entry"]] == ["204", "304", "412"]
        assert fhir("POST", "", self.bundle(self.entry("DELETE", "Patient?identifier=T-5"))).status == 200
        assert fhir("GET", f"/Patient/{id_}").status == 410

    def test_batch_entries_fail_alone(self, fhir: Caller) -> None:
        reply = fhir("POST", "", self.bundle(
            self.entry("POST", "Patient", PATIENT), self.entry("GET", "Patient/none"), kind="batch",
        ))  # fmt: skip
        assert [e["response"]["status"][:3] for e in reply.json["entry"]] == ["201", "404"]
        assert reply.json["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found"

    def test_thousand_entries_load_and_come_back_equal(self, fhir: Caller) -> None:
        sent = [{**PATIENT, "id": f"p{n}", "name": [{"family": f"王{n}", "given": ["Ñandú 🦙"]}]} for n in range(1000)]
        reply = fhir("POST", "", self.bundle(*(self.entry("PUT", f"Patient/{p['id']}", p) for p in sent)))
        assert reply.status == 200
        back = fhir("GET", "/Patient?_count=1000").json["entry"]
        found = {e["resource"]["id"]: {k: v for k, v in e["resource"].items() if k != "meta"} for e in back}
        assert found == {p["id"]: p for p in sent}

    def test_synthetic_bundle_of_every_type_comes_back_equal(self, fhir: Caller) -> None:
        types = tuple(sorted(t for t, codes in INTERACTIONS.items() if "create" in codes))
        sent = valid(Random(5), types, 1000, ("p1", "p2", "x"))
        entries = [self.entry("PUT", f"{r['resourceType']}/{r['id']}", r) for r in sent]
        body = text.dumps(self.bundle(*entries))
        assert fhir("POST", "", body).status == 200
        back = text.loads(fhir("GET", "?_count=1000").raw)["entry"]
        found = {(e["resource"]["resourceType"], e["resource"]["id"]): bare(e["resource"]) for e in back}
        assert found == {(r["resourceType"], r["id"]): bare(r) for r in sent}
        assert {r["resourceType"] for r in sent} == set(types)


def bare(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource without what the server adds."""
    return {k: v for k, v in resource.items() if k != "meta"}


class TestCapability:
    """CapabilityStatement: from the table that routes."""

    def test_it_is_valid_and_says_what_routes_do(self, fhir: Caller) -> None:
        statement = fhir("GET", "/metadata").json
        assert (find_issues(statement), official_faults(statement)) == ([], [])
        for resource in statement["rest"][0]["resource"]:
            codes = {i["code"] for i in resource["interaction"]}
            status = fhir("POST", f"/{resource['type']}", {"resourceType": resource["type"], "foo": 1}).status
            assert (status == 422) == ("create" in codes), resource["type"]

    def test_every_search_parameter_of_the_statement_works(self, fhir: Caller) -> None:
        values = {"token": "a|b", "reference": "Patient/1", "date": "ge2020-01-01", "string": "x", "uri": "u:x",
                  "quantity": "1||mg", "number": "1", "composite": "a|b$1"}  # fmt: skip
        entries = []
        for resource in fhir("GET", "/metadata").json["rest"][0]["resource"]:
            for parameter in resource["searchParam"]:
                value = values[parameter["type"]]
                if parameter["name"].endswith("-value-date"):
                    value = "a$2020"
                url = f"{resource['type']}?{parameter['name']}={value}".replace("|", "%7C")
                entries.append({"request": {"method": "GET", "url": url}})
        reply = fhir("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        answers = zip(entries, reply.json["entry"], strict=True)
        wrong = [(e["request"]["url"], a) for e, a in answers if a["response"]["status"] != "200 OK"]
        assert wrong == []
        assert len(entries) > 600
