"""A search as values: what must hold (clauses), in what order, how much of it. search.py makes it, store runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum


class Comparator(Enum):
    """Prefixes of ordered values (FHIR R4 §3.1.1.4.5)."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"
    AP = "ap"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Any of these texts is among the resource's blind tokens (or none, when negated)."""

    any_of: tuple[str, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Strings:
    """A string under one of the keys begins with its text; or, when exact, was written as it."""

    any_of: tuple[tuple[str, str], ...]
    """(key, text): normalised for a beginning, as it was written when exact."""
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value under any of the keys (or under none, when negated)."""

    keys: tuple[str, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Dates:
    """A date under any of the keys stands to [low, high) as the comparator says."""

    keys: tuple[str, ...]
    comparator: Comparator
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Quantities:
    """A quantity under any of the keys stands to [low, high) as the comparator says."""

    keys: tuple[str, ...]
    comparator: Comparator
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class References:
    """A reference under any of the keys points to the target; an empty type means an absolute URL."""

    keys: tuple[str, ...]
    target_types: tuple[str, ...]
    target_id: str


@dataclass(frozen=True, slots=True)
class Ids:
    """The resource's own id is one of these (or none, when negated)."""

    any_of: tuple[str, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Updated:
    """The resource's last update stands to [low, high) as the comparator says."""

    comparator: Comparator
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference under any of the keys points to a visible resource of the type for which all of `where` hold."""

    keys: tuple[str, ...]
    type: str
    where: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A visible resource of the type refers to this one under any of the keys, and all of `where` hold for it."""

    type: str
    keys: tuple[str, ...]
    where: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the clauses holds; none at all means never."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every clause holds; none at all means always."""

    clauses: tuple[Clause, ...]


Clause = Tokens | Strings | Present | Dates | Quantities | References | Ids | Updated | Chain | Has | AnyOf | AllOf


@dataclass(frozen=True, slots=True)
class Order:
    """One key of _sort."""

    kind: str
    """`id`, `updated`, `date` or `quantity`."""
    keys: tuple[str, ...] = ()
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """_include (from a match to its target) or _revinclude (from a source to a match)."""

    source: str
    keys: tuple[str, ...]
    target: str
    """Type of the target, or empty for any."""
    is_reverse: bool
    is_iterated: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One search."""

    type: str
    where: tuple[Clause, ...] = ()
    order: tuple[Order, ...] = ()
    count: int = 50
    includes: tuple[Include, ...] = ()
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str = "none"
    effective: tuple[tuple[str, str], ...] = ()
    """Parameters that were understood, for the self link."""
    ignored: tuple[str, ...] = ()
    """Parameters that were not."""
    left_out: tuple[str, ...] = ()
    """Those of them that chose among resources, so that more is found than was asked for."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one scope permits on a type."""

    interactions: frozenset[str]
    """Letters of SMART v2: c, r, u, d, s."""
    where: tuple[Clause, ...] = ()
    """Granular scope: only resources for which these hold."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an authenticated client may do; made from its token's scopes, never from the request."""

    client_id: str
    grants: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)
    """By resource type; a type that is missing is forbidden."""
    patients: frozenset[str] | None = None
    """Patient ids whose compartments alone are visible; None for no such limit."""
    actors: frozenset[str] = frozenset()
    """How Consents may name the client: `Organization/o1`, `system|value`."""
    purpose: str = "TREAT"
    """Why it asks (HL7 v3 PurposeOfUse); Consents and the grade of places look at it."""
    breaks_glass: bool = False
    """It reads what a Consent denies; each patient is flagged."""

    def permits(self, type_: str, interaction: str) -> bool:
        """Tell whether some grant covers the interaction on the type."""
        return any(interaction in g.interactions for g in self.grants.get(type_, ()))

    def conditions(self, type_: str, interaction: str) -> tuple[tuple[Clause, ...], ...]:
        """Give the alternatives of which one must hold for each resource; an empty alternative always holds."""
        return tuple(g.where for g in self.grants.get(type_, ()) if interaction in g.interactions)

    def sees_deleted(self, type_: str) -> bool:
        """Tell whether the client may learn that a resource was deleted: only who sees all of the type."""
        return self.patients is None and any(not g.where for g in self.grants.get(type_, ()))

    def is_limited(self, type_: str, interaction: str) -> bool:
        """Tell whether the client may do it to some resources of the type only."""
        return self.patients is not None or () not in self.conditions(type_, interaction)
