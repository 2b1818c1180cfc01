"""
HL7's own R4 examples (hl7.fhir.r4.examples 4.0.1, CC0) through the whole API: each is taken, kept, found and exported.

A part of them in each run; `TELECONSULT_TEST_EXAMPLES=all` for all, or a file that tests/tools/build_fhir_examples.py
made of other documents. records/fhir/README.md "Other people's records" tells the figures.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from records.fhir import text
from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, Hospital, Reply, hospital

Json = dict[str, Any]
DATA = Path(__file__).parent / "data" / "r4_examples.json.gz"
WANTED = os.environ.get("TELECONSULT_TEST_EXAMPLES", "")
# Examples that R4 itself forbids: what is wrong stands at this path.
INVALID = {
    "MedicationRequest/medrx0301": "MedicationRequest.dispenseRequest.performer.reference",  # Organization only
    "Observation/clinical-gender": "Observation.performer[0].reference",  # an Encounter performs nothing
    "Questionnaire/qs1": "Questionnaire.item[0].item[0].linkId",  # 1..1
}
# Each of these once broke something.
ALWAYS = ("Observation/decimal", "QuestionnaireResponse/gcs", "ServiceRequest/lipid", "Patient/example",
    "ServiceRequest/physical-therapy", "Bundle/father", *INVALID)  # fmt: skip
AT_ONCE = 6
PIECE = 100


@dataclass(frozen=True)
class Example:
    """One document and what must find it."""

    raw: bytes
    resource: Json
    searches: Sequence[tuple[str, str]]

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def path(self) -> str:
        return f"{self.type}/{self.resource['id']}"


def examples() -> list[Example]:
    rows = json.loads(gzip.decompress((DATA if WANTED in ("", "all") else Path(WANTED)).read_bytes()))
    found = [Example(raw.encode(), text.loads(raw), searches) for raw, searches in rows]
    return found if WANTED else [e for n, e in enumerate(found) if n % 9 == 0 or e.path in ALWAYS]


EXAMPLES = examples()
VALID = [e for e in EXAMPLES if e.path not in INVALID]
# Consents among them hide the others' patients from us, as they should; so they come last.
CONSENTS = [e for e in VALID if b'"Consent"' in e.raw]
RECORDS = [e for e in VALID if e not in CONSENTS]


@pytest.fixture(scope="module")
def server(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("examples")) as running:
            yield running


@pytest.fixture(scope="module")
def fhir(server: Hospital) -> Caller:
    """The API with all records but the Consents in it."""
    caller = Caller(server, server.token("system/*.cruds"))
    refused = [(e.path, r.raw[:300]) for e, r in zip(RECORDS, kept(caller, RECORDS), strict=True) if r.status != 201]
    assert refused == []
    return caller


def kept(caller: Caller, wanted: Sequence[Example]) -> list[Reply]:
    return all_of(caller, [("PUT", f"/{e.path}", e.raw, {}) for e in wanted])


def all_of(caller: Caller, requests: Sequence[tuple[str, str, Any, dict[str, str]]]) -> list[Reply]:
    """Send a few at a time."""
    pieces = [requests[n : n + AT_ONCE] for n in range(0, len(requests), AT_ONCE)]
    return [reply for piece in pieces for reply in caller.together(piece)]


def plain(resource: Json) -> Json:
    """Give a resource as what must be equal: decimals with their digits, without what the server writes."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    exact = json.loads(json.dumps({**resource, "meta": meta}, default=lambda number: f"decimal {number}"))
    return dict(exact)


class TestTaken:
    """What R4 allows is accepted, what it forbids is refused with its path."""

    def test_validate_finds_nothing(self, fhir: Caller) -> None:
        replies = all_of(fhir, [("POST", f"/{e.type}/$validate", e.raw, {}) for e in VALID])
        findings = [
            (e.path, i)
            for e, r in zip(VALID, replies, strict=True)
            for i in r.json["issue"]
            if i["severity"] in ("error", "fatal")
        ]
        assert findings == []

    @pytest.mark.parametrize("path", [path for path in INVALID if path in {e.path for e in EXAMPLES}])
    def test_what_is_invalid_is_told(self, fhir: Caller, path: str) -> None:
        (example,) = [e for e in EXAMPLES if e.path == path]
        reply = fhir("PUT", f"/{path}", example.raw)
        assert reply.status == 422
        assert INVALID[path] in [p for i in reply.json["issue"] for p in i["expression"]]

    def test_each_is_read_back_equal(self, fhir: Caller) -> None:
        as_resource = {"Accept": "application/fhir+json"}  # a Binary comes as its bytes otherwise
        replies = all_of(fhir, [("GET", f"/{e.path}", None, as_resource) for e in RECORDS])
        differing = [
            e.path for e, r in zip(RECORDS, replies, strict=True) if plain(text.loads(r.raw)) != plain(e.resource)
        ]
        assert differing == []

    def test_each_is_created_in_a_transaction(self, fhir: Caller) -> None:
        entries = [
            {"fullUrl": f"urn:uuid:{n:08x}-0000-4000-8000-000000000000", "request": {"method": "POST", "url": e.type},
             "resource": {k: v for k, v in e.resource.items() if k != "id"}}
            for n, e in enumerate(RECORDS)
        ]  # fmt: skip
        for start in range(0, len(entries), PIECE):
            body = {"resourceType": "Bundle", "type": "transaction", "entry": entries[start : start + PIECE]}
            reply = fhir("POST", "", text.dumps(body))
            assert reply.status == 200, reply.raw[:500]


class TestFound:
    """Each is found by each value of each search parameter that HL7's expressions find in it."""

    def test_by_each_parameter(self, fhir: Caller) -> None:
        asked = [(e, name, value) for e in RECORDS for name, value in e.searches if name != "_id"]
        strict = {"Prefer": "handling=strict"}
        replies = all_of(fhir, [
            ("GET", f"/{e.type}?_id={e.resource['id']}&{name}={quote(value, safe='')}", None, strict)
            for e, name, value in asked
        ])  # fmt: skip
        missed = [
            (e.path, name, value, reply.status)
            for (e, name, value), reply in zip(asked, replies, strict=True)
            if reply.status != 200 or reply.ids != [e.resource["id"]]
        ]
        assert missed == []

    def test_everything_of_each_patient(self, fhir: Caller) -> None:
        for example in RECORDS:
            if example.type == "Patient":
                reply = fhir("GET", f"/{example.path}/$everything?_count=1000")
                assert reply.status == 200
                assert example.resource["id"] in reply.ids

    def test_consents_are_kept_and_found(self, fhir: Caller) -> None:
        assert [r.status for r in kept(fhir, CONSENTS)] == [201] * len(CONSENTS)
        for example in CONSENTS:
            assert plain(text.loads(fhir("GET", f"/{example.path}").raw)) == plain(example.resource)
            for name, value in example.searches:
                query = f"_id={example.resource['id']}&{name}={quote(value, safe='')}"
                assert fhir("GET", f"/{example.type}?{query}").ids == [example.resource["id"]], (example.path, name)
