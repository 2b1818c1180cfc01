"""
A Query as SQL. Visibility is a predicate of every branch (match, chain, _has, include), before LIMIT (records.md §4).

`row IN (SELECT …)` rather than EXISTS lets PostgreSQL start from whichever index is most selective.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never
from uuid import UUID

from records.fhir.interactions import SERVED_TYPES
from records.fhir.model import compartment_parameters
from records.fhir.parameters import parameters, sources
from records.fhir.provenance import TARGET
from records.fhir.provenance import TYPE as PROVENANCE
from records.fhir.query import (
    Access,
    AllOf,
    AnyOf,
    Chain,
    Clause,
    Comparator,
    Dates,
    Has,
    Ids,
    Present,
    Quantities,
    References,
    Strings,
    Tokens,
    Updated,
)
from records.store.consent_rules import EXEMPT, Looked, consented
from records.store.resource_blinds import Blinds
from records.store.search_provenance import written_about

# {low} and {high} are the resource's, {a} and {b} the searched interval's (FHIR R4 §3.1.1.4.5)
_COMPARISONS = {
    Comparator.EQ: "({low} >= {a} and {high} <= {b})",
    Comparator.NE: "not ({low} >= {a} and {high} <= {b})",
    Comparator.GT: "{high} > {b}",
    Comparator.LT: "{low} < {a}",
    Comparator.GE: "({high} > {b} or {low} >= {a})",
    Comparator.LE: "({low} < {a} or {high} <= {b})",
    Comparator.SA: "{low} >= {b}",
    Comparator.EB: "{high} <= {a}",
    Comparator.AP: "({low} < {b} and {high} > {a})",
}


@dataclass
class Statement:
    """SQL text in the making, with its parameters; $1 is the tenant."""

    tenant_id: UUID
    access: Access
    blinds: Blinds
    interaction: str = "s"
    """SMART v2 letter that the client needs on every type that the statement touches."""
    at_history: bool = False
    """It shows earlier versions too."""
    values: list[Any] = field(default_factory=list)
    _aliases: int = 0
    _bound: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values.append(self.tenant_id)

    def bind(self, value: Any) -> str:
        """Add a parameter; give its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"

    def alias(self) -> str:
        """Give a table alias that is not used yet."""
        self._aliases += 1
        return f"a{self._aliases}"

    def tokens(self, texts: Iterable[str]) -> str:
        """Blind index texts; give the placeholder of the array."""
        return self.bind(self.blinds.tokens(texts))

    def visible(self, alias: str, type_: str) -> str:
        """Give the predicate that the client may see a resource: scopes, compartment and the patient's Consents."""
        return f"({self.covered(alias, type_)} and {self.consented(alias, type_)})"

    def consented(self, alias: str, type_: str) -> str:
        """Give the predicate that no Consent hides a resource. Broken glass shows it to readers, not to writers."""
        if type_ in EXEMPT or (self.access.breaks_glass and self.interaction in ("r", "s")):
            return "true"
        return consented(Looked(alias, self.at_history), self.access, self.bind_once)

    def bind_once(self, value: Any) -> str:
        """Add a parameter that is used again: the same value is one parameter, however many branches look at it."""
        key = repr(value)
        if key not in self._bound:
            self._bound[key] = self.bind(value)
        return self._bound[key]

    def covered(self, alias: str, type_: str) -> str:
        """Give the predicate that the client's scopes cover a resource of the type."""
        alternatives = self.access.conditions(type_, self.interaction)
        if not alternatives:
            return "false"
        scoped = "true" if () in alternatives else self._either(self._all(alias, type_, w) for w in alternatives)
        return f"({scoped} and {self._in_compartments(alias, type_)})"

    def holds(self, alias: str, type_: str, clause: Clause) -> str:
        """Give the predicate of one clause for the resource `alias`."""
        match clause:
            case Tokens(texts, is_negated):
                return self._tokens(alias, self.blinds.tokens(texts), is_negated)
            case Strings(any_of, is_exact):
                return self._strings(alias, any_of, is_exact)
            case Present(keys, is_negated):
                return self._present(alias, keys, is_negated)
            case Dates(keys, comparator, low, high):
                return self._range(alias, "resource_date", (keys, comparator, low, high))
            case Quantities(keys, comparator, low, high):
                return self._range(alias, "resource_quantity", (keys, comparator, low, high))
            case References():
                return self._references(alias, clause)
            case Ids(ids, is_negated):
                return f"{'not ' * is_negated}{alias}.id = any({self.bind(list(ids))})"
            case Updated(comparator, low, high):
                at = f"{alias}.updated_at"
                return self.compared(comparator, (at, at), (low, high))
            case Chain():
                return self._chain(alias, clause)
            case Has():
                return self._has(alias, type_, clause)
            case AnyOf(clauses):
                return self._either(self.holds(alias, type_, c) for c in clauses)
            case AllOf(clauses):
                return self._all(alias, type_, clauses)
            case _:
                assert_never(clause)

    def _all(self, alias: str, type_: str, clauses: Sequence[Clause]) -> str:
        return "(" + " and ".join(self.holds(alias, type_, c) for c in clauses) + ")" if clauses else "true"

    def _either(self, alternatives: Iterable[str]) -> str:
        found = list(alternatives)
        return "(" + " or ".join(found) + ")" if found else "false"

    def _in_compartments(self, alias: str, type_: str) -> str:
        if self.access.patients is None:
            return "true"
        patients = self.bind(list(self.access.patients))
        if type_ == "Patient":
            return f"{alias}.id = any({patients})"
        keys = compartment_keys("Patient", type_)
        if not keys:
            return "false"
        return self._refers(alias, keys, f"x.target_type = 'Patient' and x.target_id = any({patients})")

    def in_compartment(self, alias: str, compartment: str, id_: str, type_: str) -> str:
        """Give the predicate of membership; a type that is no member has none (§4 of records.md)."""
        keys = compartment_keys(compartment, type_)
        own = f"{alias}.id = {self.bind(id_)}" if type_ == compartment else "false"
        if not keys:
            return own
        target = f"x.target_type = {self.bind(compartment)} and x.target_id = {self.bind(id_)}"
        return f"({own} or {self._refers(alias, keys, target)})"

    def _refers(self, alias: str, keys: Sequence[str], target: str) -> str:
        return (
            f"{alias}.row in (select x.row from resource_reference x where x.tenant_id = $1"
            f" and x.key = any({self.tokens(keys)}) and {target})"
        )

    def _tokens(self, alias: str, found: Sequence[bytes], is_negated: bool) -> str:
        # Of one token PostgreSQL knows how many rows it has; of an array that it does not see, it plans for ten.
        wanted = self.bind(found[0]) if len(found) == 1 else f"any({self.bind(list(found))})"
        inner = f"select t.row from resource_token t where t.tenant_id = $1 and t.token = {wanted}"
        if is_negated:
            return f"not exists ({inner} and t.row = {alias}.row)"
        return f"{alias}.row in ({inner})"

    def _strings(self, alias: str, any_of: Sequence[tuple[str, str]], is_exact: bool) -> str:
        sought = [self.blinds.string(key, text, is_exact) for key, text in any_of]
        tests = [
            f"t.token >= {self.bind(low)} and t.token < {self.bind(high)}" for s in sought for low, high in s.ranges
        ]
        if tokens := [token for s in sought for token in s.tokens]:
            tests.append(f"t.token = any({self.bind(tokens)})")
        if not tests:
            return "false"
        either = " or ".join(tests)
        return f"{alias}.row in (select t.row from resource_token t where t.tenant_id = $1 and ({either}))"

    def _present(self, alias: str, keys: Sequence[str], is_negated: bool) -> str:
        tokens, marks = self.blinds.present(keys)
        tests = [f"coalesce(position({self.bind(mark)} in {alias}.present) > 0, false)" for mark in marks]
        if tokens:
            tests.append(self._tokens(alias, tokens, False))
        either = self._either(tests)
        return f"not {either}" if is_negated else either

    def _range(self, alias: str, table: str, test: tuple[Sequence[str], Comparator, Any, Any]) -> str:
        keys, comparator, low, high = test
        condition = self.compared(comparator, ("x.low", "x.high"), (low, high))
        return (
            f"{alias}.row in (select x.row from {table} x where x.tenant_id = $1"
            f" and x.key = any({self.tokens(keys)}) and {condition})"
        )

    def compared(self, comparator: Comparator, columns: tuple[str, str], bounds: tuple[Any, Any]) -> str:
        """Bind only what the comparison uses: PostgreSQL refuses a parameter that nothing types."""
        template = _COMPARISONS[comparator]
        a, b = ((self.bind(v) if name in template else "") for name, v in zip(("{a}", "{b}"), bounds, strict=True))
        return template.format(low=columns[0], high=columns[1], a=a, b=b)

    def _references(self, alias: str, clause: References) -> str:
        types, id_ = self.bind(list(clause.target_types)), self.bind(clause.target_id)
        return self._refers(alias, clause.keys, f"x.target_type = any({types}) and x.target_id = {id_}")

    def _chain(self, alias: str, clause: Chain) -> str:
        x, target = self.alias(), self.alias()
        return (
            f"{alias}.row in (select {x}.row from resource_reference {x} join resource {target}"
            f" on {target}.tenant_id = $1 and {target}.type = {x}.target_type and {target}.id = {x}.target_id"
            f" where {x}.tenant_id = $1 and {x}.target_type = {self.bind(clause.type)}"
            f" and {x}.key = any({self.tokens(clause.keys)}) and not {target}.deleted"
            f" and {self.visible(target, clause.type)} and {self._all(target, clause.type, clause.where)})"
        )

    def _has(self, alias: str, type_: str, clause: Has) -> str:
        x, source = self.alias(), self.alias()
        stored = (
            f"{alias}.id in (select {x}.target_id from resource_reference {x} join resource {source}"
            f" on {source}.tenant_id = $1 and {source}.row = {x}.row"
            f" where {x}.tenant_id = $1 and {x}.target_type = {self.bind(type_)}"
            f" and {x}.key = any({self.tokens(clause.keys)}) and {source}.type = {self.bind(clause.type)}"
            f" and not {source}.deleted and {self.visible(source, clause.type)}"
            f" and {self._all(source, clause.type, clause.where)})"
        )
        if clause.type == PROVENANCE and TARGET in clause.keys and type_ != PROVENANCE:
            return f"({stored} or {written_about(self, alias, type_, clause.where)})"
        return stored


def compartment_types(compartment: str) -> frozenset[str]:
    """Give the served types that may belong to a compartment."""
    members = {t for t in SERVED_TYPES if compartment_keys(compartment, t)}
    return frozenset({compartment, *members})


def compartment_keys(compartment: str, type_: str) -> tuple[str, ...]:
    """Give the index keys of the parameters by which a type belongs to a compartment."""
    codes = [c for c in compartment_parameters(compartment, type_) if c in parameters(type_)]
    return tuple(dict.fromkeys(s.key for c in codes for s in sources(type_, c)))
