"""A reference to this server's own address means the same as a relative one, and is kept as it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Cluster, _database
from tests.fakes.hospital import Caller, hospital


@pytest.fixture(scope="module")
def his(cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One Observation and one Encounter that name their patient by the whole address, one of another server."""
    for name in _database(cluster, migrated_template):
        with hospital(cluster.login(name), tmp_path_factory.mktemp("own")) as server:
            caller = Caller(server, server.token("system/*.cruds"))
            for type_, id_, patient in [
                ("Encounter", "e", f"{server.base}/Patient/p"),
                ("Observation", "o", f"{server.base}/Patient/p/_history/1"),
                ("Observation", "strange", "https://other.example/fhir/Patient/p"),
            ]:
                caller("PUT", "/Patient/p", {"resourceType": "Patient", "id": "p", "active": True})
                assert caller("PUT", f"/{type_}/{id_}", about(type_, id_, patient)).status == 201
            yield caller


def about(type_: str, id_: str, patient: str) -> dict[str, Any]:
    more: dict[str, Any] = {"code": {"text": "x"}, "status": "final"}
    if type_ == "Encounter":
        more = {"status": "planned", "class": {"code": "VR"}}
    return {"resourceType": type_, "id": id_, "subject": {"reference": patient}, **more}


class TestOwnAddress:
    @pytest.mark.parametrize(
        ("query", "ids"),
        [("Observation?subject=Patient/p", ["o"]), ("Observation?patient=p", ["o"]),
         ("Observation?subject=BASE/Patient/p", ["o"]), ("Observation?subject=BASE/Patient/p/_history/1", ["o"]),
         ("Observation?subject=https://other.example/fhir/Patient/p", ["strange"]),
         ("Observation?subject:Patient.active=true", ["o"]), ("Patient?_has:Observation:patient:status=final", ["p"]),
         ("Encounter?_id=e&_include=Encounter:patient", ["e", "p"]),
         ("Patient?_revinclude=Observation:subject", ["p", "o"]), ("Patient/p/Observation", ["o"]),
         ("Patient/p/Encounter", ["e"]), ("Patient/p/$everything?_type=Observation,Encounter", ["e", "o"])],
    )  # fmt: skip
    def test_is_found_as_a_relative_reference(self, his: Caller, query: str, ids: list[str]) -> None:
        reply = his("GET", "/" + query.replace("BASE", his.server.base))
        assert reply.status == 200
        assert [i for i in reply.ids if not i.startswith("w")] == ids

    def test_is_kept_as_it_was_sent(self, his: Caller) -> None:
        kept = his("GET", "/Encounter/e").json
        assert kept["subject"]["reference"] == f"{his.server.base}/Patient/p"

    def test_a_canonical_keeps_its_address(self, his: Caller) -> None:
        url = f"{his.server.base}/Questionnaire/q"
        answers = {"resourceType": "QuestionnaireResponse", "id": "a", "status": "completed", "questionnaire": url}
        assert his("PUT", "/QuestionnaireResponse/a", answers).status == 201
        assert his("GET", f"/QuestionnaireResponse?questionnaire={url}").ids == ["a"]

    def test_belongs_to_the_patient(self, his: Caller) -> None:
        """Sealed with their key, hidden by their Consent, and not to be moved to another's."""
        moved = his("PUT", "/Encounter/e", about("Encounter", "e", "Patient/q"))
        assert moved.status == 422
        same = his("PUT", "/Encounter/e", {**about("Encounter", "e", "Patient/p"), "language": "en"})
        assert same.status == 200
        hidden = Caller(his.server, his.server.token("system/*.rs", organization="Organization/nosy"))
        denial = {
            "resourceType": "Consent", "id": "no", "status": "active",
            "patient": {"reference": f"{his.server.base}/Patient/p"}, "policyRule": {"text": "x"},
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                                  "code": "patient-privacy"}]}, "category": [{"text": "privacy"}],
            "provision": {"type": "deny", "actor": [{
                "role": {"text": "x"}, "reference": {"reference": f"{his.server.base}/Organization/nosy"}}]},
        }  # fmt: skip
        assert hidden("GET", "/Observation/o").status == 200
        assert his("PUT", "/Consent/no", denial).status == 201
        assert hidden("GET", "/Observation/o").status == 404
        assert his("DELETE", "/Consent/no").status == 204
