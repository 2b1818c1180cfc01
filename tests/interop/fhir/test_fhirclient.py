"""fhirclient 4.4 (PyPI, SMART's own) against the running server: it finds the token URL in `metadata` alone."""

from __future__ import annotations

from typing import Any

from fhirclient import client as smart
from fhirclient.models.composition import Composition
from fhirclient.models.encounter import Encounter
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient

from tests.fakes.hospital import Hospital, HospitalKey
from tests.fakes.visits import Seen


def connected(server: Hospital, alg: str = "RS384") -> Any:
    """The client's own backend-services way: it reads `metadata`, finds the token URL and asks for a token."""
    key = HospitalKey(alg)
    server.register("hospital-a", ["system/*.rs"], jwks={"keys": [key.jwk]})
    assertion = key.assertion("hospital-a", server.token_url)
    settings = {"app_id": "hospital-a", "api_base": server.base, "jwt_token": assertion, "scope": "system/*.read"}
    fhir = smart.FHIRClient(settings=settings)
    fhir.prepare()
    fhir.authorize()
    return fhir


class TestFhirclient:
    """The way of the SMART Python client: metadata, token, typed models."""

    def test_token_url_is_in_the_capability_statement(self, server: Hospital) -> None:
        fhir = connected(server)
        assert fhir.server.auth._token_uri == server.token_url

    def test_visit_reads_as_models(self, server: Hospital, seen: Seen) -> None:
        fhir = connected(server)
        patient = Patient.read(str(seen.patient), fhir.server)
        assert patient.birthDate.isostring == "1980-02-03"
        encounters = Encounter.where({"patient": patient.id}).perform_resources_iter(fhir.server)
        assert [e.status for e in encounters] == ["triaged"]
        observations = Observation.where({"encounter": str(seen.visit)}).perform_resources_iter(fhir.server)
        assert {o.code.coding[0].code for o in observations} >= {"8310-5", "85354-9"}
        note = next(Composition.where({"patient": patient.id}).perform_resources_iter(fhir.server))
        assert "ACS &lt; 2 h &amp; likely" in "".join(s.text.div for s in note.section)

    def test_es384_works_as_well(self, server: Hospital, seen: Seen) -> None:
        assert Patient.read(str(seen.patient), connected(server, "ES384").server).gender == "male"
