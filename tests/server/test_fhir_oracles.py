"""
Hostile questions of limited clients: no answer, status or effect tells whether strangers exist (records.md §4).

As test_fhir_leaks.py, but for two kinds of limit (granular scopes; Consents that deny), for longer questions, for every
way to ask (GET, POST _search, batches, pages, histories, $everything), and for writes whose criteria may be an oracle.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, Reply, hospital
from tests.records.fhir.test_consent_rules import ORG, consent, deny
from tests.server.test_fhir_leaks import SCOPES, of_patient

Json = dict[str, Any]
EXAMPLES = int(os.environ.get("TELECONSULT_TEST_LEAKS", "40"))  # README tells of a longer run
SEEN = ("Patient", "Encounter", "Observation")
STRANGERS = ("other", "third", "fourth")
MAX_PAGES = 4


@dataclass
class Worlds:
    """One limited client in a database with strangers and in one without."""

    crowded: Caller
    alone: Caller


@contextmanager
def world(
    cluster: Cluster, template: str, folders: pytest.TempPathFactory, strangers: tuple[str, ...]
) -> Iterator[Any]:
    for name in _database(cluster, template):
        with hospital(cluster.login(name), folders.mktemp("oracle")) as server:
            writer = Caller(server, server.token("system/*.cruds"))
            resources: list[Json] = [{"resourceType": "Organization", "id": "o", "name": "same"}]
            resources += [r for id_ in (*strangers[:1], "own", *strangers[1:]) for r in of_patient(id_, mark(id_))]
            for resource in resources:
                assert writer("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status == 201
            if strangers:
                assert writer("DELETE", "/Observation/f-third").status == 204
            for id_ in strangers:
                hides = consent(deny(actor=[ORG]), category=[{"text": "x"}], policy=[{"uri": "urn:policy"}])
                body = {**hides, "id": f"c-{id_}", "patient": {"reference": f"Patient/{id_}"}}
                assert writer("PUT", f"/Consent/c-{id_}", body).status == 201
            yield server


def mark(id_: str) -> str:
    return "mine" if id_ == "own" else f"secret{id_}"


@pytest.fixture(scope="module")
def granular(servers: tuple[Any, Any]) -> Worlds:
    return Worlds(*(Caller(s, s.token(*SCOPES)) for s in servers))


@pytest.fixture(scope="module")
def denied(servers: tuple[Any, Any]) -> Worlds:
    """A client that sees whole types, but for the patients whose Consent denies its organisation."""
    scopes = [f"system/{type_}.cruds" for type_ in SEEN]
    return Worlds(*(Caller(s, s.token(*scopes, organization="Organization/o1")) for s in servers))


@pytest.fixture(scope="module")
def servers(
    cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    with ExitStack() as stack:
        crowded = stack.enter_context(world(cluster, migrated_template, tmp_path_factory, STRANGERS))
        alone = stack.enter_context(world(cluster, migrated_template, tmp_path_factory, ()))
        yield crowded, alone


# --- questions --------------------------------------------------------------------------------------------------------

IDS = ["own", "other", "third", "e-own", "e-other", "o-own", "o-other", "f-other", "f-third", "c-other", "none"]
WILD = [*IDS, "Patient/other/_history/1", "http://elsewhere/fhir/Patient/other", "\\,\\|\\$", "secretother", "7"]
CODES = ["_id", "_lastUpdated", "_tag", "_security", "_source", "identifier", "name", "birthdate", "organization",
    "link", "general-practitioner", "patient", "focus", "has-member", "derived-from", "code", "combo-code", "date",
    "class", "value-quantity", "length", "combo-code-value-quantity", "part-of", "location", "performer"]  # fmt: skip
MODIFIERS = [":missing", ":not", ":exact", ":text", ":identifier", ":of-type", ":Patient", ":Observation", ":contains"]
# Parameters with values that they understand; most questions are made of these, or all would be refused.
FITTING = [
    (("patient", "subject", "focus", "subject:Patient"), ("own", "other", "Patient/other", "own,third")),
    (("has-member", "encounter"), ("o-other", "o-own", "Observation/o-other", "Encounter/e-other", "e-own")),
    (("code", "code:not", "combo-code", "code:text"), ("secretother", "mine", "secretother,mine", "urn:c|secretother")),
    (("identifier", "identifier:not"), ("urn:his|secretother", "secretother", "mine", "urn:his|")),
    (("identifier:of-type",), ("urn:k|PPN|secretother", "urn:k|PPN|mine")),
    (("name", "family", "given", "family:exact"), ("secretother", "mine", "same", "s")),
    (("status", "status:not", "class"), ("final", "finished", "VR", "cancelled")),
    (("date", "birthdate", "_lastUpdated"), ("2024-01-01", "ge1970", "ne1980", "1980-01-01", "lt2099", "sa2024-01")),
    (("value-quantity",), ("7", "gt1", "ne7", "le8", "ap7")),
    (("code-value-quantity",), ("secretother$7", "mine$gt1")),
    (("_id", "_id:not"), ("own", "other", "o-other,o-own", "e-other,f-other", "third")),
    (("deceased", "gender:missing", "name:missing", "code:missing", "patient:missing", "focus:missing",
      "encounter:missing", "has-member:missing", "identifier:missing"), ("true", "false")),
]  # fmt: skip
REFERENCES = ["patient", "subject", "focus", "has-member", "encounter", "subject:Patient", "organization", "link"]
PREFIXES = ["", "", "", "patient.", "subject:Patient.", "encounter.", "encounter.patient.", "focus:Patient.",
    "has-member.", "has-member.patient.", "has-member.encounter.patient.", "_has:Observation:patient:",
    "_has:Observation:focus:", "_has:Observation:has-member:", "_has:Observation:encounter:", "_has:Encounter:patient:",
    "_has:Encounter:patient:_has:Observation:encounter:", "_has:Observation:patient:encounter.patient.",
    "_has:Observation:has-member:_has:Observation:has-member:", "patient._has:Observation:focus:",
    "_has:Observation:patient:has-member.", "encounter._has:Observation:encounter:focus:Patient."]  # fmt: skip
SORTS = ["date", "-date", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "value-quantity", "-value-quantity",
    "date,-_id", "family", "code"]  # fmt: skip
SHAPES = ["_count=1", "_count=0", "_count=2", "_total=accurate", "_total=estimate", "_summary=count", "_summary=true",
    "_summary=text", "_elements=subject", "_elements=code,status", "_type=Patient,Observation"]  # fmt: skip


def links(name: str) -> st.SearchStrategy[str]:
    includes = ["*", "*:*", "Observation:*", "Observation:focus", "Observation:has-member", "Observation:patient",
        "Observation:encounter", "Observation:subject:Patient", "Encounter:patient", "Patient:organization",
        "Patient:link", "Observation:derived-from"]  # fmt: skip
    how = st.sampled_from([name, f"{name}:iterate", f"{name}:recurse"])
    return st.tuples(how, st.sampled_from(includes)).map("=".join)


def asking(name: str, value: str) -> str:
    return f"{quote(name, safe=':')}={quote(value, safe='/,:$')}"


LINKED = st.lists(st.sampled_from(REFERENCES), max_size=3).map(lambda names: "".join(f"{n}." for n in names))
ODD_NAME = st.tuples(LINKED, st.sampled_from(CODES), st.sampled_from(["", *MODIFIERS])).map("".join)
ODD = st.tuples(ODD_NAME, st.sampled_from(WILD)).map(lambda p: asking(*p))
USUAL = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(FITTING)).flatmap(
    lambda p: st.tuples(st.sampled_from(p[1][0]).map(lambda name: p[0] + name), st.sampled_from(p[1][1]))
).map(lambda p: asking(*p))  # fmt: skip
FILTER = st.one_of(USUAL, USUAL, USUAL, USUAL, USUAL, ODD)
EXTRA = st.one_of(
    links("_include"), links("_revinclude"), st.sampled_from(SORTS).map("_sort={}".format), st.sampled_from(SHAPES)
)
QUERY = st.tuples(st.lists(FILTER, max_size=2), st.lists(EXTRA, max_size=2)).map(lambda p: "&".join([*p[0], *p[1]]))
OWNERS = ["Patient/own", "Patient/other", "Encounter/e-own", "Encounter/e-other"]
TYPE = st.sampled_from([*SEEN, *SEEN, "Organization", "AuditEvent", "Consent"])
PLACE = st.one_of(
    TYPE.map("/{}".format),
    TYPE.map("/{}".format),
    st.sampled_from(["", *(f"/{owner}/*" for owner in OWNERS)]),
    st.tuples(st.sampled_from(OWNERS), st.sampled_from(SEEN)).map(lambda p: f"/{p[0]}/{p[1]}"),
)
HISTORY = st.tuples(
    st.sampled_from(["", *(f"/{t}" for t in SEEN), *(f"/Observation/{i}" for i in ("o-other", "f-third", "f-own"))]),
    st.sampled_from(
        ["", "_count=1", "_count=0", "_since=2020", "_since=2099", "_at=2099", "_at=2020", "_count=1&_sort=x"]
    ),
).map(lambda p: f"{p[0]}/_history?{p[1]}")
EVERYTHING = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(["", "_count=1", "_type=Observation", "_since=2020", "_count=2&_type=Observation"]),
).map(lambda p: f"/Patient/{p[0]}/$everything?{p[1]}")
READ = st.tuples(TYPE, st.sampled_from(IDS), st.sampled_from(["", "/_history/1", "/_history/2", "/_history"])).map(
    lambda p: f"/{p[0]}/{p[1]}{p[2]}"
)
SEARCH = st.tuples(PLACE, QUERY).map("?".join)


@dataclass(frozen=True)
class Question:
    """One request."""

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


def posted(url: str) -> Question:
    path, _, query = url.partition("?")
    return Question("POST", f"{path}/_search", query.encode(), (("Content_Type", "application/x-www-form-urlencoded"),))


def batched(urls: list[str], kind: str = "batch") -> Question:
    entries = [{"request": {"method": "GET", "url": u.lstrip("/")}} for u in urls if u.lstrip("/")]
    return Question("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})


ASKED = st.one_of(
    st.one_of(SEARCH, SEARCH, HISTORY, EVERYTHING, READ).map(lambda u: Question("GET", u)),
    SEARCH.map(posted),
    st.lists(st.one_of(SEARCH, READ), min_size=1, max_size=3).map(batched),
    st.lists(st.one_of(SEARCH, READ), min_size=1, max_size=2).map(lambda u: batched(u, "transaction")),
)
# Criteria of writes: at most strangers match what may be changed, and what is sent is refused for one's own.
WRITTEN = st.tuples(st.sampled_from(SEEN), st.lists(FILTER, min_size=1, max_size=2).map("&".join))
OWNED = WRITTEN.filter(lambda p: p[0] != "Patient")  # a Patient belongs to itself: the update would be allowed
UNCHANGED = [{"op": "test", "path": "/resourceType", "value": "none"}]


def patched(p: tuple[str, str]) -> Question:
    return Question("PATCH", f"/{p[0]}?{p[1]}", UNCHANGED, (("Content_Type", "application/json-patch+json"),))


def deleted(p: tuple[str, str]) -> Question:
    return Question("DELETE", f"/{p[0]}?{p[1]}&_id=other,e-other,o-other,f-other,none")


def refused(p: tuple[str, str]) -> Question:
    """An update whose body would belong to a stranger."""
    return Question("PUT", f"/{p[0]}?{p[1]}", stranger(p[0]))


def created(p: tuple[str, str]) -> Question:
    return Question("POST", f"/{p[0]}", stranger(p[0]), (("If_None_Exist", p[1]),))


def entered(p: tuple[str, str]) -> Question:
    request = {"method": "DELETE", "url": f"{p[0]}?{p[1]}&_id=other,e-other,o-other,f-other,none"}
    return Question("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": request}]})


def stranger(type_: str) -> Json:
    body = next(r for r in of_patient("fifth", "x") if r["resourceType"] == type_)
    return {k: v for k, v in body.items() if k != "id"}


HARMLESS = st.one_of(WRITTEN.map(patched), WRITTEN.map(deleted), WRITTEN.map(entered))
WRITES = st.one_of(HARMLESS, OWNED.map(refused), OWNED.map(created))


def asked(caller: Caller, question: Question) -> list[tuple[int, str]]:
    """Give the answer and its following pages, without what differs between two servers."""
    reply = caller(question.method, question.path, question.body, **dict(question.headers))
    found = [normalised(caller, reply)]
    while len(found) < MAX_PAGES and (url := following(reply)):
        reply = caller("GET", url)
        found.append(normalised(caller, reply))
    return found


def following(reply: Reply) -> str:
    links = reply.json.get("link", []) if reply.status == 200 and reply.raw else []
    return next((str(each["url"]) for each in links if each["relation"] == "next"), "")


def normalised(caller: Caller, reply: Reply) -> tuple[int, str]:
    text = reply.raw.decode().replace(caller.server.base, "BASE") + reply.headers.get("ETag", "")
    text = re.sub(r'"(lastUpdated|lastModified)":"[^"]*"', "", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
    return reply.status, re.sub(r"_page=[\w-]+", "_page=TOKEN", text)


def said(answers: list[tuple[int, str]]) -> str:
    """Give what the answers say but for addresses: the client's own question may name a stranger."""
    return "".join(re.sub(r'"(url|fullUrl)":"[^"]*"', "", text) for _, text in answers)


