"""Parameters that shape the answer of a search rather than choose from it (FHIR R4 §3.1.1.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from records.fhir.errors import BadSearch, NotSupported
from records.fhir.index import BLIND_DATES, quantity_key
from records.fhir.interactions import SERVED_TYPES
from records.fhir.model import is_resource_type
from records.fhir.parameters import parameters, sources
from records.fhir.query import Include, Order
from records.fhir.search_draft import MAX_COUNT, Draft, printable

_SUMMARIES = frozenset(("true", "text", "data", "count", "false"))
RESULT_PARAMETERS = frozenset(
    [
        "_sort",
        "_count",
        "_include",
        "_revinclude",
        "_summary",
        "_elements",
        "_total",
        "_format",
        "_pretty",
        "_page",
        "_include:iterate",
        "_revinclude:iterate",
        "_include:recurse",
        "_revinclude:recurse",
        "_contained",
        "_containedType",
        "_score",
        "_maxresults",
    ]
)


def set_result_parameter(draft: Draft, name: str, value: str) -> None:
    """Put one of RESULT_PARAMETERS into the draft. Raises BadSearch, NotSupported."""
    base = name.split(":")[0]
    setter = _SETTERS.get(base)
    if setter is None:
        if draft.is_strict and base not in _ABOUT_THE_ANSWER:
            raise NotSupported(f"{base} is not supported")
        draft.ignored.append(name)
        return
    setter(draft, name, value)
    draft.effective.append((name, value))


def _set_count(draft: Draft, _: str, value: str) -> None:
    if not value.isdecimal() or len(value) > 9:
        raise BadSearch("_count is a whole number")
    draft.count = min(int(value), MAX_COUNT)


def _set_contained(_: Draft, __: str, value: str) -> None:
    """Contained resources are not indexed: an answer without them may not pretend to have looked (§3.1.1.5.6)."""
    if value != "false":
        raise NotSupported("contained resources are not searched; _contained is false")


def _set_summary(draft: Draft, _: str, value: str) -> None:
    if value not in _SUMMARIES:
        raise BadSearch("_summary is true, text, data, count or false")
    draft.summary = value


def _set_total(draft: Draft, _: str, value: str) -> None:
    if value not in ("none", "estimate", "accurate"):
        raise BadSearch("_total is none, estimate or accurate")
    draft.total = value


def _set_elements(draft: Draft, _: str, value: str) -> None:
    draft.elements = tuple(e.strip() for e in value.split(",") if e.strip())


# Each is a subquery for each match: 1,000 ran into the statement's time limit. Nobody reads a fifth.
MAX_SORTS = 4


def _set_sort(draft: Draft, _: str, value: str) -> None:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if len(names) > MAX_SORTS:
        raise BadSearch(f"_sort takes at most {MAX_SORTS} parameters")
    draft.order = tuple(_order(draft.type, name) for name in names)


def _order(type_: str, value: str) -> Order:
    descending, code = value.startswith("-"), value.removeprefix("-")
    if code in ("_id", "_lastUpdated"):
        return Order("id" if code == "_id" else "updated", (), descending)
    parameter = parameters(type_).get(code)
    if parameter is None:
        raise BadSearch(f"{printable(code)} is no search parameter of {type_}")
    keys = tuple(s.key for s in sources(type_, code))
    if parameter.kind == "date" and not set(keys) & BLIND_DATES:
        return Order("date", keys, descending)
    if parameter.kind in ("quantity", "number"):
        return Order("quantity", tuple(quantity_key(k) for k in keys), descending)
    raise NotSupported(f"_sort by {code} is not supported: its values are sealed, so they have no order")


def _set_include(draft: Draft, name: str, value: str) -> None:
    is_reverse, is_iterated = name.startswith("_revinclude"), ":" in name
    if value == "*":
        draft.includes += _all_includes(draft.type, is_reverse, is_iterated)
        return
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if source == "AuditEvent":
        raise NotSupported("AuditEvents are searched by themselves: AuditEvent?patient=… or ?entity=…")
    if source not in SERVED_TYPES or (target and not is_resource_type(target)):
        raise BadSearch(f"{name.split(':')[0]} is Type:reference or Type:reference:TargetType")
    codes = [c for c, p in parameters(source).items() if p.kind == "reference"] if code == "*" else [code]
    for each in codes:
        draft.includes.append(_include(source, each, target, is_reverse, is_iterated))


def _include(source: str, code: str, target: str, is_reverse: bool, is_iterated: bool) -> Include:
    parameter = parameters(source).get(code)
    if parameter is None or parameter.kind != "reference":
        raise BadSearch(f"{printable(code)} is no reference parameter of {source}")
    places = sources(source, code)
    restricted = next((p.target for p in places if p.target), "")
    return Include(source, tuple(p.key for p in places), target or restricted, is_reverse, is_iterated)


def _all_includes(type_: str, is_reverse: bool, is_iterated: bool) -> list[Include]:
    if is_reverse:  # one query a type that may refer to this one: all its references at once
        found = [_all_from(source, type_, is_iterated) for source in sorted(SERVED_TYPES - {"AuditEvent"})]
        return [each for each in found if each is not None]
    codes = [c for c, p in parameters(type_).items() if p.kind == "reference"]
    return [_include(type_, c, "", is_reverse, is_iterated) for c in codes]


def _all_from(source: str, target: str, is_iterated: bool) -> Include | None:
    references = [p for p in parameters(source).values() if p.kind == "reference" and target in p.targets]
    keys = dict.fromkeys(s.key for p in references for s in sources(source, p.code) if s.target in ("", target))
    return Include(source, tuple(keys), target, True, is_iterated) if keys else None


def includes_of(type_: str) -> list[str]:
    """Give what _include follows from a type."""
    return [f"{type_}:{c}" for c, p in sorted(parameters(type_).items()) if p.kind == "reference"]


def reverse_includes_of(type_: str) -> list[str]:
    """Give what _revinclude follows to a type."""
    sources_ = sorted(SERVED_TYPES - {"AuditEvent"})
    return [
        f"{source}:{code}"
        for source in sources_
        for code, parameter in sorted(parameters(source).items())
        if parameter.kind == "reference" and type_ in parameter.targets
    ]


_SETTERS: Mapping[str, Callable[[Draft, str, str], None]] = {
    "_count": _set_count,
    "_summary": _set_summary,
    "_total": _set_total,
    "_elements": _set_elements,
    "_sort": _set_sort,
    "_include": _set_include,
    "_revinclude": _set_include,
    "_contained": _set_contained,
}
_ABOUT_THE_ANSWER = frozenset(("_format", "_pretty", "_page"))
