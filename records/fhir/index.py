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
from typing import Any

from records.fhir.coded import coded_texts
from records.fhir.dates import Interval, parse
from records.fhir.errors import TooCostly
from records.fhir.model import SearchParameter
from records.fhir.parameters import Source, candidates, concrete, indexed, parameters, sources, walk

Json = dict[str, Any]
SEPARATOR = "\x1f"  # no character of a FHIR string
# Prefixes kept of one string. A longer search text must equal the whole field (README "Search").
MAX_PREFIX = 12
# A resource that would need more index rows than this is refused: it would slow every search after it.
MAX_ENTRIES = 20_000
OF_TYPE = ":of-type"
BELOW = ":below"
BLIND_DATES = frozenset(("Patient.birthDate", "Practitioner.birthDate"))  # identify a person: buckets, never in clear


# A text that is found by its beginnings: key, normalised, and as it was written; None for a part of a text, which is
# found by its beginnings only. A plain tuple, since a Patient has six.
String = tuple[str, str, str | None]


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


def index_of(resource: Json, own_base: str = "", content: bytes = b"") -> Index:
    """Give the index rows of a valid resource; `content` is its compact text where it is at hand. Raises TooCostly."""
    type_ = resource["resourceType"]
    index = Index(coded=coded_texts(resource, content), own_base=own_base)
    _walk(index, _plan(type_), resource)
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


def presence_of(key: str, system: str) -> str:
    """Give the key under which a ContactPoint of one system is present."""
    return f"{key}|{system}"


def quantity_key(key: str, unit: str = "") -> str:
    """Give the key of quantities of one unit (`system|code` or `|code`), or of all."""
    return f"{key}{SEPARATOR}q{unit}"


Adder = Callable[["Index", str, Any], None]


@dataclass(slots=True)
class _Plan:
    """What is indexed of an element and below it."""

    adders: list[tuple[Adder, str]] = field(default_factory=list)
    """What adds it, and under which key."""
    present: list[str] = field(default_factory=list)
    children: dict[str, _Plan] = field(default_factory=dict)
    """By property."""


@cache
def _plan(type_: str) -> _Plan:
    """Give all places to index of a type in one tree, so that one pass over a resource meets them all."""
    root = _Plan()
    for kind, source in indexed(type_):
        _plant(root, type_, (kind, source), source.steps)
    return root


def _plant(plan: _Plan, type_: str, place: tuple[str, Source], steps: tuple[str, ...]) -> None:
    if steps:
        for name, child_type in candidates(type_, steps[0]):
            _plant(plan.children.setdefault(name, _Plan()), child_type, place, steps[1:])
        return
    kind, source = place
    plan.adders.append((_add_existence if source.is_existence else _adder(kind, type_), source.key))
    if not source.is_existence:
        plan.present.append(source.key)


def _walk(index: Index, plan: _Plan, node: Json) -> None:
    children = plan.children
    for name, value in node.items():
        child = children.get(name)
        if child is None or value is None:
            continue
        if type(value) is list and len(value) + len(index.tokens) > MAX_ENTRIES:  # before seconds are spent on rows
            raise TooCostly(f"the resource needs more than {MAX_ENTRIES} index entries; split it")
        for item in value if type(value) is list else (value,):
            if item is None:
                continue
            index.present.update(child.present)
            for add, key in child.adders:
                add(index, key, item)
            if child.children:
                _walk(index, child, item)


@cache
def _adder(kind: str, type_: str) -> Adder:
    """Give what adds a value of a type for a kind of parameter."""
    if kind == "token":
        return _TOKENS.get(type_, _add_code)
    if kind == "reference":
        return _add_reference if type_ == "Reference" else _add_canonical
    if kind == "date":
        return _DATES.get(type_, _add_date)
    if kind == "string":
        return _add_string
    return _add_uri if kind == "uri" else _add_range if type_ == "Range" else _add_quantity


def _add_existence(index: Index, key: str, value: Any) -> None:
    index.tokens.add(token(key, "false" if value is False else "true"))


def _add_code(index: Index, key: str, value: Any) -> None:
    index.tokens.update([token(key, text) for text in token_texts("code", value)])


def _add_identifier(index: Index, key: str, value: Any) -> None:
    index.tokens.update([token(key, text) for text in token_texts("Identifier", value)])
    if "type" in value:
        index.tokens.update(token(key + OF_TYPE, t) for t in _typed_identifiers(value))


def _add_contact(index: Index, key: str, value: Any) -> None:
    index.tokens.update([token(key, text) for text in token_texts("ContactPoint", value)])
    if "system" in value and "value" in value:
        index.present.add(presence_of(key, value["system"]))


