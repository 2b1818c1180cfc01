"""What a resource is found by: texts to blind, dates, references and quantities. Pure; the store blinds and writes.

The same functions make the texts of a search, so the two cannot differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from records.fhir.coded import coded_texts
from records.fhir.dates import Interval, parse
from records.fhir.model import SearchParameter
from records.fhir.parameters import Source, concrete, indexed_values, parameters, sources, walk

Json = dict[str, Any]
SEPARATOR = "\x1f"  # no character of a FHIR string
# Prefixes kept of one string. A longer search text must equal the whole field (README "Search").
MAX_PREFIX = 12
# A resource that would need more index rows than this is refused: it would slow every search after it.
MAX_ENTRIES = 20_000
OF_TYPE = ":of-type"
BELOW = ":below"
BLIND_DATES = frozenset(("Patient.birthDate", "Practitioner.birthDate"))  # identify a person: buckets, never in clear


class String(NamedTuple):
    """A text that is found by its beginnings."""

    key: str
    normal: str
    exact: str | None
    """As it was written; None for a part of a text, which is found by its beginnings only."""


@dataclass(slots=True)
class Index:
    """What one resource is found by, before it is blinded; `key` texts are blinded like tokens."""

    tokens: set[str] = field(default_factory=set)
    strings: set[String] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    """Keys under which there is a value (:missing)."""
    dates: set[tuple[str, datetime, datetime]] = field(default_factory=set)
    references: set[tuple[str, str, str]] = field(default_factory=set)
    """(key, target type or '', id or absolute URL)"""
    quantities: set[tuple[str, Decimal, Decimal]] = field(default_factory=set)
    coded: frozenset[str] = frozenset()
    """Codes and security labels, by which Consents decide (coded.py)."""
    own_base: str = ""
    """Address of this server's /fhir: references to it are relative ones."""


def index_of(resource: Json, own_base: str = "") -> Index:
    """Give the index rows of a valid resource."""
    type_ = resource["resourceType"]
    index = Index(coded=coded_texts(resource), own_base=own_base)
    for kind, source, found in indexed_values(type_, resource):
        _add(index, kind, source, found)
    for code, parameter in _composites(type_):
        _add_composites(index, resource, type_, (code, parameter))
    return index


@cache
def _composites(type_: str) -> tuple[tuple[str, SearchParameter], ...]:
    return tuple((code, each) for code, each in parameters(type_).items() if each.kind == "composite")


def token(key: str, value: str) -> str:
    """Give the text that is blinded for a token value under a key."""
    return f"{key}{SEPARATOR}t{value}"


def prefix(key: str, value: str) -> str:
    """Give the text that is blinded for a string's prefix."""
    return f"{key}{SEPARATOR}s{value}"


def whole(key: str, value: str) -> str:
    """Give the text for a string that equals the whole field after normalisation."""
    return f"{key}{SEPARATOR}w{value}"


def exact(key: str, value: str) -> str:
    """Give the text for :exact, case and accents included."""
    return f"{key}{SEPARATOR}e{value}"


def presence(key: str) -> str:
    """Give the text that says that there is a value (:missing)."""
    return f"{key}{SEPARATOR}p"


def quantity_key(key: str, unit: str = "") -> str:
    """Give the key of quantities of one unit (`system|code` or `|code`), or of all."""
    return f"{key}{SEPARATOR}q{unit}"


def _add(index: Index, kind: str, source: Source, found: list[tuple[str, Any]]) -> None:
    key = source.key
    if source.is_existence:
        index.tokens.add(token(key, "true" if any(v is not False for _, v in found) else "false"))
        return
    if SEPARATOR not in key:  # of composites nobody asks it
        index.present.add(key)
    add = _ADD[kind]
    for type_, value in found:
        add(index, key, type_, value)


def _add_token(index: Index, key: str, type_: str, value: Any) -> None:
    start = token(key, "")
    index.tokens.update([start + text for text in token_texts(type_, value)])
    if type_ == "Identifier" and "type" in value:
        index.tokens.update(token(key + OF_TYPE, t) for t in _typed_identifiers(value))
    elif type_ in ("CodeableConcept", "Coding"):
        index.strings.update(_texts_of_codes(key, type_, value))


def _add_string(index: Index, key: str, type_: str, value: Any) -> None:
    index.strings.update(_strings(key, value))


def _add_uri(index: Index, key: str, type_: str, value: Any) -> None:
    index.tokens.add(token(key, str(value)))
    if ".meta." not in key:  # of a profile nobody asks it, and each resource has one
        index.tokens.update(token(key + BELOW, each) for each in (str(value), *above(str(value))))


def _add_quantity(index: Index, key: str, type_: str, value: Any) -> None:
    index.quantities.update(_quantity_rows(key, type_, value))


def above(url: str) -> list[str]:
    """Give the addresses that an address lies below, its server's last (§3.1.1.4.3)."""
    scheme, separator, rest = url.rstrip("/").partition("://")
    parts = rest.split("/")
    return [f"{scheme}://{'/'.join(parts[:n])}" for n in range(len(parts) - 1, 0, -1)] if separator else []


