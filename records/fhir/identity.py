"""Whose resource is it, and is it the same as before: what the store asks about a resource."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from records.fhir.dates import instant
from records.fhir.index import reference_target
from records.fhir.model import compartment_parameters
from records.fhir.parameters import parameters, sources, values

Json = dict[str, Any]
# Patients that a hospital names by an id which is no UUID get a key under a UUID derived from it.
_NAMESPACE = UUID("6f1d6a52-58f5-4a3e-9b0e-6f0f3f7c2d11")


def patient_id_of(resource: Json, own_base: str = "") -> str | None:
    """Give the id of the Patient whose compartment the resource is in; the first one when there are several."""
    type_ = resource["resourceType"]
    if type_ == "Patient":
        return str(resource["id"])
    for code in compartment_parameters("Patient", type_):
        if code not in parameters(type_):
            continue
        for source in sources(type_, code):
            for _, value in values(resource, type_, source):
                target = reference_target(value.get("reference"), own_base) if isinstance(value, dict) else None
                if target and target[0] == "Patient":
                    return target[1]
    return None


@lru_cache(maxsize=4096)  # asked of each patient several times in a unit
def key_owner(patient_id: str | None) -> UUID | None:
    """Give the UUID under which a patient's data key is kept."""
    if patient_id is None:
        return None
    try:
        found = UUID(patient_id)
    except ValueError:
        return uuid5(_NAMESPACE, patient_id)
    return found if str(found) == patient_id else uuid5(_NAMESPACE, patient_id)


def with_meta(resource: Json, version: int, updated_at: datetime) -> Json:
    """Give the resource as it is kept: resourceType, id and meta first, the server's version and time in meta."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    head = {"resourceType": None, "id": None, "meta": None}  # their places, before the resource's own members
    found: Json = {**head, **resource}
    found["meta"] = {"versionId": str(version), "lastUpdated": instant(updated_at), **meta}
    return found


def says_the_same(one: Json, other: Json) -> bool:
    """Tell whether two versions differ in nothing but the server's own meta (records.md §5)."""
    return _bare(one) == _bare(other)


def _bare(resource: Json) -> Json:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**{k: v for k, v in resource.items() if k != "meta"}, **({"meta": meta} if meta else {})}
