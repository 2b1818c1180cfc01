"""The R4 types as data: elements, code lists, search parameters and compartments, read once from data/r4.json.gz."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

PRIMITIVES = frozenset(
    [
        "base64Binary",
        "boolean",
        "canonical",
        "code",
        "date",
        "dateTime",
        "decimal",
        "id",
        "instant",
        "integer",
        "markdown",
        "oid",
        "positiveInt",
        "string",
        "time",
        "unsignedInt",
        "uri",
        "url",
        "uuid",
        "xhtml",
    ]
)


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON property of a type; a choice `value[x]` gives one Element for each of its types."""

    name: str
    choice: str
    """`value[x]` for a choice, else empty."""
    type: str
    """Primitive or complex type, `Resource`, or `#Patient.contact` for a backbone element."""
    is_required: bool
    is_many: bool
    codes: frozenset[tuple[str, str]] | None
    """[system, code] pairs of a required binding, when the list is closed."""
    targets: frozenset[str]
    """Types that a Reference may point to; `Resource` among them means any."""
    is_summary: bool

    @property
    def is_primitive(self) -> bool:
        """True for a JSON string, number or boolean."""
        return self.type in PRIMITIVES


@dataclass(frozen=True, slots=True)
class TypeModel:
    """The properties of one type or backbone element."""

    name: str
    elements: Mapping[str, Element]
    required: tuple[tuple[str, tuple[str, ...]], ...]
    """Name to report, and the JSON properties of which one must be there."""
    choices: tuple[tuple[str, ...], ...]
    """Property names that exclude each other."""


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One standard search parameter of a type (FHIR R4 §3.1.1)."""

    code: str
    kind: str
    """token, reference, date, string, quantity, number, uri, composite or special."""
    expressions: tuple[str, ...]
    targets: frozenset[str]
    components: tuple[tuple[str, str], ...]
    """(code of the component's parameter, expression below the composite's own)."""
    url: str


@cache
def _data() -> dict[str, Any]:
    packed = files("records.fhir").joinpath("data", "r4.json.gz").read_bytes()
    loaded: dict[str, Any] = json.loads(gzip.decompress(packed))
    return loaded


def is_resource_type(name: str) -> bool:
    """Tell whether R4 has a concrete resource type of this name."""
    return bool(_data()["kinds"].get(name) == "resource")


def is_complex_type(name: str) -> bool:
    """Tell whether R4 has a datatype of this name that is a JSON object."""
    return bool(_data()["kinds"].get(name) == "complex-type")


@cache
def type_model(name: str) -> TypeModel:
    """Give the model of a type (`Patient`) or backbone element (`#Patient.contact`)."""
    elements: dict[str, Element] = {}
    required: list[tuple[str, tuple[str, ...]]] = []
    choices: list[tuple[str, ...]] = []
    for row in _data()["types"][name.removeprefix("#")]:
        found = _elements_of(row)
        elements.update((e.name, e) for e in found)
        if row[1]:
            required.append((row[0], tuple(n for e in found for n in _properties(e))))
        if len(found) > 1:
            choices.append(tuple(e.name for e in found))
    return TypeModel(name, elements, tuple(required), tuple(choices))


def _elements_of(row: list[Any]) -> list[Element]:
    name, minimum, many, types, list_number, targets, summary = row
    pairs = None if list_number is None else frozenset((s, c) for s, c in _data()["lists"][list_number])
    is_choice = name.endswith("[x]")
    stem = name.removesuffix("[x]")
    return [
        Element(
            name=stem + type_[0].upper() + type_[1:] if is_choice else name,
            choice=name if is_choice else "",
            type=type_,
            is_required=bool(minimum),
            is_many=bool(many),
            codes=pairs,
            targets=frozenset(targets),
            is_summary=bool(summary),
        )
        for type_ in types
    ]


def _properties(element: Element) -> tuple[str, ...]:
    return (element.name, "_" + element.name) if element.is_primitive else (element.name,)


@cache
def search_parameters(type_: str) -> Mapping[str, SearchParameter]:
    """Give the type's standard parameters by code, those of every resource (`_id`, `_lastUpdated` …) included."""
    table = _data()["search"]
    rows = {**table.get("Resource", {}), **table.get(type_, {})}
    found = {code: _parameter(code, row) for code, row in rows.items()}
    found["_id"] = SearchParameter("_id", "token", ("Resource.id",), frozenset(), (), _RESOURCE_ID)
    return found


_RESOURCE_ID = "http://hl7.org/fhir/SearchParameter/Resource-id"


def _parameter(code: str, row: list[Any]) -> SearchParameter:
    kind, expressions, targets, components, url = row
    pairs = tuple((c, e) for c, e in components)
    return SearchParameter(code, kind, tuple(expressions), frozenset(targets), pairs, url)


@cache
def compartment_parameters(compartment: str, type_: str) -> tuple[str, ...]:
    """Give the parameters by which `type_` belongs to the compartment; empty when it never does (§4.1.3)."""
    return tuple(_data()["compartments"][compartment].get(type_, ()))