def token_texts(type_: str, value: Any) -> list[str]:
    """Give the texts `code`, `system|code`, `|code` and `system|` by which a token is found (§3.1.1.4.10)."""
    if isinstance(value, str):
        return [value, "|" + value]
    if type_ == "CodeableConcept":
        return [text for coding in value.get("coding", ()) for text in token_texts("Coding", coding)]
    if type_ in ("Coding", "Identifier"):
        return _systemed(value.get("system"), value.get("code" if type_ == "Coding" else "value"), type_)
    if type_ == "ContactPoint":
        if not isinstance(value.get("value"), str):
            return []
        text = normalise_token("ContactPoint", value["value"])
        return [text, f"{value['system']}|{text}"] if "system" in value else [text]
    return ["true" if value else "false"] if isinstance(value, bool) else []


def _systemed(system: Any, code: Any, type_: str) -> list[str]:
    has_system = isinstance(system, str)
    found = [f"{system}|"] if has_system else []
    if isinstance(code, str):
        text = normalise_token(type_, code)
        found += (text, f"{system if has_system else ''}|{text}")
    return found


def _typed_identifiers(value: Json) -> Iterator[str]:
    """Give `system|code|value` for each coding of an identifier's type."""
    if isinstance(value.get("value"), str):
        text = normalise_token("Identifier", value["value"])
        for coding in value.get("type", {}).get("coding", []):
            if "system" in coding and "code" in coding:
                yield f"{coding['system']}|{coding['code']}|{text}"


def normalise_token(type_: str, text: str) -> str:
    """Give a token's text as it is compared: identifiers without case, phone numbers without punctuation."""
    if type_ == "Identifier":
        return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold().split())
    if type_ == "ContactPoint":
        compact = unicodedata.normalize("NFKC", text).casefold().strip()
        return _PUNCTUATION.sub("", compact) if _PHONE.fullmatch(compact) else compact
    return text


_PHONE, _PUNCTUATION = re.compile(r"\+?[\d\s().\-]+"), re.compile(r"[\s().\-]")
# Letters that no normalisation takes apart or joins, and that bear no accents: ASCII, the ideographs of Unicode 3.0.
_PLAIN = re.compile(r"[\x00-\x7f\u3400-\u4db5\u4e00-\u9fa5]*")


def normalise_string(text: str) -> str:
    """Give a string as it is compared: without case, accents, extra blanks (§3.1.1.4.8)."""
    if text.isascii() or _PLAIN.fullmatch(text):
        return " ".join(text.casefold().split())
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFKC", plain).split())


def _strings(key: str, value: Any) -> list[String]:
    if not isinstance(value, str):
        return []
    normal = normalise_string(value)
    found = [String(key, normal, value)]
    if key.endswith(".text"):  # each word is a beginning; what the whole begins with is found by the whole
        found += [String(key, w[:MAX_PREFIX], None) for w in normal.split() if not normal.startswith(w[:MAX_PREFIX])]
    return found


def expanded(string: String) -> Iterator[str]:
    """Give the texts of the first layout, a row for each beginning (README "Layouts")."""
    key, normal, written = string
    if written is not None:
        yield exact(key, written)
        if len(normal) > MAX_PREFIX:  # a shorter search text is looked for among the beginnings
            yield whole(key, normal)
    yield from (prefix(key, normal[:n]) for n in range(1, min(len(normal), MAX_PREFIX) + 1))


def _texts_of_codes(key: str, type_: str, value: Any) -> Iterator[String]:
    """Give what :text finds: the beginnings of a coding's display or a concept's text."""
    texts: list[Any] = []
    if type_ == "CodeableConcept":
        texts = [value.get("text"), *(c.get("display") for c in value.get("coding", []))]
    elif type_ == "Coding":
        texts = [value.get("display")]
    for text in texts:
        if isinstance(text, str):
            normal = normalise_string(text)[:MAX_PREFIX]
            if normal:
                yield String(key, normal, None)


def _add_reference(index: Index, key: str, type_: str, value: Any) -> None:
    if type_ != "Reference":
        if isinstance(value, str):  # canonical or uri
            index.references.add((key, "", value.split("|")[0]))
            index.references.add((key, "", value))
            if (named := reference_target(value)) and named[0]:  # a canonical may be relative: Questionnaire/gcs
                index.references.add((key, *named))
        return
    if target := reference_target(value.get("reference"), index.own_base):
        index.references.add((key, *target))
    identifier = value.get("identifier")
    if isinstance(identifier, dict):
        index.tokens.update(token(key + ":identifier", t) for t in token_texts("Identifier", identifier))


def reference_target(text: Any, own_base: str = "") -> tuple[str, str] | None:
    """Give (type, id) of a reference to this server, ('', url) of another one; None for a contained or missing one."""
    if not isinstance(text, str) or text.startswith("#"):
        return None
    if own_base:
        text = relative(text, own_base)
    parts = text.split("/")
    if len(parts) in (2, 4) and ":" not in parts[0]:
        return parts[0], parts[1]
    return "", text


