"""From a search URL to a Query (FHIR R4 §3.1.1). Each parameter kind is a function from its value to a clause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from records.fhir import text as fhir_text
from records.fhir.birth_dates import birth_date_clause
from records.fhir.bundle import Entry
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadSearch, Issue, NotSupported
from records.fhir.index import (
    BELOW,
    BLIND_DATES,
    MAX_PREFIX,
    OF_TYPE,
    SEPARATOR,
    above,
    normalise_string,
    normalise_token,
    number_range,
    presence_of,
    quantity_key,
    reference_target,
    relative,
    token,
)
from records.fhir.interactions import SERVED_TYPES
from records.fhir.model import SearchParameter, is_resource_type
from records.fhir.outcome import operation_outcome
from records.fhir.parameters import Source, closed_codes, leaf_types, parameters, sources
from records.fhir.places import TYPES
from records.fhir.query import (
    AnyOf,
    Chain,
    Clause,
    Comparator,
    Dates,
    Has,
    Ids,
    Present,
    Quantities,
    Query,
    References,
    Strings,
    Tokens,
    Updated,
)
from records.fhir.search_draft import Draft, printable
from records.fhir.search_results import RESULT_PARAMETERS, set_result_parameter
from records.fhir.search_text import split_escaped, unescape
from records.fhir.validate import reference_type

# Each value is a branch of the query; hundreds would be an attack on the planner.
MAX_VALUES = 200
MAX_PARAMETERS = 50
MAX_CHAIN = 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a search needs to know besides its URL."""

    now: datetime
    base_url: str = ""
    """Address of this server's /fhir: absolute references to it are relative ones."""
    is_strict: bool = False
    """Prefer: handling=strict. An unknown parameter is an error rather than ignored."""
    hidden: frozenset[str] = frozenset()
    """Parameters about people's addresses that the client may not ask by."""


def parse_search(type_: str, pairs: Iterable[tuple[str, str]], around: Surroundings) -> Query:
    """Give the query. Raises BadSearch, NotSupported."""
    draft = Draft(type_, around.base_url, around.now, around.is_strict, hidden=around.hidden)
    for number, (name, value) in enumerate(pairs):
        if number >= MAX_PARAMETERS:
            raise BadSearch(f"a search has at most {MAX_PARAMETERS} parameters")
        try:
            _take(draft, name, value)
        except (BadSearch, NotSupported) as error:
            error.issues = [replace(issue, parameter=printable(name)) for issue in error.issues]
            raise
    return Query(
        type_, tuple(draft.where), draft.order, draft.count, tuple(draft.includes), draft.summary, draft.elements,
        draft.total, tuple(draft.effective), tuple(draft.ignored), tuple(draft.left_out),
    )  # fmt: skip


def _take(draft: Draft, name: str, value: str) -> None:
    if value == "":
        draft.ignored.append(name)  # §3.1.1.3: an empty parameter is not an error
    elif name in RESULT_PARAMETERS:
        set_result_parameter(draft, name, value)
    else:
        _filter(draft, name, value)


def parse_searches(types: Sequence[str], pairs: Sequence[tuple[str, str]], around: Surroundings) -> list[Query]:
    """
    Give one query a type for a search over several: all types must know every parameter (§3.1.1.2).

    Raises BadSearch, NotSupported.
    """
    found = [parse_search(type_, [p for p in pairs if p[0] != "_type"], around) for type_ in types]
    named = [pair for pair in pairs if pair[0] == "_type"]
    if len(types) == 1 and not named:
        return found
    if any(query.ignored != found[0].ignored for query in found):
        raise BadSearch("each parameter of a search over several types must be one of all of them")
    if len({tuple((o.kind, o.is_descending) for o in query.order) for query in found}) > 1:
        raise BadSearch("_sort means another kind of value on each of these types; sort by _id or _lastUpdated")
    return [replace(query, effective=(*named, *query.effective)) for query in found]


