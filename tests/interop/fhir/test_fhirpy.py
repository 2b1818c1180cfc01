"""fhirpy 2.3 (PyPI) against the running server: the journey's reader, and a full round trip."""

from __future__ import annotations

from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

from records.fhir.validate import find_issues
from tests.fakes.hospital import Hospital
from tests.fakes.visits import Seen


def client(server: Hospital, *scopes: str) -> SyncFHIRClient:
    return SyncFHIRClient(server.base, authorization=f"Bearer {server.token(*(scopes or ('system/*.cruds',)))}")


class TestReadingAVisit:
    """Issue 2 point 6: what a hospital system reads after a signed visit."""

    def test_encounter_is_found_by_patient_identifier(self, server: Hospital, seen: Seen) -> None:
        fhir = client(server, "system/*.rs")
        patient = fhir.resources("Patient").search(identifier="110101198002030012").get()
        assert patient.id == str(seen.patient)
        encounters = fhir.resources("Encounter").search(patient=patient.id, date__ge="2020").fetch_all()
        assert [e.id for e in encounters] == [str(seen.visit)]
        assert encounters[0]["status"] == "triaged"  # claimed, not yet ended

    def test_everything_of_the_visit_is_valid_r4(self, server: Hospital, seen: Seen) -> None:
        fhir = client(server, "system/*.rs")
        expected = {
            "Encounter": 1,
            "QuestionnaireResponse": 1,
            "Observation": 6,
            "ClinicalImpression": 1,
            "Composition": 1,
            "Consent": 3,
        }
        for type_, count in expected.items():
            found = fhir.resources(type_).search(patient=str(seen.patient)).fetch_all()
            assert len(found) == count, type_
            assert [find_issues(plain(r)) for r in found] == [[]] * count

    def test_triage_note_is_marked_as_made_by_ai(self, server: Hospital, seen: Seen) -> None:
        note = client(server, "system/*.rs").resources("ClinicalImpression").search(patient=str(seen.patient)).get()
        assert note["meta"]["security"][0]["code"] == "AIAST"

    def test_vital_keeps_its_digits_and_unit(self, server: Hospital, seen: Seen) -> None:
        fhir = client(server, "system/*.rs")
        found = fhir.resources("Observation").search(patient=str(seen.patient), code="http://loinc.org|8310-5").get()
        assert found["valueQuantity"] == {
            "value": 37.5, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel",
        }  # fmt: skip

    def test_audit_events_of_the_patient_are_there(self, server: Hospital, seen: Seen) -> None:
        fhir = client(server, "system/*.rs")
        fhir.resources("Composition").search(patient=str(seen.patient)).fetch_all()
        events = fhir.resources("AuditEvent").search(patient=str(seen.patient)).limit(200).fetch()
        assert {e["action"] for e in events} >= {"C", "R"}
        assert [find_issues(plain(e)) for e in events] == [[]] * len(events)


class TestRoundTrip:
    """What fhirpy's own README shows."""

    def test_create_read_update_patch_delete(self, server: Hospital) -> None:
        fhir = client(server)
        patient = fhir.resource("Patient", name=[{"family": "Ørsted", "given": ["张"]}], birthDate="1990-05")
        patient.save()
        patient["birthDate"] = "1990-05-06"
        patient.save()
        assert patient["meta"]["versionId"] == "2"
        patient.patch(gender="female")
        fresh = fhir.reference("Patient", patient.id).to_resource()
        assert (fresh["gender"], fresh["birthDate"], fresh["meta"]["versionId"]) == ("female", "1990-05-06", "3")
        patient.delete()
        with pytest.raises(ResourceNotFound):
            fhir.reference("Patient", patient.id).to_resource()

    def test_get_or_create_and_conditional_update(self, server: Hospital) -> None:
        fhir = client(server)
        identifier = [{"system": "urn:hospital", "value": "A-1"}]
        new = fhir.resource("Patient", identifier=identifier, active=True)
        _, is_created = fhir.resources("Patient").search(identifier="urn:hospital|A-1").get_or_create(new)
        _, again = fhir.resources("Patient").search(identifier="urn:hospital|A-1").get_or_create(new)
        changed = fhir.resource("Patient", identifier=identifier, active=False)
        updated, is_new = fhir.resources("Patient").search(identifier="urn:hospital|A-1").update(changed)
        assert (is_created, again, is_new, updated["active"]) == (True, False, False, False)

    def test_count_and_multiple_matches(self, server: Hospital) -> None:
        fhir = client(server)
        for _ in range(3):
            fhir.resource("Organization", name="Same").save()
        found = fhir.resources("Organization").search(name="same")
        assert found.count() == 3
        with pytest.raises(MultipleResourcesFound):
            found.get()

    def test_pages_are_followed_to_the_end(self, server: Hospital) -> None:
        fhir = client(server)
        for number in range(7):
            fhir.resource("Organization", name=f"Clinic {number}").save()
        found = fhir.resources("Organization").sort("-_lastUpdated").limit(3).fetch_all()
        assert [o["name"] for o in found] == [f"Clinic {n}" for n in range(6, -1, -1)]

    def test_invalid_resource_is_told_with_its_path(self, server: Hospital) -> None:
        with pytest.raises(OperationOutcome) as refused:
            client(server).resource("Patient", birthDate="2023-02-30").save()
        assert refused.value.resource["issue"][0]["expression"] == ["Patient.birthDate"]


def plain(resource: Any) -> dict[str, Any]:
    found: dict[str, Any] = resource.serialize()
    return found
