"""
Turn a folder of other people's R4 resources into documents with the searches that must find them.

    npm pack hl7.fhir.r4.examples (CC0), tar xzf …; pip install fhirpathpy (in an environment of its own), then
    python -m tests.tools.build_fhir_examples package tests/interop/fhir/data/r4_examples.json.gz

What finds a document is told by HL7's own SearchParameter expressions, which lie beside the examples, and by an
evaluator of FHIRPath that is not ours. Files over MAX_FILE are left out: they are HL7's definitions in Bundles.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhirpathpy import evaluate  # type: ignore[import-not-found]  # of another environment, see above
from fhirpathpy.models import models  # type: ignore[import-not-found]

from records.fhir.interactions import SERVED_TYPES

Json = dict[str, Any]
MAX_FILE = 100_000
PER_PARAMETER = 8
LEFT_OUT = ("_text", "_content", "_query", "_filter", "phonetic", "item-subject")  # README "Search": not supported
NAMES = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country")


def search_parameters(folder: Path) -> dict[str, dict[str, Json]]:
    """Give HL7's search parameters by base type and code."""
    found: dict[str, dict[str, Json]] = {}
    for path in folder.glob("SearchParameter-*.json"):
        body = json.loads(path.read_bytes())
        if "expression" in body and body["url"].startswith("http://hl7.org/fhir/SearchParameter/"):
            for base in body.get("base", []):
                found.setdefault(base, {})[body["code"]] = body
    return found


def escaped(value: str) -> str:
    """Escape what a search value may not hold as it is (FHIR R4 §3.1.1.4.0.2)."""
    return re.sub(r"([\\,|$])", r"\\\1", value)


def tokens(value: Any) -> Iterator[str]:
    """Give the searches for a code, Coding, CodeableConcept, Identifier, ContactPoint or boolean."""
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, str):
        yield escaped(value)
    elif "coding" in value:
        for coding in value["coding"]:
            yield from tokens(coding)
    elif isinstance(text := value.get("code", value.get("value")), str):
        yield escaped(text)
        yield f"{escaped(value.get('system', ''))}|{escaped(text)}"


def strings(value: Any) -> Iterator[str]:
    """Give the searches for a text, a name or an address."""
    parts = [value] if isinstance(value, str) else [value.get(n) for n in NAMES]
    for part in parts:
        yield from (escaped(text) for text in (part if isinstance(part, list) else [part]) if isinstance(text, str))


def references(value: Any) -> Iterator[str]:
    """Give the searches for a reference or canonical; with a version also without."""
    text = value if isinstance(value, str) else value.get("reference", "#")
    if not text.startswith("#"):
        yield text
        if "/_history/" in text:
            yield text.split("/_history/")[0]


def dates(value: Any) -> Iterator[str]:
    """Give the searches for a date or Period."""
    if isinstance(value, str):
        yield from (value, "ge" + value, value[:4], "sa1700")
    else:
        yield from ([f"ge{value['start']}", "sa1700"] if "start" in value else [])
        yield from ([f"le{value['end']}"] if "end" in value else [])


def quantities(value: Any) -> Iterator[str]:
    """Give the searches for a Quantity."""
    if isinstance(value, dict) and "value" in value:
        number = str(value["value"])
        yield from (number, "ge" + number, "ap" + number)
        if "code" in value:
            yield f"{number}|{value.get('system', '')}|{value['code']}"
        if "unit" in value:
            yield f"{number}||{escaped(value['unit'])}"


VALUES: dict[str, Callable[[Any], Iterator[str]]] = {
    "token": tokens,
    "string": strings,
    "reference": references,
    "date": dates,
    "quantity": quantities,
    "uri": strings,
    "number": lambda value: iter([str(value)]),
}


def expression_of(parameter: Json, base: str) -> str:
    """Give the parts of an expression that are for the type, in the words that the evaluator has."""
    parts = [part.strip() for part in parameter["expression"].split(" | ")]
    mine = [part for part in parts if part.lstrip("(").startswith(base + ".")] if len(parameter["base"]) > 1 else parts
    resolved = [re.sub(r"where\(resolve\(\) is (\w+)\)", r"where(reference.contains('\1/'))", part) for part in mine]
    return " | ".join(re.sub(r"\(([\w.]+) as (\w+)\)", r"\1.ofType(\2)", part) for part in resolved)


def searches(resource: Json, all_: dict[str, dict[str, Json]]) -> Iterator[tuple[str, str]]:
    """Give (parameter, value) of what must find a resource."""
    type_ = resource["resourceType"]
    for base in (type_, "DomainResource", "Resource"):
        for code, parameter in sorted(all_.get(base, {}).items()):
            if code in LEFT_OUT or parameter["type"] not in VALUES:
                continue
            found = evaluate(resource, expression_of(parameter, base), {}, models["r4"])
            plain = [each.to_json() if hasattr(each, "to_json") else each for each in found]
            values = [v for each in plain for v in VALUES[parameter["type"]](_plain(each))]
            yield from ((code, value) for value in list(dict.fromkeys(values))[:PER_PARAMETER])


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | dict | bool | int | float | Decimal) else str(value)


def main(source: Path, target: Path) -> None:
    """Write [text of the resource, its searches] of each resource below a folder."""
    all_ = search_parameters(source)
    rows = []
    served = SERVED_TYPES - {"AuditEvent"}  # nobody writes these
    for path in sorted(source.rglob("*.json")):
        if path.name.split("-")[0] not in served or path.stat().st_size > MAX_FILE:
            continue
        text = path.read_text()
        rows.append([text, list(searches(json.loads(text, parse_float=Decimal), all_))])
    target.write_bytes(gzip.compress(json.dumps(rows).encode(), mtime=0))
    print(f"{len(rows)} resources, {sum(len(row[1]) for row in rows)} searches, {target.stat().st_size >> 10} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