def same(worlds: Worlds, question: Question) -> None:
    crowded = asked(worlds.crowded, question)
    assert crowded == asked(worlds.alone, question)
    assert "secret" not in said(crowded)


LONG = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class TestGranularScopes:
    """Whatever a client asks whose scopes end at one patient."""

    @LONG
    @given(ASKED)
    def test_strangers_change_no_answer(self, granular: Worlds, question: Question) -> None:
        same(granular, question)

    @LONG
    @given(WRITES)
    def test_criteria_of_writes_are_no_oracle(self, granular: Worlds, question: Question) -> None:
        same(granular, question)


class TestConsents:
    """Whatever a client asks to whom the strangers' Consents deny everything."""

    @LONG
    @given(ASKED)
    def test_strangers_change_no_answer(self, denied: Worlds, question: Question) -> None:
        same(denied, question)

    @LONG
    @given(HARMLESS)
    def test_criteria_of_writes_are_no_oracle(self, denied: Worlds, question: Question) -> None:
        same(denied, question)


class TestNothingIsLost:
    """After all questions the strangers are as they were."""

    def test_they_stand(self, servers: tuple[Any, Any]) -> None:
        writer = Caller(servers[0], servers[0].token("system/*.rs"))
        for id_ in STRANGERS:
            for resource in of_patient(id_, mark(id_)):
                status = 410 if resource["id"] == "f-third" else 200
                reply = writer("GET", f"/{resource['resourceType']}/{resource['id']}")
                assert (reply.status, reply.headers["ETag"]) == (status, 'W/"2"' if status == 410 else 'W/"1"')
