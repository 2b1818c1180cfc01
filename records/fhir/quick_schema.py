"""
A second JSON Schema for each type: it takes only what the first one, the walk and the datatypes' rules take as well.

What it takes is valid but for the rules of its own type, after one call into jsonschema-rs: 2 µs for a Patient. What it
doesn't is judged in full, and mostly valid too: leap days, `_name` beside a primitive, contained resources. So it never
says what is wrong, and its rules may be narrower than R4's, never wider (tests/records/fhir/test_quick_schema.py).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs

from records.fhir.invariants import QUANTITIES, period_faults
from records.fhir.model import Element, TypeModel, is_resource_type, type_model
from records.fhir.narrative import narrative_fault
from records.fhir.schema import PRIMITIVE_SCHEMAS, TIME, TIME_ZONE

Json = dict[str, Any]
_MONTH = r"-(0[1-9]|1[0-2])"
# Days that each year has: the long way knows the calendar.
_DAY = r"(-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|-(0[13-9]|1[0-2])-(29|30)|-(0[13578]|1[02])-31)"
_YEAR = r"[1-9][0-9]{3}"
_ID = r"[A-Za-z0-9\-.]{1,64}"
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_DATES = {
    "date": f"^{_YEAR}({_MONTH}|{_DAY})?$",
    "dateTime": f"^{_YEAR}({_MONTH}|{_DAY}(T{TIME}{TIME_ZONE})?)?$",
    "instant": f"^{_YEAR}{_DAY}T{TIME}{TIME_ZONE}$",
}
_WHOLE = ("integer", "positiveInt", "unsignedInt")
_STUB = {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}


def is_quickly_valid(resource: Json, type_: str) -> bool:
    """Tell whether a resource breaks nothing but perhaps a rule of its type; a Bundle's resources are not looked at."""
    return _compiled(type_).is_valid(resource)


class _Rule:
    """A keyword that Python decides."""

    def __init__(self, parent_schema: Json, value: Any, schema_path: list[str | int]) -> None:
        """As jsonschema-rs asks for."""

    def validate(self, instance: Any) -> None:
        """Raise where the long way has to look."""
        raise NotImplementedError


class _Whole(_Rule):
    def validate(self, instance: Any) -> None:
        if type(instance) is not int:  # to the schema 1.0 is one too
            raise ValueError


class _InOrder(_Rule):
    def validate(self, instance: Any) -> None:
        if not isinstance(instance, dict) or any(period_faults(instance, "")):
            raise ValueError


class _Narrative(_Rule):
    def validate(self, instance: Any) -> None:
        if not isinstance(instance, str) or narrative_fault(instance):
            raise ValueError


_RULES: dict[str, type[jsonschema_rs.KeywordValidator]] = {
    "x-whole": _Whole,
    "x-in-order": _InOrder,
    "x-narrative": _Narrative,
}


@cache
def _compiled(type_: str) -> jsonschema_rs.Draft7Validator:
    options = jsonschema_rs.RegexOptions()
    return jsonschema_rs.Draft7Validator(_schema(type_), pattern_options=options, keywords=_RULES)


def _schema(type_: str) -> Json:
    definitions: dict[str, Json] = {}
    wanted = [type_]
    while wanted:
        name = wanted.pop()
        if _key(name) in definitions:
            continue
        if name in PRIMITIVE_SCHEMAS:
            definitions[name] = _primitive(name)
            continue
        model = type_model(name)
        definitions[_key(name)] = _object(model)
        wanted += [e.type for e in model.elements.values() if e.type != "Resource"]
    return {"$ref": f"#/definitions/{_key(type_)}", "definitions": definitions}


def _key(name: str) -> str:
    return name.removeprefix("#")


def _primitive(name: str) -> Json:
    found = {**PRIMITIVE_SCHEMAS[name], "type": PRIMITIVE_SCHEMAS[name]["type"][0]}  # without null
    if name in _DATES:
        found["pattern"] = _DATES[name]
    elif name == "base64Binary":
        found["pattern"] = _BASE64
    elif name in _WHOLE:
        found["x-whole"] = True
    elif name == "xhtml":
        found["x-narrative"] = True
    return found


def _object(model: TypeModel) -> Json:
    found: Json = {"type": "object", "minProperties": 1, "additionalProperties": False}
    found["properties"] = {e.name: p for e in model.elements.values() if (p := _property(model, e)) is not None}
    if is_resource_type(model.name):
        found["properties"]["resourceType"] = {"const": model.name}
    parts: list[Json] = [{"anyOf": [{"required": [p]} for p in given]} for _, given in model.required]
    if model.name == "Extension":  # a url, and one value or extensions
        del found["properties"]["id"]
        found |= {"minProperties": 2, "maxProperties": 2}
    else:
        parts += [_one_of(choice) for choice in model.choices]
    if model.name == "ContactPoint":  # cpt-2
        parts.append({"dependencies": {"value": ["system"]}})
    if model.name in QUANTITIES:  # qty-3
        parts.append({"dependencies": {"code": ["system"]}})
    if model.name == "Period":  # per-1
        found["x-in-order"] = True
    return {**found, "allOf": parts} if parts else found


def _one_of(choice: tuple[str, ...]) -> Json:
    """Of a choice's properties one at most."""
    return {"dependencies": {name: {"properties": {n: False for n in choice if n != name}} for name in choice}}


def _property(model: TypeModel, element: Element) -> Json | None:
    """Give what may stand in a property; None where only the long way may take it."""
    reference: Json = {"$ref": f"#/definitions/{_key(element.type)}"}
    if element.type == "Resource":
        if model.name != "#Bundle.entry":
            return None
        reference = _STUB  # validate.py looks into it by itself
    elif element.codes is not None:
        reference = _bound(element, reference)
    elif element.type == "Reference" and element.targets and "Resource" not in element.targets:
        reference = {"allOf": [reference, _pointing_to(element.targets)]}
    return {"type": "array", "minItems": 1, "items": reference} if element.is_many else reference


def _bound(element: Element, reference: Json) -> Json:
    """Give what a required binding takes: a code of the list, or a concept with one of its codings."""
    codes = element.codes or frozenset()
    if element.type == "code":
        return {"enum": sorted({code for _, code in codes})}
    if element.type not in ("Coding", "CodeableConcept"):
        return reference
    by_system: dict[str, list[str]] = {}
    for system, code in sorted(codes):
        by_system.setdefault(system, []).append(code)
    coding = {"anyOf": [
        {"properties": {"system": {"const": system}, "code": {"enum": found}}, "required": ["system", "code"]}
        for system, found in by_system.items()
    ]}  # fmt: skip
    wanted = coding if element.type == "Coding" else {"properties": {"coding": {"contains": coding}}}
    return {"allOf": [reference, wanted]}


def _pointing_to(targets: frozenset[str]) -> Json:
    """Give what is sure to point to one of the types: `reference` says so, or says nothing, and no `type` does."""
    types = "|".join(sorted(targets))
    base = r"(https?://([^/?_][^/?]*/)+)?"  # no segment `_history` before the type
    pattern = f"^(#.*|urn:.*|{base}({types})/{_ID}(/_history/{_ID})?)$"
    return {"properties": {"reference": {"pattern": pattern}, "type": False}}
