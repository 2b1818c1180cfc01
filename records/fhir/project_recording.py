"""A recording of the visit as a DocumentReference: that it exists, of when, by whom. The media stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from records.fhir.project import RecordedMedia, VisitRecord

Json = dict[str, Any]


def document_reference(record: VisitRecord, recorded: RecordedMedia, period: Json) -> Json:
    """
    Give the DocumentReference of a finished recording; `period` holds its start and end as FHIR writes them.

    The attachment has no url: only the visit's practitioner plays it, in the console, and each playing is audited.
    """
    author = [{"reference": f"Practitioner/{record.practitioner.id}"}] if record.practitioner is not None else []
    return {
        "resourceType": "DocumentReference",
        "id": str(recorded.id),
        "status": "current",
        "docStatus": "final",
        "type": {"text": "Recording of the consultation"},
        "subject": {"reference": f"Patient/{record.patient.id}"},
        "date": period["start"],
        **({"author": author} if author else {}),
        "content": [
            {
                "attachment": {
                    "contentType": "video/webm",
                    "title": "Recording of the consultation",
                    "creation": period["end"],
                }
            }
        ],
        "context": {"encounter": [{"reference": f"Encounter/{record.id}"}], "period": period},
    }
