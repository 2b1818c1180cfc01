"""AuditEvent: read and search over the hash chain; nothing is stored twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from records.fhir import text
from records.fhir.bundle import Entry, part_of, searchset
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadSearch, NotSupported, ResourceUnknown
from records.fhir.index import relative
from records.fhir.project_audit import AuditRecord, audit_event
from records.fhir.query import Access
from records.fhir.search import NOT_SERVED, left_out, left_out_entries
from records.fhir.search_draft import Draft, printable
from records.fhir.search_results import RESULT_PARAMETERS, set_result_parameter
from records.fhir.terminology import AUDIT_TYPE
from records.store.resource_rows import Stored
from records.store.search_audit import AuditQuery, count_audit_entries, find_audit_entries
from records.store.unit import Unit
from server.http.fhir_call import Call

_OURS = {"Encounter": "visit", "Patient": "patient", "Practitioner": "account"}


async def read_audit_event(unit: Unit, call: Call, id_: str) -> Stored:
    """Give one AuditEvent. Raises ResourceUnknown."""
    access = call.access
    _refuse_granular(access)
    number = int(id_) if id_.isdecimal() and len(id_) <= 18 else 0
    found = await find_audit_entries(unit, AuditQuery((number,), visible_patients=access.patients, count=1))
    if not found:
        raise ResourceUnknown(f"there is no AuditEvent {id_}")
    return Stored("AuditEvent", str(number), 1, found[0].recorded_at, _content(call, found[0]))


async def search_audit_events(unit: Unit, call: Call, pairs: Iterable[tuple[str, str]]) -> bytes:
    """Give a searchset of AuditEvents."""
    _refuse_granular(call.access)
    asked, criteria = _draft(call, pairs)
    query, effective = AuditQuery(visible_patients=call.access.patients, count=asked.count), list(asked.effective)
    for name, value in criteria:
        plain = ",".join(relative(each, call.base) for each in value.split(","))
        query = _READERS[name](query, plain)
        effective.append((name, value))
    wants_total = asked.total == "accurate" or asked.summary == "count" or not asked.count
    total = await count_audit_entries(unit, query) if wants_total else None
    is_count = asked.summary == "count" or not asked.count
    records = [] if is_count else await find_audit_entries(unit, query)
    page = records[: query.count]
    entries = [_entry(call, r, asked) for r in page]
    own = [(n, v) for n, v in effective if n != "_after"]
    links = [("self", _url(call, own))]
    if len(records) > query.count and page:
        links.append(("next", _url(call, [*own, ("_after", str(page[-1].number))])))
    if total is None and len(records) <= query.count and not query.after:
        total = len(page)
    return searchset([*entries, *left_out_entries("AuditEvent", asked.left_out)], links, total)


_COMMON = ("_tag", "_profile", "_security", "_source")  # parameters of all types that the chain has nothing for


def _draft(call: Call, pairs: Iterable[tuple[str, str]]) -> tuple[Draft, list[tuple[str, str]]]:
    """Read what shapes the answer as for any other type; give what chooses entries, too."""
    is_strict = call.prefer("handling") == "strict"
    draft, criteria = Draft("AuditEvent", call.base, call.now, is_strict), []
    for name, value in pairs:
        if name in _READERS and value:
            criteria.append((name, value))
        elif name in RESULT_PARAMETERS and name not in _READERS:
            set_result_parameter(draft, name, value)
        elif value and (is_strict or name in NOT_SERVED or name in _COMMON or not name.startswith("_")):
            if is_strict:
                error = NotSupported(left_out("AuditEvent", name))
                error.issues = [replace(issue, parameter=printable(name)) for issue in error.issues]
                raise error
            draft.left_out.append(name)
    if draft.includes:
        raise NotSupported("nothing is included with AuditEvents; ask for what they name by its address")
    return draft, criteria


def _entry(call: Call, record: AuditRecord, asked: Draft) -> Entry:
    content = part_of(_content(call, record), asked.summary, asked.elements)
    return Entry(f"{call.base}/AuditEvent/{record.number}", content)


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


def _sort(query: AuditQuery, value: str) -> AuditQuery:
    if value not in ("date", "-date"):
        raise NotSupported("AuditEvents are sorted by date or -date")
    return replace(query, is_descending=value == "-date")


def _after(query: AuditQuery, value: str) -> AuditQuery:
    return replace(query, after=int(value) if value.isdecimal() and len(value) <= 18 else 0)


def _types(query: AuditQuery, value: str) -> AuditQuery:
    """Each is of one type."""
    is_ours = any(v in ("rest", f"{AUDIT_TYPE}|rest", f"{AUDIT_TYPE}|") for v in value.split(","))
    return query if is_ours else replace(query, numbers=(0,))


_READERS: Mapping[str, Callable[[AuditQuery, str], AuditQuery]] = {
    "_id": _ids,
    "_lastUpdated": _dates,
    "patient": _patients,
    "patient:Patient": _patients,
    "type": _types,
    "entity": _entities,
    "action": _actions,
    "outcome": _outcomes,
    "date": _dates,
    "agent": _agents,
    "agent:identifier": _agents,
    "subtype": _subtypes,
    "_sort": _sort,
    "_after": _after,
}
