"""Search parameters as sources: which values of a resource each looks at, compiled from its FHIRPath expression.

The must-tier parameters use a small part of FHIRPath: paths, `as`, `where(resolve() is X)`, `where(system='x')`. Each
distinct path is indexed once, however many parameters (`patient`, `subject`, `combo-code` …) look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from records.fhir.model import SearchParameter, is_complex_type, is_resource_type, search_parameters, type_model

Json = dict[str, Any]
# Parameters of the package that this server declares not to support, with the reason in the README.
UNSUPPORTED: Mapping[str, frozenset[str]] = {
    "Patient": frozenset(("phonetic",)),  # needs a sound algorithm per language; :exact and prefix serve
    "Practitioner": frozenset(("phonetic",)),
    "Organization": frozenset(("phonetic",)),
    "Bundle": frozenset(("composition", "message")),  # contents of a stored Bundle are not indexed
    "QuestionnaireResponse": frozenset(("item-subject",)),  # needs the Questionnaire's own extensions
}
_EXPANDED = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
}
_AS = re.compile(r"\(?([\w.]+?)(?: as |\.as\()(\w+)\)((?:\.\w+)*)")
_RESOLVE = re.compile(r"([\w.]+)\.where\(resolve\(\) is (\w+)\)")
_SYSTEM = re.compile(r"([\w.]+)\.where\(system='(\w+)'\)")
_EXISTS = re.compile(r"([\w.]+)\.exists\(\) and .*")


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a parameter looks at."""

    key: str
    """Names the place in the index, e.g. `Observation.subject`."""
    steps: tuple[str, ...]
    target: str = ""
    """Type that a reference must point to (`where(resolve() is Patient)`)."""
    system: str = ""
    """System that a ContactPoint must have (`where(system='phone')`)."""
    is_existence: bool = False
    """The parameter asks whether there is a value other than false (Patient?deceased)."""


@cache
def parameters(type_: str) -> Mapping[str, SearchParameter]:
    """Give the parameters that this server supports on a type."""
    refused = UNSUPPORTED.get(type_, frozenset())
    found = search_parameters(type_).items()
    return {code: p for code, p in found if code not in refused and p.kind != "special"}


@cache
def sources(type_: str, code: str) -> tuple[Source, ...]:
    """Give the places that one parameter of a type looks at."""
    parameter = parameters(type_)[code]
    return tuple(s for e in parameter.expressions for s in _expanded(type_, parameter.kind, _source(type_, e)))


@cache
def indexed(type_: str) -> tuple[tuple[str, Source], ...]:
    """Give (kind, source) of every place to index, each once; composites are apart."""
    found: dict[tuple[str, str], Source] = {}
    for code, parameter in parameters(type_).items():
        if parameter.kind in ("composite", "special") or code in ("_id", "_lastUpdated"):
            continue
        for source in sources(type_, code):
            plain = Source(source.key, source.steps, is_existence=source.is_existence)
            found[(parameter.kind, source.key)] = plain
    return tuple((kind, source) for (kind, _), source in sorted(found.items()))


def _source(type_: str, expression: str) -> Source:
    text = concrete(expression)
    if match := _EXISTS.fullmatch(text):
        return Source(match[1] + "?", _steps(type_, match[1]), is_existence=True)
    if match := _RESOLVE.fullmatch(text):
        return Source(_key(type_, match[1]), _steps(type_, match[1]), target=match[2])
    if match := _SYSTEM.fullmatch(text):
        return Source(_key(type_, match[1]), _steps(type_, match[1]), system=match[2])
    return Source(_key(type_, text), _steps(type_, text))


def concrete(expression: str) -> str:
    """Write a cast as the JSON property: `(Observation.value as Quantity)` is `Observation.valueQuantity`."""
    text = expression.strip()
    match = _AS.fullmatch(text)
    return f"{match[1]}{match[2][0].upper()}{match[2][1:]}{match[3]}" if match else text


def _key(type_: str, path: str) -> str:
    return path if not path.startswith("Resource.") else type_ + path.removeprefix("Resource")


def _steps(type_: str, path: str) -> tuple[str, ...]:
    first, *rest = path.split(".")
    assert first in (type_, "Resource", "DomainResource"), path  # the build script kept only the type's own
    return tuple(rest)


def _expanded(type_: str, kind: str, source: Source) -> Iterator[Source]:
    types = {t for _, t in leaf_types(type_, source.steps)} & set(_EXPANDED)
    if kind != "string" or not types:
        yield source
        return
    for part in _EXPANDED[types.pop()]:
        yield Source(f"{source.key}.{part}", (*source.steps, part))


@cache
def leaf_types(type_: str, steps: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Give (property, type) of the elements that the last step of a path may name."""
    types = {type_}
    found: tuple[tuple[str, str], ...] = ()
    for step in steps:
        found = tuple(c for t in sorted(types) for c in candidates(t, step))
        types = {t for _, t in found}
    return found


@cache
def closed_codes(type_: str, steps: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Give (system, code) of what a place of bare codes may hold: its system is implied (§3.1.1.5.2)."""
    if not steps:
        return frozenset()
    types = {t for _, t in leaf_types(type_, steps[:-1])} if steps[1:] else {type_}
    elements = [e for t in types for e in type_model(t).elements.values() if e.name == steps[-1] and e.type == "code"]
    return frozenset(pair for e in elements for pair in e.codes or ())


@cache
def candidates(type_: str, step: str) -> tuple[tuple[str, str], ...]:
    """Give (property, type) for one step from a type; a choice `value` has many."""
    is_object = type_.startswith("#") or is_resource_type(type_) or is_complex_type(type_)
    if not is_object:
        return ()
    elements = type_model(type_).elements.values()
    return tuple((e.name, e.type) for e in elements if step == e.name or e.choice == step + "[x]")


def values(resource: Json, type_: str, source: Source) -> list[tuple[str, Any]]:
    """Give (datatype, value) of everything that stands at a source."""
    return walk([(type_, resource)], source.steps)


def walk(nodes: list[tuple[str, Any]], steps: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Follow steps from typed nodes."""
    for step in steps:
        following: list[tuple[str, Any]] = []
        for type_, node in nodes:
            for name, child_type in candidates(type_, step):
                child = node.get(name)
                if child is not None:
                    items = child if isinstance(child, list) else (child,)
                    following += [(child_type, item) for item in items if item is not None]
        nodes = following
        if not nodes:
            return nodes
    return nodes
