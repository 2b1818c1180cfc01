"""Synthetic R4 resources from the model itself: valid ones with non-ASCII names and, with faults, nearly valid ones."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from records.fhir.interactions import SERVED_TYPES
from records.fhir.model import Element, type_model
from records.fhir.validate import find_issues

Json = dict[str, Any]
WORDS = ["王小明", "Ñandú", "Müller-Lüdenscheidt", "Анна", "أحمد", "🦙", "O'Brien", "a", "x,y|z$w\\", "ﬁne", "é",
    "Zoë" * 9]  # fmt: skip
CODES = ["final", "active", "a", "8480-6", "http://loinc.org", "male", "VR"]
DATES = ["2024", "2024-02", "2024-02-29", "1890-12-31"]
INSTANTS = ["2024-02-29T12:30:00Z", "2024-02-29T23:59:59.123456789+14:00", "0001-01-01T00:00:00-12:00",
    "9999-12-31T23:59:59Z", "2016-12-31T23:59:60Z"]  # fmt: skip
DECIMALS = ["0", "1.00", "-0.000001", "3.14159265358979", "1e20", "120", "0.1e-7", "99999999999999999.9"]
MAX_DEPTH = 4
_FAULTS: list[Any] = [None, [], {}, "", 0, True, "\x01", "2023-02-30", [None], {"reference": 7}, 1e300, "x" * 2000]


@dataclass
class Synthetic:
    """Draws resources; the same seed draws the same."""

    random: Random
    optional: float = 0.25
    """How often an optional element is there."""
    faults: float = 0.0
    """How often a value is one that does not belong there."""
    ids: tuple[str, ...] = ("p1", "p2", "x")

    def resource(self, type_: str) -> Json:
        """Draw a resource of a type."""
        found = {"resourceType": type_, **self._object(type_, 0)}
        found["id"] = self.random.choice(self.ids)
        found.pop("contained", None)
        return found

    def _object(self, type_: str, depth: int) -> Json:
        model = type_model(type_)
        elements = list(model.elements.values())
        chosen: dict[str, Any] = {}
        taken: set[str] = set()
        self.random.shuffle(elements)
        for element in elements:
            group = element.choice or element.name
            if group in taken or (not element.is_required and not self._wants(element, depth)):
                continue
            taken.add(group)
            chosen[element.name] = self._values(element, depth)
        return chosen or {"id": "e1"}

    def _wants(self, element: Element, depth: int) -> bool:
        if element.type in ("Extension", "Resource", "Narrative", "Meta") or element.name in ("id", "implicitRules"):
            return False
        if depth >= MAX_DEPTH and not element.is_primitive:
            return False
        return self.random.random() < self.optional / (1 + depth)

    def _values(self, element: Element, depth: int) -> Any:
        if not element.is_many:
            return self._value(element, depth)
        return [self._value(element, depth) for _ in range(self.random.choice((1, 1, 2)))]

    def _value(self, element: Element, depth: int) -> Any:
        if self.random.random() < self.faults:
            return self.random.choice(_FAULTS)
        if element.type == "Reference":
            return self._reference(element)
        if element.codes and element.type in ("Coding", "CodeableConcept"):
            system, code = self.random.choice(sorted(element.codes))
            coding = {"system": system, "code": code}
            return coding if element.type == "Coding" else {"coding": [coding]}
        if element.codes and element.is_primitive:
            return self.random.choice(sorted(code for _, code in element.codes))
        if element.is_primitive:
            return self._primitive(element.type)
        if element.type == "Resource":
            return {"resourceType": "Basic", "code": {"text": "x"}}
        return self._object(element.type, depth + 1)

    def _reference(self, element: Element) -> Json:
        targets = sorted(element.targets & SERVED_TYPES) or sorted(element.targets - {"Resource"}) or ["Patient"]
        return {
            "reference": f"{self.random.choice(targets)}/{self.random.choice(self.ids)}",
            "display": self.random.choice(WORDS),
        }

    def _primitive(self, type_: str) -> Any:
        pick = self.random.choice
        fixed: dict[str, Any] = {
            "boolean": True, "integer": 7, "positiveInt": 3, "unsignedInt": 0, "base64Binary": "AAEC", "id": "i-1",
            "oid": "urn:oid:1.2.3", "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "time": "12:30:00",
            "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
        }  # fmt: skip
        match type_:
            case "string" | "markdown":
                return pick(WORDS)
            case "code":
                return pick(CODES)
            case "uri" | "url" | "canonical":
                return pick(["http://example.org/王", "urn:his", "http://loinc.org"])
            case "date":
                return pick(DATES)
            case "dateTime":
                return pick([*DATES, *INSTANTS])
            case "instant":
                return pick(INSTANTS)
            case "decimal":
                return Decimal(pick(DECIMALS))
            case _:
                return fixed[type_]


def valid(random: Random, types: tuple[str, ...], count: int, ids: tuple[str, ...]) -> list[Json]:
    """Draw valid resources with ids of their own; what breaks an invariant is drawn again."""
    drawn: list[Json] = []
    synthetic = Synthetic(random, ids=ids)
    while len(drawn) < count:
        candidate = {**synthetic.resource(random.choice(types)), "id": f"s{len(drawn)}"}
        if not find_issues(candidate):
            drawn.append(candidate)
    return drawn
