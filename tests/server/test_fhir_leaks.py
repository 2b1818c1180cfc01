"""
No byte of another patient leaves (records.md §4): a client limited to one patient gets the same answers whether the
others exist or not. Differential: two databases, one with strangers and one without, the same requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital

SCOPES = (
    "system/Patient.cruds?_id=own",
    "system/Encounter.cruds?patient=own",
    "system/Observation.cruds?patient=own",
)


def of_patient(id_: str, mark: str) -> list[dict[str, Any]]:
    """A patient with an encounter and two observations; `mark` stands in all that is theirs."""
    subject = {"reference": f"Patient/{id_}", "display": mark}
    code = {"coding": [{"system": "urn:c", "code": mark}], "text": mark}
    base = {"resourceType": "Observation", "status": "final", "code": code, "subject": subject}
    return [
        {"resourceType": "Patient", "id": id_, "name": [{"family": mark, "given": ["same"]}], "birthDate": "1980-01-01",
         "identifier": [{"type": {"coding": [{"system": "urn:k", "code": "PPN"}]}, "system": "urn:his", "value": mark}],
         "managingOrganization": {"reference": "Organization/o"}},
        {"resourceType": "Encounter", "id": f"e-{id_}", "status": "finished", "class": {"code": "VR"},
         "subject": subject,
         "period": {"start": "2024-01-01", "end": "2024-01-02"}},
        {**base, "id": f"o-{id_}", "encounter": {"reference": f"Encounter/e-{id_}"}, "effectiveDateTime": "2024-01-01",
         "valueQuantity": {"value": 7}},
        {**base, "id": f"f-{id_}", "focus": [{"reference": "Patient/own"}, {"reference": "Patient/other"}],
         "hasMember": [{"reference": "Observation/o-other"}, {"reference": "Observation/o-own"}]},
    ]  # fmt: skip


@dataclass
class Two:
    """The same limited client in a database with strangers and in one without."""

    crowded: Caller
    alone: Caller


@pytest.fixture(scope="module")
def two(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with ExitStack() as stack:
        crowded = stack.enter_context(_server(cluster, migrated_template, tmp_path_factory, has_strangers=True))
        alone = stack.enter_context(_server(cluster, migrated_template, tmp_path_factory, has_strangers=False))
        yield Two(crowded, alone)


class _server:
    """One server with its database; a context manager, so that two can be open."""

    def __init__(self, cluster: Cluster, template: str, folders: pytest.TempPathFactory, has_strangers: bool) -> None:
        self.databases = _database(cluster, template)
        self.url = cluster.login(next(self.databases))
        self.running = hospital(self.url, folders.mktemp("leak"))
        self.has_strangers = has_strangers

    def __enter__(self) -> Caller:
        server = self.running.__enter__()
        writer = Caller(server, server.token("system/*.cruds"))
        resources = of_patient("own", "mine")
        if self.has_strangers:
            # The stranger's first resources were written before, so that row numbers differ as well.
            resources = [*of_patient("other", "secret"), *resources, *of_patient("third", "secret3")]
        for resource in resources:
            assert writer("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status == 201
        if self.has_strangers:
            assert writer("DELETE", "/Observation/f-third").status == 204
        return Caller(server, server.token(*SCOPES))

    def __exit__(self, *error: Any) -> None:
        self.running.__exit__(*error)
        next(self.databases, None)


IDS = st.sampled_from(["own", "other", "third", "e-own", "e-other", "o-own", "o-other", "f-other", "f-third", "none"])
TYPES = st.sampled_from(["Patient", "Encounter", "Observation", "Organization", "AuditEvent"])
VALUES = ["own", "other", "third", "Patient/other", "secret", "mine", "urn:his|secret", "same", "1980-01-01", "ge1970",
     "7", "gt1", "urn:k|PPN|secret", "Patient,Observation",
     "finished", "VR", "Encounter/e-other", "Observation/o-other", "2024-01-01", "secret,mine",
     "Patient/own,Patient/other"]  # fmt: skip
SIMPLE = st.sampled_from(
    ["_id", "identifier", "name", "family", "birthdate", "patient", "subject", "focus", "has-member", "encounter",
     "code",
     "status", "status:not", "code:not", "code:text", "date", "value-quantity", "class", "_lastUpdated", "code:missing",
     "identifier:of-type", "_tag", "_type", "patient:Patient",
     "organization", "subject:identifier", "code-value-quantity"]
)  # fmt: skip
CHAINS = ["patient.name", "patient.identifier", "subject:Patient._id", "encounter.patient", "encounter.patient.name",
     "focus:Patient.name", "has-member.code", "has-member.patient.name", "organization.name",
     "_has:Observation:patient:code", "_has:Observation:focus:code", "_has:Observation:has-member:code",
     "_has:Encounter:patient:status", "_has:Encounter:patient:_has:Observation:encounter:code",
     "_has:Observation:patient:patient.name", "_has:Patient:organization:name"]  # fmt: skip
RESULT = ["_include=*", "_include=Observation:focus", "_include=Observation:has-member", "_include=Observation:patient",
     "_include:iterate=Observation:has-member", "_revinclude=Observation:focus", "_revinclude=Observation:patient",
     "_revinclude=Observation:has-member", "_revinclude:iterate=Observation:encounter", "_include=Patient:organization",
     "_sort=date", "_sort=-date", "_sort=_id", "_sort=-value-quantity", "_count=1", "_count=0", "_total=accurate",
     "_summary=count", "_summary=true", "_elements=subject"]  # fmt: skip
FILTERS = st.lists(
    st.tuples(st.one_of(SIMPLE, st.sampled_from(CHAINS)), st.sampled_from(VALUES)).map(
        lambda pair: f"{pair[0]}={quote(pair[1], safe='/,:$')}"
    ),
    max_size=3,
)
QUERIES = st.tuples(FILTERS, st.lists(st.sampled_from(RESULT), max_size=3)).map(
    lambda parts: "&".join([*parts[0], *parts[1]])
)
PATHS = st.one_of(
    st.sampled_from(["", "/Patient/own/*", "/Patient/other/*", "/Encounter/e-own/*", "/Encounter/e-other/*"]),
    TYPES.map(lambda t: f"/{t}"),
    st.tuples(st.sampled_from(["Patient/own", "Patient/other", "Encounter/e-own", "Encounter/e-other"]), TYPES).map(
        lambda p: f"/{p[0]}/{p[1]}"
    ),
)
SEARCHES = st.tuples(PATHS, QUERIES).map("?".join)
READS = st.tuples(TYPES, IDS, st.sampled_from(["", "/_history", "/_history/1", "/_history/2", "/$everything"])).map(
    lambda p: f"/{p[0]}/{p[1]}{p[2]}"
)
HISTORIES = st.tuples(
    st.sampled_from(["", "/Patient", "/Observation", "/Patient/own", "/Patient/other", "/Observation/f-third"]),
    st.sampled_from(["", "?_count=1", "?_count=0", "?_since=2020", "?_at=2099", "?_since=2099"]),
).map(lambda p: f"{p[0]}/_history{p[1]}")


def normalised(caller: Caller, url: str) -> tuple[int, str]:
    """An answer without what differs between two servers: addresses, times, sealed page tokens."""
    reply = caller("GET", url)
    text = reply.raw.decode().replace(caller.server.base, "BASE")
    text = re.sub(r'"(lastUpdated|lastModified)":"[^"]*"', "", text)
    return reply.status, re.sub(r"_page=[\w-]+", "_page=TOKEN", text)


class TestNothingLeaks:
    """Issue 5: a property test over generated search URLs."""

    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.one_of(SEARCHES, SEARCHES, READS, HISTORIES))
    def test_strangers_change_no_answer(self, two: Two, url: str) -> None:
        crowded = normalised(two.crowded, url)
        assert crowded == normalised(two.alone, url)
        assert "secret" not in re.sub(r'"url":"[^"]*"', "", crowded[1])  # the client's own question may say it

    @pytest.mark.parametrize("type_", ["Patient", "Encounter", "Observation"])
    def test_no_chain_asks_about_strangers(self, two: Two, type_: str) -> None:
        """Every chain with every value: each is an oracle if its target's visibility is forgotten (HAPI #6065)."""
        for url in [f"/{type_}?{chain}={quote(value, safe='/,:$')}" for chain in CHAINS for value in VALUES]:
            assert normalised(two.crowded, url) == normalised(two.alone, url), url

    @pytest.mark.parametrize("type_", ["Patient", "Encounter", "Observation"])
    def test_no_include_brings_strangers(self, two: Two, type_: str) -> None:
        for first in RESULT:
            for second in RESULT:
                url = f"/{type_}?{first}&{second}"
                assert normalised(two.crowded, url) == normalised(two.alone, url), url

    @pytest.mark.parametrize(
        ("url", "ids"),
        [("/Observation?_count=1", "o-own f-own"), ("?_count=1", "own e-own o-own f-own"),
         ("?_count=1&_type=Observation&_sort=-_id", "o-own f-own"),
         ("/Patient/own/*?_count=1", "own e-own o-own f-own"),
         ("/_history?_count=1", "f-own o-own e-own own"), ("/Observation/_history?_count=1", "f-own o-own")],
    )  # fmt: skip
    def test_pages_end_where_the_patient_ends(self, two: Two, url: str, ids: str) -> None:
        found = []
        while url:
            page = two.crowded("GET", url)
            found += page.ids
            url = next((link["url"] for link in page.json["link"] if link["relation"] == "next"), "")
        assert " ".join(found) == ids

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/Observation/o-other", of_patient("own", "x")[2] | {"id": "o-other"}),
            ("PUT", "/Observation/new", of_patient("other", "x")[2] | {"id": "new"}),
            ("POST", "/Observation", of_patient("other", "x")[2]),
            ("PUT", "/Observation/o-own", of_patient("other", "x")[2] | {"id": "o-own"}),
            ("DELETE", "/Observation/o-other", None),
            ("PATCH", "/Observation/o-other", {"status": "amended"}),
            ("PUT", "/Patient/stranger", {"resourceType": "Patient", "id": "stranger"}),
        ],
    )
    def test_strangers_are_not_written(self, two: Two, method: str, path: str, body: Any) -> None:
        assert two.crowded(method, path, body).status in (403, 404, 422)
        assert normalised(two.crowded, "/Observation?_total=accurate") == normalised(
            two.alone, "/Observation?_total=accurate"
        )
