"""AuditEvent: read and search over the hash chain; nothing is stored twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from records.fhir import text
from records.fhir.bundle import Entry, searchset
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadSearch, NotSupported, ResourceUnknown
from records.fhir.project_audit import AuditRecord, audit_event
from records.fhir.query import Access
from records.fhir.search_draft import MAX_COUNT
from records.store.search_audit import AuditQuery, find_audit_entries
from records.store.unit import Unit
from server.http.fhir_call import Call

_OURS = {"Encounter": "visit", "Patient": "patient", "Practitioner": "account"}


async def read_audit_event(unit: Unit, call: Call, id_: str) -> bytes:
    """Give one AuditEvent. Raises ResourceUnknown."""
    access = call.access
    _refuse_granular(access)
    number = int(id_) if id_.isdecimal() and len(id_) <= 18 else 0
    found = await find_audit_entries(unit, AuditQuery((number,), visible_patients=access.patients, count=1))
    if not found:
        raise ResourceUnknown(f"there is no AuditEvent {id_}")
    return _content(call, found[0])


async def search_audit_events(unit: Unit, call: Call, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Give a searchset of AuditEvents."""
    _refuse_granular(call.access)
    is_strict = call.prefer("handling") == "strict"
    query, effective = AuditQuery(visible_patients=call.access.patients), []
    for name, value in pairs:
        reader = _READERS.get(name)
        if reader is None and is_strict:
            raise NotSupported("there is no such search parameter on AuditEvent; see metadata")
        if reader is not None and value:
            query = reader(query, value)
            effective.append((name, value))
    records = await find_audit_entries(unit, query)
    page = records[: query.count]
    entries = [Entry(f"{call.base}/AuditEvent/{r.number}", _content(call, r)) for r in page]
    own = [(n, v) for n, v in effective if n != "_after"]
    links = [("self", _url(call, own))]
    if len(records) > query.count and page:
        links.append(("next", _url(call, [*own, ("_after", str(page[-1].number))])))
    total = len(page) if len(records) <= query.count and not query.after else None
    return searchset(entries, links, total)


def _refuse_granular(access: Access) -> None:
    if any(grant.where for grant in access.grants.get("AuditEvent", ())):
        raise NotSupported("scopes with a restriction are not supported on AuditEvent")


def _url(call: Call, pairs: list[tuple[str, str]]) -> str:
    return f"{call.base}/AuditEvent" + (f"?{urlencode(pairs)}" if pairs else "")


def _content(call: Call, record: AuditRecord) -> bytes:
    return text.dumps(audit_event(record, call.base))


def _ids(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, numbers=tuple(int(v) for v in value.split(",") if v.isdecimal() and len(v) <= 18) or (0,))


def _patients(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, patients=tuple(v.removeprefix("Patient/") for v in value.split(",")))


def _entities(query: AuditQuery, value: str) -> AuditQuery:
    found: list[tuple[str, str]] = []
    for each in value.split(","):
        type_, _, id_ = each.partition("/")
        if not id_:
            raise BadSearch("entity is Type/id")
        found += [(type_, id_), *([(_OURS[type_], id_)] if type_ in _OURS else [])]
    return replace(query, entities=tuple(found))


def _actions(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, actions=_codes(value))


def _outcomes(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, outcomes=_codes(value))


def _agents(query: AuditQuery, value: str) -> AuditQuery:
    """`client-id` or `system|client-id`: a chain to an identifier is not needed, as agents are no resources here."""
    return replace(query, actors=_codes(value))


def _subtypes(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, subtypes=_codes(value))


def _codes(value: str) -> tuple[str, ...]:
    return tuple(v.rpartition("|")[2] for v in value.split(","))


def _dates(query: AuditQuery, value: str) -> AuditQuery:
    comparator, text_ = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    interval = parse_date(text_.replace(" ", "+"))
    if interval is None or comparator not in _BOUNDS:
        raise BadSearch("date is a date after an optional prefix eq, gt, ge, lt, le, sa or eb")
    bounds: tuple[datetime | None, datetime | None] = _BOUNDS[comparator](interval.low, interval.high)
    return replace(query, times=(*query.times, bounds))


_BOUNDS: Mapping[str, Callable[[datetime, datetime], tuple[datetime | None, datetime | None]]] = {
    "eq": lambda low, high: (low, high),
    "gt": lambda _, high: (high, None),
    "sa": lambda _, high: (high, None),
    "ge": lambda low, _: (low, None),
    "lt": lambda low, _: (None, low),
    "eb": lambda low, _: (None, low),
    "le": lambda _, high: (None, high),
}


def _count(query: AuditQuery, value: str) -> AuditQuery:
    if not value.isdecimal() or len(value) > 9:
        raise BadSearch("_count is a whole number")
    return replace(query, count=min(int(value), MAX_COUNT))


def _sort(query: AuditQuery, value: str) -> AuditQuery:
    if value not in ("date", "-date"):
        raise NotSupported("AuditEvents are sorted by date or -date")
    return replace(query, is_descending=value == "-date")


def _after(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, after=int(value) if value.isdecimal() and len(value) <= 18 else 0)


_READERS: Mapping[str, Callable[[AuditQuery, str], AuditQuery]] = {
    "_id": _ids,
    "patient": _patients,
    "entity": _entities,
    "action": _actions,
    "outcome": _outcomes,
    "date": _dates,
    "agent": _agents,
    "agent:identifier": _agents,
    "subtype": _subtypes,
    "_count": _count,
    "_sort": _sort,
    "_after": _after,
}