def relative(text: str, own_base: str) -> str:
    """Give a reference as it is written from this server's address."""
    return text.removeprefix(own_base).lstrip("/") if text.startswith(own_base + "/") else text


def _add_date(index: Index, key: str, type_: str, value: Any) -> None:
    if key in BLIND_DATES:
        index.tokens.update(token(key, b) for b in date_buckets(str(value)))
        return
    for interval in date_intervals(type_, value):
        index.dates.add((key, interval.low, interval.high))


def date_intervals(type_: str, value: Any) -> list[Interval]:
    """Give the intervals of a date, dateTime, instant, Period or Timing."""
    if isinstance(value, str):
        found = parse(value)
        return [found] if found else []
    if type_ == "Period":
        return [_period(value)]
    if type_ == "Timing":
        events = [i for e in value.get("event", []) for i in date_intervals("dateTime", e)]
        bounds = value.get("repeat", {}).get("boundsPeriod")
        return events + ([_period(bounds)] if bounds else [])
    return []


def _period(value: Json) -> Interval:
    start, end = parse(value.get("start", "")), parse(value.get("end", ""))
    return Interval(start.low if start else _ALWAYS.low, end.high if end else _ALWAYS.high)


_ALWAYS = Interval(parse("0001-01-03").low, parse("9999-12-28").high)  # type: ignore[union-attr]  # both are dates


def date_buckets(text: str) -> Iterator[str]:
    """Give the blind buckets of a birth date: its year, month, day; `=` marks a date known no more exactly."""
    for length in (4, 7, 10):
        if len(text) >= length:
            yield text[:length]
    if len(text) in (4, 7):
        yield "=" + text


def _quantity_rows(key: str, type_: str, value: Any) -> Iterator[tuple[str, Decimal, Decimal]]:
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        low, high = number_range(value)
        yield quantity_key(key), low, high
    elif isinstance(value, dict) and "value" in value:
        low, high = number_range(value["value"])
        for unit in _units(value):
            yield quantity_key(key, unit), low, high
    elif type_ == "Range" and isinstance(value, dict):
        ends = [value.get(n, {}).get("value") for n in ("low", "high")]
        low = number_range(ends[0])[0] if ends[0] is not None else -_INFINITE
        high = number_range(ends[1])[1] if ends[1] is not None else _INFINITE
        yield quantity_key(key), low, high


_INFINITE = Decimal("1e30")  # beyond any clinical quantity; numeric columns have no cheap infinity in every driver


def _units(value: Json) -> Iterator[str]:
    yield ""
    if code := value.get("code"):
        yield f"{value.get('system', '')}|{code}"
        yield f"|{code}"
    if (unit := value.get("unit")) and unit != code:
        yield f"|{unit}"


def number_range(value: Any) -> tuple[Decimal, Decimal]:
    """Give the numbers that a number with its digits may mean: 100 is [99.5, 100.5) (§3.1.1.4.6)."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # text.py refuses NaN and Infinity
    half = Decimal(5).scaleb(exponent - 1)
    return number - half, number + half


def _add_composites(index: Index, resource: Json, type_: str, which: tuple[str, SearchParameter]) -> None:
    code, parameter = which
    for source in sources(type_, code):
        for node in walk([(type_, resource)], source.steps):
            _add_composite(index, f"{type_}?{code}", parameter.components, node)


def _add_composite(index: Index, key: str, components: tuple[tuple[str, str], ...], node: tuple[str, Any]) -> None:
    """The first component's token becomes part of the second's key, so that both must stand in one node."""
    (_, first), (_, second) = components[0], components[1]
    heads = [t for type_, v in _component(node, first) for t in token_texts(type_, v)]
    heads += [f"{r[0]}/{r[1]}" for _, v in _component(node, first) if (r := _reference_of(v, index.own_base))]
    for type_, value in _component(node, second):
        for head in set(heads):
            _add(index, _kind(type_), Source(f"{key}{SEPARATOR}{head}", ()), [(type_, value)])


def _reference_of(value: Any, own_base: str) -> tuple[str, str] | None:
    return reference_target(value.get("reference"), own_base) if isinstance(value, dict) else None


def _component(node: tuple[str, Any], expression: str) -> list[tuple[str, Any]]:
    """Follow a component's expression, e.g. `value.as(Quantity)`, from a node."""
    return [v for part in expression.split(" | ") for v in walk([node], tuple(concrete(part).split(".")))]


_KINDS = {
    "Quantity": "quantity",
    "Range": "quantity",
    "string": "string",
    "dateTime": "date",
    "Period": "date",
    "Reference": "reference",
}


def _kind(type_: str) -> str:
    return _KINDS.get(type_, "token")


_ADD: dict[str, Callable[[Index, str, str, Any], None]] = {
    "token": _add_token,
    "string": _add_string,
    "uri": _add_uri,
    "reference": _add_reference,
    "date": _add_date,
    "quantity": _add_quantity,
    "number": _add_quantity,
}