def _add_coding(index: Index, key: str, value: Any) -> None:
    index.tokens.update([token(key, text) for text in token_texts("Coding", value)])
    _add_display(index, key, value.get("display"))


def _add_concept(index: Index, key: str, value: Any) -> None:
    for coding in value.get("coding", ()):
        _add_coding(index, key, coding)
    _add_display(index, key, value.get("text"))


def _add_display(index: Index, key: str, text: Any) -> None:
    """What :text finds: the beginnings of a coding's display or a concept's text."""
    if isinstance(text, str) and (normal := normalise_string(text)[:MAX_PREFIX]):
        index.strings.add((key, normal, None))


_TOKENS: dict[str, Adder] = {
    "CodeableConcept": _add_concept,
    "Coding": _add_coding,
    "ContactPoint": _add_contact,
    "Identifier": _add_identifier,
}


def _add_string(index: Index, key: str, value: Any) -> None:
    if isinstance(value, str):
        normal = normalise_string(value)
        index.strings.add((key, normal, value))
        if key.endswith(".text"):  # each word is a beginning; what the whole begins with is found by the whole
            words = [word[:MAX_PREFIX] for word in normal.split()]
            index.strings.update((key, word, None) for word in words if not normal.startswith(word))


def _add_uri(index: Index, key: str, value: Any) -> None:
    index.tokens.add(token(key, str(value)))
    if ".meta." not in key:  # of a profile nobody asks it, and each resource has one
        index.tokens.update(token(key + BELOW, each) for each in (str(value), *above(str(value))))


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
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")  # all of this block that combine: most of Europe's
_PLAIN = re.compile(r"[\x00-\x7f\u3400-\u4db5\u4e00-\u9fa5]*")


def normalise_string(text: str) -> str:
    """Give a string as it is compared: without case, accents, extra blanks (§3.1.1.4.8)."""
    if text.isascii() or _PLAIN.fullmatch(text):
        return " ".join(text.casefold().split())
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = _ACCENTS.sub("", decomposed)
    if plain.isascii():
        return " ".join(plain.split())
    plain = "".join([c for c in decomposed if not unicodedata.combining(c)])
    return " ".join(unicodedata.normalize("NFKC", plain).split())


def expanded(string: String) -> Iterator[str]:
    """Give the texts of the first layout, a row for each beginning (README "Layouts")."""
    key, normal, written = string
    if written is not None:
        yield exact(key, written)
        if len(normal) > MAX_PREFIX:  # a shorter search text is looked for among the beginnings
            yield whole(key, normal)
    yield from (prefix(key, normal[:n]) for n in range(1, min(len(normal), MAX_PREFIX) + 1))


def _add_canonical(index: Index, key: str, value: Any) -> None:
    if isinstance(value, str):  # canonical or uri
        index.references.add((key, "", value.split("|")[0]))
        index.references.add((key, "", value))
        if (named := reference_target(value)) and named[0]:  # a canonical may be relative: Questionnaire/gcs
            index.references.add((key, *named))


def _add_reference(index: Index, key: str, value: Any) -> None:
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


def _add_date(index: Index, key: str, value: Any) -> None:
    if key in BLIND_DATES:
        index.tokens.update([token(key, bucket) for bucket in date_buckets(str(value))])
    elif isinstance(value, str) and (found := parse(value)):
        index.dates.add((key, found.low, found.high))


def _add_period(index: Index, key: str, value: Any) -> None:
    found = _period(value)
    index.dates.add((key, found.low, found.high))


def _add_timing(index: Index, key: str, value: Any) -> None:
    for event in value.get("event", ()):
        _add_date(index, key, event)
    if bounds := value.get("repeat", {}).get("boundsPeriod"):
        _add_period(index, key, bounds)


_DATES: dict[str, Adder] = {"Period": _add_period, "Timing": _add_timing}


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


def _add_quantity(index: Index, key: str, value: Any) -> None:
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        index.quantities.add((quantity_key(key), *number_range(value)))
    elif isinstance(value, dict) and "value" in value:
        found = number_range(value["value"])
        index.quantities.update((quantity_key(key, unit), *found) for unit in _units(value))


def _add_range(index: Index, key: str, value: Any) -> None:
    ends = [value.get(n, {}).get("value") for n in ("low", "high")]
    low = number_range(ends[0])[0] if ends[0] is not None else -_INFINITE
    high = number_range(ends[1])[1] if ends[1] is not None else _INFINITE
    index.quantities.add((quantity_key(key), low, high))


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
            _adder(_KINDS.get(type_, "token"), type_)(index, f"{key}{SEPARATOR}{head}", value)


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
