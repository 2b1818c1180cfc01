"""records/fhir/README.md "Consent": patients' Consents, purposes, broken glass and graded places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records.access import Grade
from records.fhir.places import graded
from tests.conftest import Cluster, _database
from tests.fakes.hospital import SYSTEM, Caller, Hospital, HospitalKey, Reply, hospital
from tests.records.fhir.test_consent_rules import ORG, TYPES, deny, permit
from tests.records.fhir.test_consent_rules import consent as consent_of

ADDRESS = {"use": "home", "line": ["7 Hidden Lane"], "district": "Wuchang", "city": "Wuhan", "postalCode": "430000",
    "text": "7 Hidden Lane, Wuchang, Wuhan"}  # fmt: skip
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o1", "name": "A"},
    {"resourceType": "Patient", "id": "p", "name": [{"family": "Li"}], "address": [ADDRESS],
     "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">7 Hidden Lane</div>'},
     "contact": [{"name": {"text": "x"}, "address": ADDRESS}]},
    {"resourceType": "Patient", "id": "other"},
    {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "VR"},
     "subject": {"reference": "Patient/p"}},
    {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e"}},
    {"resourceType": "Observation", "id": "loose", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p"}},
]  # fmt: skip
MINE = "e loose o p"


@pytest.fixture(scope="module")
def running(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("consent")) as server:
            yield server


@pytest.fixture
def server(running: Hospital) -> Hospital:
    """The resources as they stand above, and no Consent."""
    writer = Caller(running, running.token("system/*.cruds"))
    for id_ in ("c", "c1", "c2", "c3"):
        assert writer("DELETE", f"/Consent/{id_}").status == 204
    for resource in RESOURCES:
        assert writer("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status in (200, 201)
    return running


def client(server: Hospital, **identity: str) -> Caller:
    return Caller(server, server.token("system/*.cruds", **identity))


def consents(server: Hospital, provision: dict[str, Any], id_: str = "c", **more: Any) -> None:
    body = {**consent_of(provision, **more), "id": id_, "patient": {"reference": "Patient/p"}}
    body |= {"category": [{"text": "x"}], "policy": [{"uri": "urn:policy"}]}
    assert client(server)("PUT", f"/Consent/{id_}", body).status in (200, 201)


def resources(reply: Reply, type_: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in reply.json["entry"] if e["resource"]["resourceType"] == type_]


def sees(caller: Caller) -> str:
    """Ids of what the client finds of the patient, by search, read, everything and history alike."""
    found = {i for i in caller("GET", "?_type=Patient,Encounter,Observation").ids if i != "other"}
    places = {"p": "Patient", "e": "Encounter", "o": "Observation", "loose": "Observation"}
    assert {i for i, type_ in places.items() if caller("GET", f"/{type_}/{i}").status == 200} == found
    histories = [caller("GET", f"/{type_}/_history") for type_ in ("Patient", "Encounter", "Observation")]
    assert {i for reply in histories for i in reply.ids if i != "other"} == found
    everything = caller("GET", "/Patient/p/$everything")
    if "p" in found:
        assert {i for i in everything.ids if i[0] not in "cw"} == found
        about = {p["target"][0]["reference"].split("/")[1] for p in resources(everything, "Provenance")}
        assert {i for i in about if not i.startswith("c")} == found
    else:
        assert everything.status == 404
    return " ".join(sorted(found))


TABLE: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("no rule for it", deny(actor=[ORG]), {}, MINE),
    ("deny all", deny(), {}, ""),
    ("deny one type", deny(**{"class": [{"system": TYPES, "code": "Observation"}]}), {}, "e p"),
    ("deny an organisation", deny(actor=[ORG]), {"organization": "Organization/o1"}, ""),
    ("deny another organisation", deny(actor=[ORG]), {"organization": "Organization/o2"}, MINE),
    ("deny all but one organisation", deny(provision=[permit(actor=[ORG])]), {"organization": "Organization/o1"}, MINE),
    ("deny all but another", deny(provision=[permit(actor=[ORG])]), {}, ""),
    ("permit all but one organisation", permit(provision=[deny(actor=[ORG])]), {"organization": "Organization/o1"}, ""),
    ("deny a purpose", deny(purpose=[{"code": "HRESCH"}]), {"purpose": "HRESCH"}, ""),
    ("deny another purpose", deny(purpose=[{"code": "HRESCH"}]), {}, MINE),
    ("a client by its name", deny(actor=[{"role": {"text": "x"}, "reference": {"identifier": {
        "system": "urn:teleconsult:client", "value": "lab"}}}]), {"client_id": "lab"}, ""),
    ("not begun", deny(period={"start": "2099"}), {}, MINE),
    ("over", deny(period={"end": "2020"}), {}, MINE),
    ("within its time", deny(period={"start": "2020", "end": "2099"}), {}, ""),
    ("one resource", deny(data=[{"meaning": "instance", "reference": {"reference": "Encounter/e"}}]), {}, "loose o p"),
    ("one visit", deny(data=[{"meaning": "related", "reference": {"reference": "Encounter/e"}}]), {}, "loose p"),
    ("exception of an exception", deny(provision=[permit(actor=[ORG], provision=[
        deny(**{"class": [{"system": TYPES, "code": "Observation"}]})])]), {"organization": "Organization/o1"}, "e p"),
]  # fmt: skip


class TestConsent:
    """A predicate in every branch of every query."""

    @pytest.mark.parametrize(("name", "provision", "identity", "ids"), TABLE, ids=[c[0] for c in TABLE])
    def test_decides(
        self, server: Hospital, name: str, provision: dict[str, Any], identity: dict[str, str], ids: str
    ) -> None:
        consents(server, provision)
        assert sees(client(server, **identity)) == ids

    def test_of_several_a_denial_wins_until_it_is_withdrawn(self, server: Hospital) -> None:
        consents(server, permit(), "c1")
        consents(server, deny(), "c2")
        assert sees(client(server)) == ""
        consents(server, deny(), "c2", status="inactive")
        assert sees(client(server)) == MINE
        consents(server, deny(), "c3")
        assert client(server)("DELETE", "/Consent/c3").status == 204
        assert sees(client(server)) == MINE

    @pytest.mark.parametrize(
        "url",
        ["/Patient?_has:Observation:patient:code:text=x", "/Observation?patient._id=p", "/Encounter?patient.name=li",
         "/Organization?_revinclude=Patient:organization&_id=none", "/Patient?name=li&_total=accurate",
         "/Observation?_include=Observation:patient", "/Patient/p/Observation", "/Patient/p/*?_type=Observation"],
    )  # fmt: skip
    def test_no_branch_forgets_it(self, server: Hospital, url: str) -> None:
        consents(server, deny())
        reply = client(server)("GET", url)
        assert (reply.status, reply.ids, reply.json["total"]) == (200, [], 0)

    def test_what_is_hidden_is_not_changed(self, server: Hospital) -> None:
        consents(server, deny())
        caller = client(server)
        replies = [caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p"}), caller("DELETE", "/Patient/p"),
                   caller("PATCH", "/Patient/p", {"active": True}),
                   caller("GET", "/Patient/p/_history"), caller("GET", "/Patient/p/_history/1")]  # fmt: skip
        assert [r.status for r in replies] == [404] * 5

    def test_a_deleted_resource_keeps_its_history_hidden(self, server: Hospital) -> None:
        assert client(server)("DELETE", "/Observation/o").status == 204
        consents(server, deny())
        assert client(server)("GET", "/Observation/_history").ids == []

    def test_new_results_still_arrive(self, server: Hospital) -> None:
        consents(server, deny())
        reply = client(server)("POST", "/Observation", RESOURCES[4])
        assert reply.status == 201
        consents(server, permit())
        assert client(server)("DELETE", f"/Observation/{reply.json['id']}").status == 204

    def test_the_consent_itself_stays_in_sight(self, server: Hospital) -> None:
        consents(server, deny())
        assert client(server)("GET", "/Consent?patient=p").ids == ["c"]


class TestBrokenGlass:
    """A registered client reads for BTG what a Consent denies; every patient is flagged."""

    def test_it_needs_a_reason(self, server: Hospital) -> None:
        assert client(server, purpose="BTG")("GET", "/Patient/p").status == 403

    def test_it_opens_and_is_flagged(self, server: Hospital) -> None:
        consents(server, deny())
        caller = client(server, purpose="BTG")
        reply = caller("GET", "/Observation?patient=p", X_Break_Glass_Reason="%E6%98%8F%E8%BF%B7")
        assert sorted(reply.ids) == ["loose", "o"]

        async def pending() -> list[tuple[str | None, str]]:
            async with server.database.unit(SYSTEM) as unit:
                return [(one.reason, one.actor_id) for one in await unit.break_glass.pending()]

        ((reason, _),) = server.call(pending())
        assert reason == "昏迷"
        events = client(server)("GET", "/AuditEvent?action=E&_sort=-date").json["entry"]
        assert sum(e["resource"]["outcomeDesc"] == "break-glass" for e in events) == 1

    def test_it_opens_reading_only(self, server: Hospital) -> None:
        consents(server, deny())
        caller = client(server, purpose="BTG")
        assert caller("DELETE", "/Observation/o", X_Break_Glass_Reason="x").status == 404

    def test_it_is_registered(self, server: Hospital) -> None:
        key = HospitalKey()
        server.register("plain", ["system/*.rs"], jwks={"keys": [key.jwk]})
        asked = {"extensions": {"hl7-b2b": {"purpose_of_use": ["urn:oid:2.16.840.1.113883.5.8#BTG"]}}}
        assertion = key.assertion("plain", server.token_url, **asked)
        status, body = server.call(server.ask_token(assertion, "system/*.rs"))
        assert (status, body["error"]) == (400, "unauthorized_client")


class TestPlaces:
    """Addresses by purpose: TREAT exact, OPERAT and HRESCH the city, others none."""

    @pytest.mark.parametrize(
        ("purpose", "address"),
        [("TREAT", [ADDRESS]), ("OPERAT", [{"use": "home", "city": "Wuhan"}]),
         ("HRESCH", [{"use": "home", "city": "Wuhan"}]), ("ETREAT", None)],
    )  # fmt: skip
    def test_address_is_graded(self, server: Hospital, purpose: str, address: Any) -> None:
        caller = client(server, purpose=purpose)
        for reply in (caller("GET", "/Patient/p"), caller("GET", "/Patient/p/_history/1")):
            assert reply.json.get("address") == address
            assert reply.json["contact"][0].get("address") == (address and address[0])
        raws = [caller("GET", url).raw for url in
                ("/Patient", "/Patient/_history", "/_history?_count=1000", "/Patient/p/$everything",
                 "/Observation?_include=*", "/Patient?_elements=address")]  # fmt: skip
        assert [b"Hidden Lane" in raw for raw in raws] == [purpose == "TREAT"] * 6

    def test_district(self) -> None:
        content = b'{"resourceType":"Patient","address":[{"line":["x"],"district":"d","city":"c"}]}'
        assert b'"address":[{"district":"d","city":"c"}]' in graded(content, Grade.DISTRICT)

    @pytest.mark.parametrize("query", ["address=7 Hidden", "address-postalcode=43", "_id=p&address:exact=x"])
    @pytest.mark.parametrize(
        "chain", ["/Patient?", "/Observation?patient.", "/Organization?_has:Patient:organization:"]
    )
    def test_what_is_not_shown_is_not_searched(self, server: Hospital, chain: str, query: str) -> None:
        if "&" in query and "Patient?" not in chain:
            query = query.partition("&")[2]
        assert client(server, purpose="OPERAT")("GET", chain + query).status == 400
        assert client(server)("GET", chain + query).status == 200

    def test_the_city_may_be_searched(self, server: Hospital) -> None:
        assert client(server, purpose="OPERAT")("GET", "/Patient?address-city=wuhan").ids == ["p"]

    def test_a_part_is_not_written_back(self, server: Hospital) -> None:
        part = client(server, purpose="OPERAT")("GET", "/Patient/p").json
        short = client(server)("GET", "/Patient/p?_elements=name").json
        assert [client(server)("PUT", "/Patient/p", body).status for body in (part, short)] == [422, 422]

    def test_a_patch_may_not_ask_for_the_rest(self, server: Hospital) -> None:
        patch = [{"op": "copy", "from": "/address/0/line/0", "path": "/name/0/family"}]
        caller = client(server, purpose="OPERAT")
        assert caller("PATCH", "/Patient/p", patch, Content_Type="application/json-patch+json").status == 403