def _filter(draft: Draft, name: str, value: str) -> None:
    clause = criterion(draft, name, value, MAX_CHAIN)
    if clause is not None:
        draft.where.append(clause)
        draft.effective.append((name, value))
    elif draft.is_strict:
        raise NotSupported(left_out(draft.type, name))
    else:
        draft.ignored.append(name)
        if name in NOT_SERVED or not name.startswith("_"):  # `_totalMethod`, `_=123` choose nothing
            draft.left_out.append(name)


def left_out(type_: str, name: str) -> str:
    """Say why a parameter is not looked at."""
    if reason := NOT_SERVED.get(name.partition(":")[0]):
        return f"{printable(name)} is not supported: {reason}"
    return f"there is no search parameter {printable(name)} on {type_}"


def left_out_entries(type_: str, names: Sequence[str]) -> list[Entry]:
    """Tell in the answer which criteria were not looked at: it holds more than was asked for (§3.1.1.2)."""
    issues = [Issue("not-supported", left_out(type_, n), severity="warning", parameter=printable(n)) for n in names]
    return [Entry("", fhir_text.dumps(operation_outcome(issues)), "outcome")] if issues else []


NOT_SERVED = {
    "_text": "narratives are sealed and have no index of their words; search by parameters",
    "_content": "resources are sealed and have no index of their words; search by parameters",
    "_list": "this server has no resource type List; search by parameters",
    "_filter": "write each criterion as a parameter of its own",
    "_query": "this server has no named queries",
}


def criterion(draft: Draft, name: str, value: str, depth: int) -> Clause | None:
    """Give the clause of one filter parameter, or None for an unknown one."""
    if depth == 0:
        raise NotSupported(f"at most {MAX_CHAIN} links in a chain")
    if name.startswith("_has:"):
        return _has(draft, name, value, depth)
    head, _, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = parameters(draft.type).get(code)
    if parameter is None:
        return None
    if code in draft.hidden and draft.type in TYPES:
        raise NotSupported(f"{code} is not searched for this client's purpose of use: it sees places less exactly")
    if rest:
        return _chain(draft, parameter, modifier, rest, value, depth)
    if modifier == "missing":
        return _missing(draft.type, parameter, value)
    if parameter.kind == "special" or (modifier and modifier not in _modifiers(parameter)):
        raise NotSupported(_refusal(modifier, code))
    values = split_escaped(value, ",")
    if len(values) > MAX_VALUES:
        raise BadSearch(f"a parameter has at most {MAX_VALUES} values")
    return _values(draft, parameter, modifier, values)


def _values(draft: Draft, parameter: SearchParameter, modifier: str, values: list[str]) -> Clause:
    if parameter.code == "_id":
        return Ids(tuple(unescape(v) for v in values), modifier == "not")
    if parameter.code == "_lastUpdated":
        return _any(Updated(*_date_test(draft, v)) for v in values)
    places = sources(draft.type, parameter.code)
    if any(p.is_existence for p in places):
        return _existence(places, modifier, values)
    if modifier == "not":
        return Tokens(tuple(t for v in values for t in _token_texts(places, draft.type, v)), is_negated=True)
    make = _MAKERS[parameter.kind]
    return _any(make(_Case(draft, parameter, modifier, places), v) for v in values)


def _existence(places: tuple[Source, ...], modifier: str, values: list[str]) -> Clause:
    """`deceased=false` asks for those of whom nothing says true: most resources say nothing (Patient-deceased)."""
    wanted = {v.rpartition("|")[2] for v in values} & {"true", "false"}
    if modifier == "not":
        wanted = {"true", "false"} - wanted
    texts = tuple(token(p.key, "true") for p in places)
    alternatives = [Tokens(texts, is_negated=value == "false") for value in sorted(wanted)]
    return alternatives[0] if len(alternatives) == 1 else AnyOf(tuple(alternatives))


