"""records/fhir/README.md "Consent": codes, security labels and periods of the data, decided inside every query."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.fhir.coded import CONFIDENTIALITY
from records.store.rotation import Rotation
from tests.conftest import Cluster, _database
from tests.fakes.hospital import SYSTEM, Caller, Hospital, hospital
from tests.records.fhir.test_consent_rules import consent, deny, permit

RANKS = "ULMNRV"
EXAMPLES = int(os.environ.get("TELECONSULT_TEST_CONSENTS", "4"))  # 30 requests each; README tells of a longer run
FACTS = {"hiv": ("R", 2024), "flu": ("N", 2023), "cut": ("L", 2022)}  # code of a resource and its id: label, year


def observation(id_: str, code: str = "", label: str = "", year: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"text": f"secret-{id_}"},
    }  # fmt: skip
    if code:  # deep inside, where no search parameter looks
        found["component"] = [{"code": {"text": "x"}, "valueCodeableConcept": {"coding": [coding(code)]}}]
    if label:
        found["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": label}]}
    return found | ({"effectiveDateTime": f"{year}-06-01"} if year else {})


def coding(code: str) -> dict[str, str]:
    return {"system": "urn:c", "code": code}


def code(*names: str) -> dict[str, Any]:
    return {"code": [{"coding": [coding(name)]} for name in names]}


def label(name: str) -> dict[str, Any]:
    return {"securityLabel": [{"system": CONFIDENTIALITY, "code": name}]}


def years(first: int, last: int) -> dict[str, Any]:
    return {"dataPeriod": {"start": str(first), "end": str(last)}}


RESOURCES = [{"resourceType": "Patient", "id": "p", "name": [{"family": "secret-p"}]},
             *(observation(name, name, *facts) for name, facts in FACTS.items()), observation("bare")]  # fmt: skip
ALL = "bare cut flu hiv p"


@pytest.fixture(scope="module")
def server(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("codes")) as running:
            writer = Caller(running, running.token("system/*.cruds"))
            for resource in RESOURCES:
                assert writer("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status == 201
            yield running


@pytest.fixture(scope="module")
def reader(server: Hospital) -> Caller:
    return Caller(server, server.token("system/*.cruds"))


def agree(caller: Caller, provision: dict[str, Any]) -> None:
    body = {**consent(provision), "id": "c", "patient": {"reference": "Patient/p"}, "category": [{"text": "x"}]}
    assert caller("PUT", "/Consent/c", body | {"policy": [{"uri": "urn:policy"}]}).status in (200, 201)


PATHS = (
    "?_type=Patient,Observation", "/Observation", "/Observation?_total=accurate", "/Observation?code:text=secret",
    "/Patient?_revinclude=*", "/Patient?_has:Observation:patient:code:text=secret", "/Observation?_include=*",
    "/Observation/_history", "/Patient/_history", "/Patient/p/Observation", "/Patient/p/$everything",
    "/Observation?patient.name=secret", *(f"/Observation/{i}" for i in (*FACTS, "bare")),
    *(f"/Observation/{i}/_history/1" for i in (*FACTS, "bare")), "/Patient/p", "/Patient/p/_history",
)  # fmt: skip


def shown(caller: Caller) -> str:
    """Ids of what is found; whatever address is asked, no byte of the others leaves."""
    ids = set(caller("GET", "?_type=Patient,Observation").ids)
    for path in PATHS:
        raw = caller("GET", path).raw.decode()
        assert {i for i in ALL.split() if f"secret-{i}" in raw} <= ids, path
    assert caller("GET", "/Observation?_count=0").json["total"] == len(ids - {"p"})
    history = caller("GET", "/Observation/_history").json.get("entry", [])
    versions = {e["resource"]["id"] for e in history if "resource" in e}  # a test's own resource ends in a deletion
    assert versions - {"was"} == ids - {"p"}
    return " ".join(sorted(ids))


TABLE: list[tuple[str, dict[str, Any], str]] = [
    ("a code", deny(**code("hiv")), "bare cut flu p"),
    ("either of two codes", deny(**code("hiv", "cut")), "bare flu p"),
    ("a code of another system", deny(code=[{"coding": [{"system": "urn:d", "code": "hiv"}]}]), ALL),
    ("a code that is only told in words", deny(code=[{"text": "HIV"}]), ""),
    ("all but one code", deny(provision=[permit(**code("flu"))]), "flu"),
    ("restricted and above", deny(**label("R")), "bare cut flu p"),
    ("low and above", deny(**label("L")), "bare p"),
    ("all but normal and below", deny(provision=[permit(**label("N"))]), "cut flu"),
    ("data of a year, and what has no date", deny(**years(2024, 2024)), "cut flu"),
    ("all but data of two years", deny(provision=[permit(**years(2022, 2023))]), "cut flu"),
    ("an exception in the year", deny(**years(2023, 2024), provision=[permit(**code("hiv"))]), "cut hiv"),
    ("exception of an exception", deny(provision=[permit(**label("N"), provision=[deny(**years(2023, 2023))])]), "cut"),
    ("an exception that needs both", deny(**code("hiv"), provision=[permit(**code("flu"))]), "bare cut flu p"),
]  # fmt: skip


class TestTable:
    """What each kind of restriction hides and shows."""

    @pytest.mark.parametrize(("name", "provision", "ids"), TABLE, ids=[c[0] for c in TABLE])
    def test_decides(self, reader: Caller, name: str, provision: dict[str, Any], ids: str) -> None:
        agree(reader, provision)
        assert shown(reader) == ids

    def test_a_version_that_had_the_code_stays_hidden_with_it(self, reader: Caller) -> None:
        agree(reader, permit())
        reader("PUT", "/Observation/was", observation("was", "hiv", "N", 2020))
        reader("PUT", "/Observation/was", observation("was", "flu", "N", 2020))
        agree(reader, deny(**code("hiv")))
        statuses = [reader("GET", f"/Observation/was{path}").status for path in ("", "/_history", "/_history/1")]
        assert statuses == [200, 404, 404]
        agree(reader, permit())
        assert reader("DELETE", "/Observation/was").status == 204


def restrictions() -> st.SearchStrategy[dict[str, Any]]:
    year = st.sampled_from([2021, 2022, 2023, 2024, 2025])
    period = st.tuples(year, year).map(lambda pair: years(min(pair), max(pair)))
    codes = st.lists(st.sampled_from([*FACTS, "none"]), min_size=1, max_size=2, unique=True).map(lambda n: code(*n))
    one = st.one_of(codes, st.sampled_from(RANKS).map(label), period)
    return st.lists(one, max_size=2).map(lambda parts: {name: value for part in parts for name, value in part.items()})


def provisions(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    kind = st.sampled_from(["deny", "permit"])
    inner = st.lists(provisions(depth - 1), max_size=2) if depth else st.just([])
    return st.builds(
        lambda type_, parts, nested: {"type": type_, **parts, **({"provision": nested} if nested else {})},
        kind, restrictions(), inner,
    )  # fmt: skip


def covers(provision: dict[str, Any], id_: str) -> bool:
    """Whether a provision's own words are about a resource: a second reading of the README, in plain Python."""
    rank, year = FACTS[id_]
    is_about = True
    if "code" in provision:
        is_about &= id_ in [c["coding"][0]["code"] for c in provision["code"]]
    for each in provision.get("securityLabel", []):
        mine, named = RANKS.index(rank), RANKS.index(each["code"])
        is_about &= mine >= named if provision["type"] == "deny" else mine <= named
    if "dataPeriod" in provision:
        is_about &= int(provision["dataPeriod"]["start"]) <= year <= int(provision["dataPeriod"]["end"])
    return is_about


