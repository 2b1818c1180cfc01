"""Addresses of people shown as exactly as role and purpose allow (records/README.md "Data classes", grades). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from records.access import Grade
from records.fhir import text

Json = dict[str, Any]
# Whose home it is. Addresses of clinics and doctors' practices are published anyway.
TYPES = frozenset(("Patient", "RelatedPerson"))
_KEPT: Mapping[Grade, tuple[str, ...]] = {
    Grade.NONE: (),
    Grade.CITY: ("use", "type", "city", "state", "country"),
    Grade.DISTRICT: ("use", "type", "district", "city", "state", "country"),
}
# A search for what is not shown would tell it: one question for each street.
_BY_CITY = frozenset(("address-city", "address-state", "address-country", "address-use"))
_BY_ADDRESS = _BY_CITY | {"address", "address-postalcode"}
REDACTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "REDACTED",
    "display": "redacted",
}


def hidden_parameters(grade: Grade) -> frozenset[str]:
    """Give the search parameters of TYPES that would tell more than the grade."""
    if grade is Grade.EXACT:
        return frozenset()
    return _BY_ADDRESS if grade is Grade.NONE else _BY_ADDRESS - _BY_CITY


def graded(content: bytes, grade: Grade) -> bytes:
    """Give a resource's text with its people's addresses as exact as the grade; marked REDACTED when less is left."""
    if grade is Grade.EXACT or b'"address"' not in content:
        return content
    resource = text.loads(content)
    if not _reduce(resource, _KEPT[grade]):
        return content
    meta = resource.setdefault("meta", {})
    meta["security"] = [*meta.get("security", []), REDACTED]
    return text.dumps(resource)


def is_redacted(resource: Json) -> bool:
    """Tell whether a resource is what a graded reader was shown: written back it would destroy the rest."""
    return any(label.get("code") == "REDACTED" for label in resource.get("meta", {}).get("security", []))


def _reduce(resource: Json, kept: tuple[str, ...]) -> bool:
    """Reduce the addresses of a resource and of those inside it, in place; tell whether something went."""
    inner = [*resource.get("contained", []), *(e["resource"] for e in resource.get("entry", []) if "resource" in e)]
    found = [_reduce(each, kept) for each in inner]
    if resource.get("resourceType") in TYPES:
        found += [_reduce_in(owner, kept) for owner in (resource, *resource.get("contact", []))]
        found.append(resource.pop("text", None) is not None)  # a narrative may tell the street
    return any(found)


def _reduce_in(owner: Json, kept: tuple[str, ...]) -> bool:
    if "address" not in owner:
        return False
    given = owner["address"] if isinstance(owner["address"], list) else [owner["address"]]
    left = [{name: value for name, value in each.items() if name in kept} for each in given]
    left = [each for each in left if set(each) - {"use", "type"}]
    if left == given:
        return False
    del owner["address"]
    if left:
        owner["address"] = left if "resourceType" in owner else left[0]
    return True
