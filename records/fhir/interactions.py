"""Which interactions each type has: the one table that routes requests and writes the CapabilityStatement."""

from __future__ import annotations

from collections.abc import Mapping

READ_ONLY = ("read", "search-type")
READ = ("read", "vread", "history-instance", "history-type", "search-type")
WRITE = ("create", "update", "patch", "delete")

_WRITABLE = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Encounter",
    "Condition",
    "Observation",
    "AllergyIntolerance",
    "ServiceRequest",
    "Medication",
    "MedicationRequest",
    "MedicationDispense",
    "DiagnosticReport",
    "DocumentReference",
    "Binary",
    "Questionnaire",
    "QuestionnaireResponse",
    "Appointment",
    "Schedule",
    "Slot",
    "Consent",
    "Communication",
    "Task",
    "Provenance",
    "Composition",
    "Bundle",
    "ClinicalImpression",
    "Location",
    "Device",
    "RelatedPerson",
]

# AuditEvents are entries of the hash chain, projected when asked for; nobody writes them through FHIR.
INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_WRITABLE, (*READ, *WRITE)),
    "AuditEvent": READ_ONLY,
}
SERVED_TYPES = frozenset(INTERACTIONS)
COMPARTMENTS = ("Patient", "Encounter", "Practitioner", "RelatedPerson", "Device")

# Interactions on the server as a whole.
SYSTEM_INTERACTIONS: tuple[str, ...] = ("transaction", "batch", "search-system", "history-system")

# Operation -> (types, definition)
OPERATIONS: Mapping[str, tuple[frozenset[str], str]] = {
    "$validate": (SERVED_TYPES - {"AuditEvent"}, "http://hl7.org/fhir/OperationDefinition/Resource-validate"),
    "$everything": (frozenset({"Patient"}), "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
}
