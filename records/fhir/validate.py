"""Is it valid R4? Shape by compiled schemas, the rest by a walk: required, choice, calendar, targets, bindings, rules.

Time is bounded: each resource is compiled apart, contained and bundled ones are validated by themselves, and findings
stop at MAX_ISSUES.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from jsonschema_rs import Draft7Validator, ValidationError

from records.fhir.dates import is_calendar_date
from records.fhir.errors import Invalid, Issue
from records.fhir.invariants import DATATYPE_RULES, check_own_rules
from records.fhir.model import Element, TypeModel, is_resource_type, type_model
from records.fhir.narrative import narrative_fault
from records.fhir.quick_schema import is_quickly_valid
from records.fhir.schema import compiled

Json = dict[str, Any]
# A client mends a few faults at a time; more lines only cost us time and memory.
MAX_ISSUES = 50
MAX_DEPTH = 60
# jsonschema-rs gives up at 255 levels; no FHIR resource has a quarter of these.
MAX_NESTING = 200
# jsonschema-rs makes all errors before it gives the first: 9 s for an array of 500,000 numbers. Of a larger resource
# only the first fault of shape is told.
MAX_VALUES = 5_000
# `_name` beside a primitive: an id and extensions (FHIR R4 §2.6.2).
_PRIMITIVE_EXTENSION = TypeModel(
    "Element", {n: type_model("Extension").elements[n] for n in ("id", "extension")}, required=(), choices=()
)
_DATES = frozenset(("date", "dateTime", "instant"))


def validate(resource: Any) -> None:
    """Accept a resource or raise Invalid with the exact path of each finding."""
    issues = find_issues(resource)
    if issues:
        raise Invalid(issues)


def find_issues(resource: Any) -> list[Issue]:
    """Give what is wrong with a resource, at most MAX_ISSUES findings, in document order of each pass."""
    try:
        return list(islice(_resource_issues(resource, "", 0), MAX_ISSUES))
    except UnicodeEncodeError:  # JSON can say "\ud800", UTF-8 cannot
        return [Issue("value", "a text holds half a character, an unpaired surrogate")]


def _resource_issues(resource: Any, path: str, depth: int) -> Iterator[Issue]:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        yield Issue("structure", "a resource is a JSON object with a resourceType", path)
        return
    type_ = resource["resourceType"]
    root = path or type_
    if not is_resource_type(type_):
        yield Issue("structure", "resourceType is no type of FHIR R4", f"{root}.resourceType")
        return
    if depth > MAX_DEPTH:
        yield Issue("too-costly", "resources are nested too deeply", root)
        return
    if is_quickly_valid(resource, type_):
        yield from check_own_rules(resource, root)
        inner: Sequence[tuple[Any, str]] = _bundled(resource, root) if type_ == "Bundle" else ()
    else:
        inner = yield from _own_issues(resource, root, depth)
    for each, each_path in inner:
        yield from _resource_issues(each, each_path, depth + 1)


def _bundled(bundle: Json, root: str) -> list[tuple[Any, str]]:
    entries = enumerate(bundle.get("entry", ()))
    return [(entry["resource"], f"{root}.entry[{n}].resource") for n, entry in entries if "resource" in entry]


def _own_issues(resource: Json, root: str, depth: int) -> Generator[Issue, None, list[tuple[Any, str]]]:
    """Give what is wrong with one resource; return those inside it."""
    type_ = resource["resourceType"]
    is_shaped = True
    values, nesting = _extent(resource)
    if nesting > MAX_NESTING:
        yield Issue("too-costly", "the values are nested too deeply", root)
        return []
    for issue in _schema_issues(resource, root, only_first=values > MAX_VALUES):
        is_shaped = False
        yield issue
    walk = _Walk(depth)
    walk.object(resource, type_model(type_), root)
    yield from walk.issues
    if is_shaped and not walk.issues:  # the rules read elements as R4 shapes them
        yield from check_own_rules(resource, root)
        for type_, value, place in walk.ruled:
            yield from DATATYPE_RULES[type_](value, place)
    return walk.inner


def _extent(value: Any) -> tuple[int, int]:
    """Give how many values there are in one, and in how many levels; levels below MAX_NESTING are not counted."""
    count, nesting = 0, 0
    level = [value]
    while level and nesting <= MAX_NESTING:
        count, nesting = count + len(level), nesting + 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return count, nesting


def _schema_issues(resource: Json, root: str, only_first: bool) -> Iterator[Issue]:
    validator = compiled(resource["resourceType"])
    for error in _first_error(validator, resource) if only_first else validator.iter_errors(resource):
        path = root + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        kind = error.kind.name
        if kind == "additionalProperties":
            for name in error.kind.as_dict()["unexpected"]:
                yield Issue("structure", "there is no such element", f"{path}.{_safe(name)}")
        else:
            yield Issue(*_explain(kind, error.schema_path), path)


def _first_error(validator: Draft7Validator, resource: Json) -> Iterator[ValidationError]:
    try:
        validator.validate(resource)
    except ValidationError as error:
        yield error


_EXPLANATIONS = {
    "type": ("structure", "the JSON type is wrong"),
    "pattern": ("value", "the text does not have the form of its FHIR type"),
    "enum": ("code-invalid", "the code is not in the required list"),
    "const": ("structure", "resourceType does not fit"),
    "minItems": ("structure", "an array may not be empty"),
    "minProperties": ("structure", "an object may not be empty"),
    "minLength": ("value", "a text may not be empty"),
    "maxLength": ("value", "the text is longer than 1 MB"),
    "minimum": ("value", "the number is below the range of its FHIR type"),
    "maximum": ("value", "the number is above the range of its FHIR type"),
    "required": ("required", "resourceType is missing"),
}


def _explain(kind: str, schema_path: list[str | int]) -> tuple[str, str]:
    code, text = _EXPLANATIONS.get(kind, ("structure", "the element is not as R4 defines it"))
    if kind == "pattern" and len(schema_path) > 1:
        text = f"the text is not a FHIR {schema_path[-2]}"
    return code, text


def _safe(name: str) -> str:
    """A property name as part of a path; a name that is none could be anything, so it is not repeated."""
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else "?"


@dataclass
class _Walk:
    """One pass over a resource; collects issues, values whose datatypes have rules, and the resources inside it."""

    depth: int
    issues: list[Issue] = field(default_factory=list)
    inner: list[tuple[Any, str]] = field(default_factory=list)
    ruled: list[tuple[str, Json, str]] = field(default_factory=list)

    def object(self, value: Json, model: TypeModel, path: str) -> None:
        """Check one JSON object against its type."""
        if len(self.issues) >= MAX_ISSUES or path.count(".") > MAX_DEPTH:
            return
        self._presence(value, model, path)
        for name, child in value.items():
            element = model.elements.get(name)
            if element is not None:
                self._property(value, element, child, f"{path}.{name}")
            elif name.startswith("_") and (base := model.elements.get(name[1:])) is not None:
                self._extensions(value, base, child, f"{path}.{name[1:]}")
        if model.name == "Extension":
            self._extension(value, path)

    def _report(self, code: str, text: str, path: str) -> None:
        self.issues.append(Issue(code, text, path))

    def _presence(self, value: Json, model: TypeModel, path: str) -> None:
        for name, properties in model.required:
            if not any(p in value for p in properties):
                self._report("required", "the element is required", f"{path}.{name}")
        for names in model.choices:
            present = {n for n in names if n in value or "_" + n in value}
            if len(present) > 1:
                self._report("structure", "only one type of a choice may be given", f"{path}.{sorted(present)[1]}")

    def _property(self, parent: Json, element: Element, child: Any, path: str) -> None:
        if not isinstance(child, list):
            self._value(element, child, path)
            return
        for index, item in enumerate(child):
            if item is None and element.is_primitive:
                if not _item(parent.get("_" + element.name), index):
                    self._report("structure", "null needs an extension at the same place", f"{path}[{index}]")
            else:
                self._value(element, item, f"{path}[{index}]")

    def _value(self, element: Element, value: Any, path: str) -> None:
        if value is None:
            self._report("structure", "null is not a value; leave the element out", path)
        elif element.is_primitive:
            self._primitive(element.type, value, path)
        elif not isinstance(value, dict):
            return  # the schema has said so
        elif element.type == "Resource":
            self.inner.append((value, path))
        else:
            self._complex(element, value, path)

    def _primitive(self, type_: str, value: Any, path: str) -> None:
        if type_ in _DATES and isinstance(value, str) and not is_calendar_date(value):
            self._report("value", "there is no such day in the calendar", path)
        elif type_ == "base64Binary" and isinstance(value, str) and not _is_base64(value):
            self._report("value", "the text is not base64", path)
        elif type_ in ("integer", "positiveInt", "unsignedInt") and isinstance(value, Decimal):
            self._report("value", "a whole number is written without fraction and exponent", path)
        elif type_ == "xhtml" and isinstance(value, str) and (fault := narrative_fault(value)):
            self._report("value", fault, path)

    def _complex(self, element: Element, value: Json, path: str) -> None:
        if element.codes is not None:
            self._binding(element, value, path)
        if element.type == "Reference" and element.targets:
            self._target(element, value, path)
        if element.type in DATATYPE_RULES:
            self.ruled.append((element.type, value, path))
        self.object(value, type_model(element.type), path)

    def _binding(self, element: Element, value: Json, path: str) -> None:
        if element.type not in ("Coding", "CodeableConcept") or element.codes is None:
            return
        codings = [value] if element.type == "Coding" else value.get("coding", [])
        pairs = {(c.get("system"), c.get("code")) for c in codings if isinstance(c, dict) and "code" in c}
        if pairs and not pairs & element.codes:
            self._report("code-invalid", "no coding is in the required list", path)

    def _target(self, element: Element, value: Json, path: str) -> None:
        target = reference_type(value)
        if target and "Resource" not in element.targets and target not in element.targets:
            self._report("value", f"the reference may not point to {target}", f"{path}.reference")

    def _extensions(self, parent: Json, element: Element, child: Any, path: str) -> None:
        values = parent.get(element.name)
        items = child if isinstance(child, list) else [child]
        if isinstance(child, list) and isinstance(values, list) and len(child) > len(values):
            self._report("structure", "there are more extensions than values", path)
        for item in items:
            if isinstance(item, dict):
                self.object(item, _PRIMITIVE_EXTENSION, path)
            elif not isinstance(child, list):
                self._report("structure", "null is not a value; leave the element out", path)

    def _extension(self, value: Json, path: str) -> None:
        has_value = any(n.startswith(("value", "_value")) for n in value)
        if has_value == ("extension" in value):
            self._report("structure", "an extension has either a value or extensions", path)


def reference_type(reference: Json) -> str | None:
    """Give the type a literal reference points to, or None when it doesn't tell."""
    text = reference.get("reference")
    if isinstance(text, str) and not text.startswith(("#", "urn:")):
        parts = text.split("/_history/")[0].split("?")[0].rsplit("/", 2)
        if len(parts) >= 2 and is_resource_type(parts[-2]):
            return parts[-2]
    named = reference.get("type")
    return named if isinstance(named, str) and is_resource_type(named) else None


def _item(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else None


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
