"""Code systems and codes that our own resources carry; each row is checked against the R4 lists by a test."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_PRIORITY = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
AUDIT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
RESTFUL = "http://hl7.org/fhir/restful-interaction"
PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"

# Our own systems. A deployment's public address would differ per clinic, so these are URNs of the product.
OURS = "urn:teleconsult:"
VISIT_STATE = OURS + "visit-state"
URGENCY = OURS + "urgency"
CONSENT_KIND = OURS + "consent"
RULE = OURS + "triage-rule"
REGISTRATION = OURS + "registration-number"
IDENTITY_NUMBER = OURS + "identity-number"
VISIT_ID = OURS + "visit"
CLIENT = OURS + "client"
LINE_FITNESS = OURS + "line-fitness"
"""Extension of Encounter: what a participant's line was fit for in the call."""

AI_ASSERTED: Json = {
    "system": OBSERVATION_VALUE,
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}


def concept(system: str, code: str, display: str | None = None, text: str | None = None) -> Json:
    """Give a CodeableConcept of one coding."""
    found: Json = {"coding": [coding(system, code, display)]}
    if text:
        found["text"] = text
    return found


def coding(system: str, code: str, display: str | None = None) -> Json:
    """Give a Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}
