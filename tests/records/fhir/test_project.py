"""README "From a visit to resources": every state of a visit gives valid R4, by our rules and by HL7's own schema."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.fhir import text
from records.fhir.project import (
    ENCOUNTER_STATUS,
    CallReading,
    ConsentAnswer,
    PatientRecord,
    PractitionerRecord,
    SignedNote,
    StateChange,
    TriageNote,
    VisitRecord,
    project,
)
from records.fhir.validate import find_issues
from tests.fakes.official_schema import official_faults
from tests.fakes.visits import INTAKE, NOTE, TRIAGE

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
T1 = datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
T2 = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
VISIT = VisitRecord(
    id=UUID("11111111-1111-4111-8111-111111111111"),
    state="completed",
    level="urgent",
    mode="video",
    created_at=T0,
    patient=PatientRecord(
        UUID("22222222-2222-4222-8222-222222222222"), "李四", "1953-07", "female", "+8613800138000",
        "110101195307210012",
        "武汉市", "zh", (("urn:his", "P-7"),),
    ),
    practitioner=PractitionerRecord(UUID("33333333-3333-4333-8333-333333333333"), "Dr. Wang", "110-2024"),
    history=[StateChange("waiting", T0), StateChange("in_consult", T1), StateChange("completed", T2)],
    consents=[ConsentAnswer("ai", False, "2", T0), ConsentAnswer("consultation", True, "2", T0)],
    intake=INTAKE,
    intake_at=T0,
    intake_is_final=True,
    triage=TriageNote(TRIAGE, T0, "accept"),
    note=SignedNote(NOTE, T2),
)  # fmt: skip
README = (Path(__file__).parents[3] / "records" / "fhir" / "README.md").read_text()


def of_type(record: VisitRecord, type_: str) -> list[dict[str, Any]]:
    return [r for r in project(record) if r["resourceType"] == type_]


def faults(record: VisitRecord) -> list[Any]:
    found: list[Any] = []
    for resource in project(record):
        found += find_issues(resource) + official_faults(resource)
    return found


class TestEncounterStatus:
    """README "Visit state to Encounter.status"."""

    def test_table_is_the_readme_s(self) -> None:
        section = README.split("## Visit state to Encounter.status")[1].split("##")[0]
        rows = dict(re.findall(r"^\| (\w+) \| ([\w-]+) \|$", section, re.M))
        assert rows == ENCOUNTER_STATUS

    @pytest.mark.parametrize("state", sorted(ENCOUNTER_STATUS))
    def test_every_state_is_valid_r4(self, state: str) -> None:
        record = replace(VISIT, state=state, history=[StateChange("requested", T0), StateChange(state, T1)])
        assert faults(record) == []
        encounter = of_type(record, "Encounter")[0]
        assert encounter["meta"]["tag"][0]["code"] == state

    def test_emergency_sets_priority(self) -> None:
        encounter = of_type(replace(VISIT, state="emergency"), "Encounter")[0]
        assert encounter["priority"]["coding"][0]["code"] == "EM"

    def test_status_left_behind_keeps_its_period(self) -> None:
        assert of_type(VISIT, "Encounter")[0]["statusHistory"] == [
            {"status": "triaged", "period": {"start": "2026-11-22T08:00:00.000Z", "end": "2026-11-22T08:05:00.000Z"}},
            {
                "status": "in-progress",
                "period": {"start": "2026-11-22T08:05:00.000Z", "end": "2026-11-22T08:30:00.000Z"},
            },
        ]

    def test_clocks_that_differ_never_make_a_period_end_before_it_starts(self) -> None:
        history = [StateChange("waiting", T2), StateChange("in_consult", T1), StateChange("completed", T0)]
        assert faults(replace(VISIT, history=history)) == []

    def test_only_an_ended_encounter_has_an_end(self) -> None:
        assert "end" in of_type(VISIT, "Encounter")[0]["period"]
        assert "end" not in of_type(replace(VISIT, state="wrap_up"), "Encounter")[0]["period"]


class TestWhatIsMade:
    """Which resources a visit gives, and how they are marked."""

    def test_whole_visit(self) -> None:
        types = [r["resourceType"] for r in project(VISIT)]
        assert sorted(set(types)) == [
            "ClinicalImpression", "Composition", "Consent", "Encounter", "Observation", "Patient", "Practitioner",
            "QuestionnaireResponse",
        ]  # fmt: skip
        assert (types.count("Observation"), types.count("Consent")) == (6, 2)

    def test_bare_visit(self) -> None:
        bare = VisitRecord(VISIT.id, "requested", None, "video", T0, PatientRecord(VISIT.patient.id))
        assert [r["resourceType"] for r in project(bare)] == ["Patient", "Encounter"]
        assert faults(bare) == []

    def test_ids_are_stable(self) -> None:
        assert [r["id"] for r in project(VISIT)] == [r["id"] for r in project(VISIT)]

    def test_triage_note_is_marked_as_ai_even_after_a_doctor_accepted_it(self) -> None:
        note = of_type(VISIT, "ClinicalImpression")[0]
        assert (note["meta"]["security"][0]["code"], note["status"]) == ("AIAST", "completed")

    def test_refused_consent_denies(self) -> None:
        provisions = {c["category"][0]["coding"][0]["code"]: c["provision"]["type"] for c in of_type(VISIT, "Consent")}
        assert provisions == {"ai": "deny", "consultation": "permit"}

    def test_unsigned_note_stays_inside(self) -> None:
        assert of_type(replace(VISIT, note=None), "Composition") == []

    def test_what_the_lines_were_fit_for_stands_in_the_encounter(self) -> None:
        line = {"role": "patient", "verdict": "conversation", "reasons": ["up_loss"], "score": 3.62, "lowest": 2.1}
        (encounter,) = of_type(replace(VISIT, lines=[line]), "Encounter")
        (extension,) = encounter["extension"]
        assert extension["url"] == "urn:teleconsult:line-fitness"
        assert [list(part.values()) for part in extension["extension"]] == [
            ["participant", "patient"], ["verdict", "conversation"], ["reason", "up_loss"], ["score", 3.62],
        ]  # fmt: skip
        assert faults(replace(VISIT, lines=[line])) == []

    def test_reading_of_the_call_says_when_who_and_how(self) -> None:
        values = {"systolic_bp": 132, "diastolic_bp": 84, "glucose_mmol_l": Decimal("5.60")}
        told = [CallReading(1, "patient", values, T1), CallReading(2, "caregiver", {"spo2": 97}, T2)]
        record = replace(VISIT, intake=None, readings=told)
        glucose, pressure, oxygen = of_type(record, "Observation")
        assert glucose["category"][0]["coding"][0]["code"] == "laboratory"
        assert glucose["valueQuantity"]["code"] == "mmol/L" and str(glucose["valueQuantity"]["value"]) == "5.60"
        assert pressure["effectiveDateTime"] == "2026-11-22T08:05:00.000Z"
        assert pressure["performer"] == [{"reference": f"Patient/{VISIT.patient.id}"}]
        assert "no device" in pressure["method"]["text"]
        assert oxygen["performer"] == [{"display": "caregiver"}]
        assert len({each["id"] for each in (glucose, pressure, oxygen)}) == 3
        assert faults(record) == []

    def test_patient_who_did_not_say_the_sex_is_unknown(self) -> None:
        silent = replace(VISIT, patient=replace(VISIT.patient, sex=""))
        assert of_type(silent, "Patient")[0]["gender"] == "unknown"

    def test_decimal_of_a_vital_keeps_its_digits(self) -> None:
        record = replace(VISIT, intake=text.loads('{"complaint":"x","vitals":{"temperature_c":37.50}}'))
        assert b'"value":37.50' in text.dumps(of_type(record, "Observation"))


# HL7's schema, read by a Unicode-aware engine, takes no-break space for no character; R4 itself allows it.
words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), include_characters=" "), min_size=1, max_size=40
)
printable = words.filter(lambda s: bool(s.strip()))


class TestAnyWords:
    """Whatever people write, what leaves is valid."""

    @settings(max_examples=60, deadline=None)
    @given(printable, printable)
    def test_text_of_patient_and_doctor(self, complaint: str, finding: str) -> None:
        record = replace(
            VISIT,
            patient=replace(VISIT.patient, name=complaint, address=finding),
            intake={"complaint": complaint},
            triage=TriageNote({**TRIAGE, "summary": finding, "red_flags": [{"rule": "r", "quote": complaint}]}, T0),
            note=SignedNote({"reason": complaint, "findings": finding}, T2),
        )
        assert faults(record) == []
