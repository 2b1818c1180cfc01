"""
What a Consent permits and denies, as rules that a query can decide by (FHIR R4 §6.2). Pure.

A rule applies to a resource when each of its restrictions is empty or fits. Of one Consent the deepest applicable rules
decide, a denial among them wins; of several Consents a denial wins. No applicable rule means permitted.

What the rules cannot express (a code without system, a class of another list) makes them careful: a denial then covers
more than was written, a permission nothing, nor does a permission below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from records.fhir import terminology as t
from records.fhir.coded import code_text, protected_as
from records.fhir.dates import EARLIEST, LATEST, parse
from records.fhir.index import reference_target

Json = dict[str, Any]
PRIVACY = "patient-privacy"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
# Actions that are done by reading over an interface; the others (collect, correct) are no matter of answers.
READING = frozenset(("access", "disclose", "use"))
# Exceptions of exceptions of exceptions; a Consent of a form has two levels.
MAX_DEPTH = 8
MAX_RULES = 200


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """One provision with its parents' restrictions; None means that a restriction is not there."""

    depth: int
    is_permit: bool
    valid_from: datetime = EARLIEST
    valid_until: datetime = LATEST
    actors: tuple[str, ...] | None = None
    """`Organization/o1`, or `system|value` of an identifier."""
    purposes: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    """Resource types."""
    data: tuple[str, ...] | None = None
    """`Encounter/e1`."""
    is_related: bool = False
    """Also what refers to the data."""
    needs: tuple[tuple[str, ...], ...] = ()
    """Texts of coded.py: the resource has one of each group."""
    data_from: datetime | None = None
    data_until: datetime | None = None
    """What the data's own dates lie in: of a denial any of them, of a permission all; both or neither are there."""