def applicable(provision: dict[str, Any], id_: str, depth: int = 0) -> Iterator[tuple[int, bool]]:
    if covers(provision, id_):
        yield depth, provision["type"] == "permit"
        for nested in provision.get("provision", []):
            yield from applicable(nested, id_, depth + 1)


def is_hidden(provision: dict[str, Any], id_: str) -> bool:
    found = list(applicable(provision, id_))
    deepest_permit = max((depth for depth, is_permit in found if is_permit), default=-1)
    return any(not is_permit and depth >= deepest_permit for depth, is_permit in found)


class TestProperty:
    """Whatever provisions are nested, the queries decide as a plain reading does, and no byte of the rest leaves."""

    @pytest.mark.timeout(600)
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(provision=provisions(2))
    def test_queries_decide_as_a_plain_reading(self, reader: Caller, provision: dict[str, Any]) -> None:
        agree(reader, provision)
        found = set(shown(reader).split())
        assert found & set(FACTS) == {i for i in FACTS if not is_hidden(provision, i)}


class TestRotation:
    """Rules name codes under index keys: they move with the resources, and are never out of step."""

    def test_rules_hold_before_during_and_after(self, server: Hospital, reader: Caller) -> None:
        agree(reader, deny(**code("hiv")))
        rotation = Rotation(server.database, SYSTEM)

        async def sweep() -> None:
            while (await rotation.sweep_index()).left:
                pass

        server.call(rotation.add("index_key"))
        assert shown(reader) == "bare cut flu p"
        server.call(sweep())
        assert shown(reader) == "bare cut flu p"
