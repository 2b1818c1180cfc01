"""SMART scopes, v1 (`system/Patient.read`) and v2 (`system/Patient.rs?_id=1`), as what a client may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from records.fhir.errors import FhirError
from records.fhir.interactions import SERVED_TYPES
from records.fhir.query import Access, Grant
from records.fhir.search import Surroundings, parse_search

_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE = re.compile(r"system/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<letters>read|write|\*|c?r?u?d?s?)(?:\?(?P<query>.+))?")
# A client asks for a scope per type at most; the token must fit in a header.
MAX_SCOPES = 100
MAX_SCOPE_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope."""

    text: str
    type: str
    """Resource type or `*`."""
    interactions: frozenset[str]
    """Letters of `cruds`."""
    query: str = ""
    """Granular restriction (SMART 2.2 §3.0.2.3), `category=…`."""

    def covers(self, other: Scope) -> bool:
        """Tell whether this scope permits all that the other asks for, apart from restrictions."""
        return self.type in ("*", other.type) and self.interactions >= other.interactions


def parse_scopes(text: str) -> list[Scope]:
    """Give the scopes that this server knows; others are left out (RFC 6749 §3.3)."""
    words = text[:MAX_SCOPE_CHARACTERS].split()[:MAX_SCOPES]
    return [scope for word in words if (scope := _parse(word)) is not None]


def _parse(word: str) -> Scope | None:
    match = _SCOPE.fullmatch(word)
    if match is None or not match["letters"]:
        return None
    type_ = match["type"]
    if type_ != "*" and type_ not in SERVED_TYPES:
        return None
    letters = frozenset(_V1.get(match["letters"], match["letters"]))
    return Scope(word, type_, letters, match["query"] or "")


def granted(asked: Sequence[Scope], registered: Sequence[Scope]) -> list[Scope]:
    """Give what a client gets: what it asked for, never more than it was registered for, restrictions kept."""
    found: list[Scope] = []
    for scope in asked:
        for limit in registered:
            if limit.covers(scope) and limit.query in ("", scope.query):
                found.append(scope)
                break
            if limit.covers(scope) and not scope.query:
                found.append(Scope(f"{scope.text}?{limit.query}", scope.type, scope.interactions, limit.query))
    return found


def access_of(client_id: str, scopes: Iterable[Scope], now: datetime) -> Access:
    """Give what the scopes permit. Raises FhirError for a restriction that is no search."""
    grants: dict[str, tuple[Grant, ...]] = {}
    around = Surroundings(now, is_strict=True)
    for scope in scopes:
        for type_ in sorted(SERVED_TYPES) if scope.type == "*" else (scope.type,):
            where = parse_search(type_, parse_qsl(scope.query), around).where if scope.query else ()
            grants[type_] = (*grants.get(type_, ()), Grant(scope.interactions, where))
    return Access(client_id, grants)


def are_usable(scopes: Iterable[Scope], now: datetime) -> bool:
    """Tell whether all restrictions are searches that this server can do."""
    try:
        access_of("", scopes, now)
    except FhirError:
        return False
    return True
