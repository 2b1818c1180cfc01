"""A JSON Schema for each type, hardened over HL7's own (records.md §3), compiled on first use.

`Resource` is a stub here: validate.py recurses into `contained` and `entry[].resource` by itself, because errors out of
HL7's root `oneOf` took 42 s for one bad element in a 1 MB Bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from records.fhir.model import Element, is_resource_type, type_model

Json = dict[str, Any]
TIME_ZONE = r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?"
_YEAR = r"[0-9]{4}"
_MONTH = r"-(0[1-9]|1[0-2])"
_DAY = r"-(0[1-9]|[12][0-9]|3[01])"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*[^\s\x00-\x08\x0b\x0c\x0e-\x1f][^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
MAX_INT = 2**31 - 1
# "Strings SHALL NOT exceed 1MB" (FHIR R4 §2.24.0.1)
MAX_STRING = 1024 * 1024


def _text(pattern: str) -> Json:
    return {"type": ["string", "null"], "pattern": pattern, "maxLength": MAX_STRING}


# `null` stands in arrays of primitives beside `_name`; validate.py refuses it elsewhere.
PRIMITIVE_SCHEMAS: dict[str, Json] = {
    "base64Binary": {"type": ["string", "null"], "minLength": 1},
    "boolean": {"type": ["boolean", "null"]},
    "canonical": _text(r"^\S+$"),
    "code": _text(r"^[^\s]+(\s[^\s]+)*$"),
    "date": _text(f"^{_YEAR}({_MONTH}({_DAY})?)?$"),
    "dateTime": _text(f"^{_YEAR}({_MONTH}({_DAY}(T{TIME}{TIME_ZONE})?)?)?$"),
    "decimal": {"type": ["number", "null"]},
    "id": _text(r"^[A-Za-z0-9\-.]{1,64}$"),
    "instant": _text(f"^{_YEAR}{_MONTH}{_DAY}T{TIME}{TIME_ZONE}$"),
    "integer": {"type": ["integer", "null"], "minimum": -MAX_INT - 1, "maximum": MAX_INT},
    "markdown": _text(_TEXT),
    "oid": _text(r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$"),
    "positiveInt": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_INT},
    "string": _text(_TEXT),
    "time": _text(f"^{TIME}$"),
    "unsignedInt": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_INT},
    "uri": _text(r"^\S+$"),
    "url": _text(r"^\S+$"),
    "uuid": _text(r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    "xhtml": {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_STRING},
}
_STUB = {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}
_PRIMITIVE_EXTENSION = {
    "type": ["object", "null"],
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "id": {"$ref": "#/definitions/string"},
        "extension": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/Extension"}},
    },
}


@cache
def compiled(type_: str) -> jsonschema_rs.Draft7Validator:
    """Give the validator of one resource type or datatype; about 5 ms on first use."""
    return jsonschema_rs.Draft7Validator(schema(type_), pattern_options=jsonschema_rs.RegexOptions())


def schema(type_: str) -> Json:
    """Give the JSON Schema (draft 7) of one type with all definitions it needs."""
    definitions: dict[str, Json] = {"_Element": _PRIMITIVE_EXTENSION, "Resource": _STUB}
    wanted = [type_, "Extension", "string"]
    while wanted:
        name = wanted.pop()
        if _key(name) in definitions:
            continue
        if name in PRIMITIVE_SCHEMAS:
            definitions[name] = PRIMITIVE_SCHEMAS[name]
            continue
        definitions[_key(name)] = _object_schema(name)
        wanted += [e.type for e in type_model(name).elements.values()]
    return {"$ref": f"#/definitions/{_key(type_)}", "definitions": definitions}


def _key(name: str) -> str:
    return name.removeprefix("#")


def _object_schema(name: str) -> Json:
    properties: dict[str, Json] = {}
    if is_resource_type(name):
        properties["resourceType"] = {"const": name}
    for element in type_model(name).elements.values():
        properties.update(_property_schemas(element))
    return {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": properties}


def _property_schemas(element: Element) -> Iterator[tuple[str, Json]]:
    reference: Json = {"$ref": f"#/definitions/{_key(element.type)}"}
    if element.type == "code" and element.codes is not None:
        reference = {"enum": [*sorted({code for _, code in element.codes}), None]}
    yield element.name, _many(reference) if element.is_many else reference
    if element.is_primitive:
        extension = {"$ref": "#/definitions/_Element"}
        yield "_" + element.name, _many(extension) if element.is_many else extension


def _many(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}