def _any(clauses: Iterable[Clause]) -> Clause:
    """Join alternatives; those of tokens become one clause, which is one index scan, and so do those of strings."""
    found = list(clauses)
    texts = tuple(t for c in found if isinstance(c, Tokens) and not c.is_negated for t in c.any_of)
    rest: list[Clause] = [
        c for c in found if not (isinstance(c, Strings) or isinstance(c, Tokens) and not c.is_negated)
    ]
    if texts:
        rest.append(Tokens(texts))
    for is_exact in (False, True):
        strings = tuple(s for c in found if isinstance(c, Strings) and c.is_exact is is_exact for s in c.any_of)
        if strings:
            rest.append(Strings(strings, is_exact))
    return rest[0] if len(rest) == 1 else AnyOf(tuple(rest))


@dataclass(frozen=True, slots=True)
class _Case:
    """One parameter with its modifier, and where it looks."""

    draft: Draft
    parameter: SearchParameter
    modifier: str
    places: tuple[Source, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(p.key for p in self.places)


def _refusal(modifier: str, code: str) -> str:
    reason = _WHY_NOT.get(modifier, "")
    return f"the modifier :{printable(modifier)} is not supported on {code}{reason}"


_WHY_NOT = {
    "contains": ": sealed texts are found by their beginnings only; search without it, or by :exact",
    "in": ": value sets are not expanded here; name the codes, with commas between",
    "not-in": ": value sets are not expanded here; name the codes with :not",
    "above": ": codes have no hierarchy here; name the codes, with commas between",
    "below": ": codes have no hierarchy here; name the codes, with commas between",
}


def _modifiers(parameter: SearchParameter) -> frozenset[str]:
    if parameter.code == "_id":
        return frozenset(("not",))
    if parameter.kind == "reference":
        return frozenset(("identifier", *parameter.targets, *_ANY_TARGET))
    if parameter.kind == "uri":
        return frozenset(("above",) if parameter.code.startswith("_") else ("above", "below"))
    return _MODIFIERS.get(parameter.kind, frozenset())


_ANY_TARGET = SERVED_TYPES
_MODIFIERS = {"token": frozenset(("not", "text", "of-type")), "string": frozenset(("exact",))}


def _missing(type_: str, parameter: SearchParameter, value: str) -> Clause:
    if value not in ("true", "false"):
        raise BadSearch(":missing is true or false")
    if parameter.kind == "composite" or parameter.code in ("_id", "_lastUpdated"):
        raise NotSupported(f":missing is not supported on {parameter.code}")
    places = sources(type_, parameter.code)
    keys = tuple(presence_of(s.key, s.system) if s.system else s.key for s in places)
    return Present(keys, is_negated=value == "true")


# --- kinds ------------------------------------------------------------------------------------------------------------


def _token(case: _Case, value: str) -> Clause:
    if case.modifier == "text":
        normal = normalise_string(unescape(value))[:MAX_PREFIX]
        return Strings(tuple((k, normal) for k in case.keys))
    if case.modifier == "of-type":
        return _of_type(case, value)
    return Tokens(tuple(_token_texts(case.places, case.draft.type, value)))


def _of_type(case: _Case, value: str) -> Clause:
    """`system|code|value`: an Identifier of a type, e.g. a passport (§3.1.1.5.3); other tokens have no type."""
    parts = [unescape(p) for p in split_escaped(value, "|")]
    types = {t for p in case.places for _, t in leaf_types(case.draft.type, p.steps)}
    if types != {"Identifier"} or len(parts) != 3 or not all(parts):
        raise BadSearch(":of-type is for identifiers, system|code|value with all three given")
    text = "|".join((*parts[:2], normalise_token("Identifier", parts[2])))
    return Tokens(tuple(token(k + OF_TYPE, text) for k in case.keys))


def _token_texts(places: tuple[Source, ...], type_: str, value: str) -> list[str]:
    """Give the index texts of `code`, `system|code`, `|code` or `system|` at each place."""
    parts = [unescape(p) for p in split_escaped(value, "|")]
    if len(parts) > 2 or parts == [""]:
        raise BadSearch("a token is code, system|code, |code or system|")
    texts = []
    for place in places:
        kind = next((t for _, t in leaf_types(type_, place.steps)), "code") if place.steps else "code"
        if len(parts) == 2 and kind == "code" and not place.system:
            texts += _bare_codes(place, type_, parts[0], parts[1])
            continue
        code = normalise_token(kind, parts[-1])
        text = f"{parts[0]}|{code}" if len(parts) == 2 else code
        texts.append(token(place.key, f"{place.system}|{code}" if place.system else text))
    return texts


def _bare_codes(place: Source, type_: str, system: str, code: str) -> list[str]:
    """`system|code` and `system|` at an element of type code, which stores no system but has one all the same."""
    found = closed_codes(type_, place.steps)
    if not found:
        return [token(place.key, f"{system}|{normalise_token('code', code)}")]
    return [token(place.key, normalise_token("code", c)) for s, c in sorted(found) if s == system and code in ("", c)]


def _string(case: _Case, value: str) -> Clause:
    plain = unescape(value)
    if case.modifier == "exact":
        return Strings(tuple((k, plain) for k in case.keys), is_exact=True)
    normal = normalise_string(plain)
    return Strings(tuple((k, normal) for k in case.keys))


def _uri(case: _Case, value: str) -> Clause:
    url = unescape(value)
    if case.modifier == "below":
        return Tokens(tuple(token(k + BELOW, url.rstrip("/")) for k in case.keys))
    found = (url, *above(url)) if case.modifier == "above" else (url,)
    return Tokens(tuple(token(k, each) for k in case.keys for each in found))


def _date(case: _Case, value: str) -> Clause:
    blind = [k for k in case.keys if k in BLIND_DATES]
    if blind:
        comparator, text = _compared(value)
        return birth_date_clause(blind[0], comparator, text, case.draft.now)
    return Dates(case.keys, *_date_test(case.draft, value))


def _date_test(draft: Draft, value: str) -> tuple[Comparator, datetime, datetime]:
    comparator, text = _compared(value)
    interval = parse_date(text.replace(" ", "+"))  # a + that arrived unescaped in the URL is a blank
    if interval is None:
        raise BadSearch("a date is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][zone], after an optional prefix")
    if comparator is not Comparator.AP:
        return comparator, interval.low, interval.high
    slack = max(abs(draft.now - interval.low) / 10, timedelta(seconds=1))  # "10% of the gap", §3.1.1.4.5
    low, high = interval.low, interval.high
    return comparator, _shifted(low, -slack), _shifted(high, slack)


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


_NUMERIC = frozenset("0123456789+-.")  # what begins like a prefix and goes on in letters is no value at all


def _compared(value: str) -> tuple[Comparator, str]:
    head = value[:2]
    if head.isalpha() and value[2:3] in _NUMERIC:
        try:
            return Comparator(head), value[2:]
        except ValueError:
            raise BadSearch("the prefix is none of eq ne gt lt ge le sa eb ap") from None
    return Comparator.EQ, value


def _number(case: _Case, value: str) -> Clause:
    comparator, low, high = _number_test(value)
    return Quantities(tuple(quantity_key(k) for k in case.keys), comparator, low, high)


def _quantity(case: _Case, value: str) -> Clause:
    parts = [unescape(p) for p in split_escaped(value, "|")]
    if len(parts) not in (1, 3):
        raise BadSearch("a quantity is number, number||unit or number|system|code")
    comparator, low, high = _number_test(parts[0])
    unit = f"{parts[1]}|{parts[2]}" if len(parts) == 3 else ""
    return Quantities(tuple(quantity_key(k, unit) for k in case.keys), comparator, low, high)


def _number_test(value: str) -> tuple[Comparator, Decimal, Decimal]:
    comparator, text = _compared(value)
    try:
        number = Decimal(text)
        if not number.is_finite() or len(text) > 40 or abs(number.adjusted()) > 30:
            raise InvalidOperation
    except InvalidOperation:
        raise BadSearch("a number is written in decimal digits, after an optional prefix") from None
    if comparator is Comparator.AP:
        slack = abs(number) / 10
        return comparator, number - slack, number + slack
    low, high = number_range(number)
    if comparator in (Comparator.EQ, Comparator.NE):
        return comparator, low, high
    return comparator, number, number  # §3.1.1.4.6: other prefixes compare with the number as it stands


def _reference(case: _Case, value: str) -> Clause:
    if case.modifier == "identifier":
        texts = [unescape(p) for p in split_escaped(value, "|")]
        normal = "|".join([*texts[:-1], normalise_token("Identifier", texts[-1])])
        return Tokens(tuple(token(k + ":identifier", normal) for k in case.keys))
    written, base = unescape(value), case.draft.base_url
    text = relative(written, base) if base else written
    restricted = tuple(p.target for p in case.places if p.target)
    if "/" not in text and ":" not in text:
        types = (case.modifier,) if case.modifier else restricted or tuple(sorted(case.parameter.targets))
        return References(case.keys, types, text)
    target_type, target_id = reference_target(text) or ("", text)
    if restricted and (target_type or reference_type({"reference": text})) not in restricted:
        return AnyOf(())
    if not target_type and case.parameter.kind == "reference":
        return References(case.keys, ("",), target_id)
    found = References(case.keys, (target_type,), target_id)
    if text != written:  # a canonical stays the address that it is
        return AnyOf((found, References(case.keys, ("",), written)))
    return found


def _composite(case: _Case, value: str) -> Clause:
    parts = split_escaped(value, "$")
    if len(parts) != 2:
        raise BadSearch(f"{case.parameter.code} takes two values joined by $")
    key = f"{case.draft.type}?{case.parameter.code}{SEPARATOR}{_composite_head(parts[0])}"
    second = parameters(case.draft.type)[case.parameter.components[1][0]]
    place = Source(key, ())
    return _MAKERS[second.kind](_Case(case.draft, second, "", (place,)), parts[1])


def _composite_head(value: str) -> str:
    return "|".join(unescape(p) for p in split_escaped(value, "|"))


_MAKERS: Mapping[str, Callable[[_Case, str], Clause]] = {
    "token": _token,
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "reference": _reference,
    "composite": _composite,
}


# --- links between resources ------------------------------------------------------------------------------------------


def _chain(
    draft: Draft, parameter: SearchParameter, modifier: str, rest: str, value: str, depth: int
) -> Clause:  # fmt: skip
    if parameter.kind != "reference":
        raise BadSearch(f"{parameter.code} is no reference, so nothing can be chained to it")
    places = sources(draft.type, parameter.code)
    types = _target_types(parameter, modifier, places)
    found = []
    for type_ in types:
        inner = criterion(draft.of(type_), rest, value, depth - 1)
        if inner is not None:
            found.append(Chain(tuple(p.key for p in places), type_, (inner,)))
    if not found:
        raise BadSearch(f"{printable(rest)} is no search parameter of what {parameter.code} refers to")
    return AnyOf(tuple(found)) if len(found) > 1 else found[0]


def _target_types(parameter: SearchParameter, modifier: str, places: tuple[Source, ...]) -> tuple[str, ...]:
    if modifier:
        if not is_resource_type(modifier):
            raise BadSearch(f":{printable(modifier)} is no resource type")
        return (modifier,)
    restricted = tuple(p.target for p in places if p.target)
    return restricted or tuple(sorted(parameter.targets & SERVED_TYPES)) or tuple(sorted(SERVED_TYPES))


def _has(draft: Draft, name: str, value: str, depth: int) -> Clause:
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in SERVED_TYPES:
        raise BadSearch("_has is _has:Type:reference:parameter=value")
    _, type_, reference, inner_name = parts
    if type_ == "AuditEvent":
        raise NotSupported("AuditEvents are searched by themselves: AuditEvent?patient=… or ?entity=…")
    parameter = parameters(type_).get(reference)
    if parameter is None or parameter.kind != "reference":
        raise BadSearch(f"{printable(reference)} is no reference parameter of {type_}")
    inner = criterion(draft.of(type_), inner_name, value, depth - 1)
    if inner is None:
        raise BadSearch(f"{printable(inner_name)} is no search parameter of {type_}")
    return Has(type_, tuple(s.key for s in sources(type_, reference)), (inner,))