def rules_of(consent: Json, own_base: str = "") -> list[ConsentRule]:
    """Give the rules of a valid Consent; none when it is not active or not about privacy."""
    if consent.get("status") != "active" or PRIVACY not in _codes(consent.get("scope", {})):
        return []
    if any(system == t.CONSENT_KIND for c in consent.get("category", []) for system, _ in _codings(c)):
        return []  # our own three questions: the visit itself asks them
    base = {"OPTIN": True, "OPTOUT": False}.get(next(iter(_codes(consent.get("policyRule", {}))), ""))
    found: list[ConsentRule] = [] if base is None else [ConsentRule(0, base)]
    if provision := consent.get("provision"):
        parent = found[0] if found else ConsentRule(-1, True)
        found += _Reading(own_base).rules(provision, parent, default=not base if base is not None else None)
    return found[:MAX_RULES]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads provisions of Consents that name what this server keeps, by relative or by whole addresses."""

    own_base: str

    def rules(
        self, provision: Json, parent: ConsentRule, default: bool | None, is_sure: bool = True
    ) -> Iterator[ConsentRule]:
        """
        The rule of a provision, then those of its exceptions; `default` is its kind when it does not tell.

        `is_sure` says that what stands above restricts to just what was written.
        """
        depth = parent.depth + 1
        kind = {"permit": True, "deny": False}.get(provision.get("type", ""), default)
        rule = self._restricted(provision, parent, depth, kind is not False)
        is_sure = is_sure and _is_decidable(provision)
        if kind is not None and _concerns_reading(provision) and (not kind or is_sure):
            yield rule
        if depth < MAX_DEPTH:
            for exception in provision.get("provision", []):
                yield from self.rules(exception, rule, None if kind is None else not kind, is_sure)

    def _restricted(self, provision: Json, parent: ConsentRule, depth: int, is_permit: bool) -> ConsentRule:
        period = provision.get("period", {})
        start, end = parse(period.get("start", "")), parse(period.get("end", ""))
        data, is_related = self._data(provision)
        data_from, data_until = _data_period(provision, parent)
        return ConsentRule(
            depth, is_permit,
            max(parent.valid_from, start.low) if start else parent.valid_from,
            min(parent.valid_until, end.high) if end else parent.valid_until,
            _both(parent.actors, self._actors(provision)),
            _both(parent.purposes, _optional(c["code"] for c in provision.get("purpose", []) if "code" in c)),
            _both(parent.classes, _classes(provision, is_permit)),
            _both(parent.data, data), is_related or parent.is_related,
            (*parent.needs, *_needs(provision, is_permit)), data_from, data_until,
        )  # fmt: skip

    def _actors(self, provision: Json) -> tuple[str, ...] | None:
        found = []
        for actor in provision.get("actor", []):
            who = actor.get("reference", {})
            if target := reference_target(who.get("reference"), self.own_base):
                found.append("/".join(target) if target[0] else target[1])
            if "value" in who.get("identifier", {}):
                found.append(f"{who['identifier'].get('system', '')}|{who['identifier']['value']}")
        return tuple(found) if provision.get("actor") else None

    def _data(self, provision: Json) -> tuple[tuple[str, ...] | None, bool]:
        given = provision.get("data", [])
        targets = [reference_target(d.get("reference", {}).get("reference"), self.own_base) for d in given]
        found = tuple(f"{target[0]}/{target[1]}" for target in targets if target)
        return (found if given else None), any(d.get("meaning") != "instance" for d in given)


def _both(one: Sequence[str] | None, other: Sequence[str] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        found = one if other is None else other
        return None if found is None else tuple(found)
    return tuple(value for value in one if value in other)


def _optional(values: Any) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(values)) or None


def _classes(provision: Json, is_permit: bool) -> tuple[str, ...] | None:
    """Resource types; a class of another system restricts a permission to nothing and a denial not at all."""
    given = provision.get("class", [])
    types = [c["code"] for c in given if c.get("system") == RESOURCE_TYPES and "code" in c]
    if len(types) < len(given) and not is_permit:
        return None
    return tuple(types) if given else None


def _concerns_reading(provision: Json) -> bool:
    codes = {code for action in provision.get("action", []) for code in _codes(action)}
    return not codes or bool(codes & READING)


def _is_decidable(provision: Json) -> bool:
    codes_tell = all("system" in c and "code" in c for c in _named_codes(provision))
    labels_tell = all("system" in c and "code" in c for c in provision.get("securityLabel", []))
    period = provision.get("dataPeriod")
    return codes_tell and labels_tell and (period is None or "start" in period or "end" in period)


def _named_codes(provision: Json) -> list[Json]:
    """The codings of a provision's codes; a concept without any is a coding that does not tell."""
    return [coding for concept in provision.get("code", []) for coding in concept.get("coding") or [{}]]


def _needs(provision: Json, is_permit: bool) -> Iterator[tuple[str, ...]]:
    """A denial covers what has one of its labels, a permission what has all of them."""
    if not _is_decidable(provision):
        return
    if codes := _named_codes(provision):
        yield tuple(code_text(c["system"], c["code"]) for c in codes)
    labels = [protected_as(label, is_permit) for label in provision.get("securityLabel", [])]
    if labels:
        yield from labels if is_permit else [tuple(text for texts in labels for text in texts)]


def _data_period(provision: Json, parent: ConsentRule) -> tuple[datetime | None, datetime | None]:
    period = provision.get("dataPeriod", {})
    start, end = parse(period.get("start", "")), parse(period.get("end", ""))
    if start is None and end is None:
        return parent.data_from, parent.data_until
    low, high = start.low if start else EARLIEST, end.high if end else LATEST
    return max(parent.data_from or low, low), min(parent.data_until or high, high)


def _codings(concept: Json) -> list[tuple[str, str]]:
    return [(c.get("system", ""), c["code"]) for c in concept.get("coding", []) if "code" in c]


def _codes(concept: Json) -> list[str]:
    return [code for _, code in _codings(concept)]
