"""X-Provenance: who stands behind a write, kept as a Provenance in the same transaction (FHIR R4 §6.3.6)."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import uuid4

from records.fhir import text
from records.fhir.errors import BadRequest
from records.fhir.validate import validate
from records.store.resources import Stored, Write
from records.store.unit import Unit
from server.http.fhir_call import Call

Json = dict[str, Any]
HEADER = "X-Provenance"
MAX_HEADER = 8 * 1024  # aiohttp's own limit for a header line


def is_given(call: Call) -> bool:
    """Tell whether the client says who stands behind its write."""
    return HEADER in call.request.headers


async def keep(call: Call, unit: Unit, stored: Stored) -> Stored:
    """Keep what the header says about the version just written, and give the version back. Raises Invalid."""
    if not is_given(call) or not stored.is_changed:
        return stored
    provenance = text.loads_resource(call.request.headers[HEADER][:MAX_HEADER])
    if provenance["resourceType"] != "Provenance" or "target" in provenance:
        raise BadRequest(f"{HEADER} is a Provenance without target: the server knows what it wrote")
    call.need("Provenance", "create", "c")
    made = stored.updated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    target = {"reference": f"{stored.type}/{stored.id}/_history/{stored.version}"}
    whole = {"recorded": made, **provenance, "id": str(uuid4()), "target": [target]}
    validate(whole)
    await unit.resources.save(whole, Write(must_be_new=True, access=call.access, is_fresh=True))
    return stored
