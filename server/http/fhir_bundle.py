"""POST [base]: transaction (all or nothing, one unit) and batch (each entry by itself)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from aiohttp import web

from records.errors import RecordsError
from records.fhir import text
from records.fhir.dates import instant
from records.fhir.errors import BadRequest, FhirError, Issue, MultipleMatches, NotSupported
from records.fhir.interactions import SERVED_TYPES
from records.fhir.outcome import operation_outcome
from records.fhir.patch import json_patch
from records.fhir.search import parse_search
from records.fhir.search_text import search_pairs
from records.fhir.transaction import (
    Step,
    conditional_references,
    in_order,
    may_refer_by_criteria,
    named_by_criteria,
    patch_in,
    refuse_criteria,
    refuse_overlap,
    refuse_unserved,
    resolved_ids,
    steps_alone,
    steps_of,
    unserved,
    with_id,
    with_references,
    without_resources,
)
from records.fhir.validate import MAX_ISSUES, validate
from records.store.resources import Page, Stored, Write
from records.store.unit import Unit
from server.http.fhir_asked import asked
from server.http.fhir_call import Call, answer, aside, posted, status_of
from server.http.fhir_provenance import is_given
from server.http.fhir_write import match, refuse_blind_patch, refuse_part

Json = dict[str, Any]


class Done(NamedTuple):
    """What became of one step."""

    status: int
    stored: Stored | None = None
    content: bytes = b""
    """Resource or OperationOutcome to put into the answer."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Of the answer that the same request alone would have had."""


async def bundle(call: Call) -> web.Response:
    """POST [base]"""
    body, raw = await posted(call)
    if body["resourceType"] != "Bundle":
        raise BadRequest("post a Bundle to the base, other resources to their type", path="resourceType")
    left_out = unserved(body, call.base) if body.get("type") == "transaction" else {}
    if call.prefer("handling") != "lenient":
        refuse_unserved(left_out)
    await aside(call, validate, without_resources(body, left_out))
    if is_given(call):
        raise NotSupported("put a Provenance for a Bundle's entries into the Bundle; it may name them by fullUrl")
    if body["type"] == "batch":
        return _answer(call, "batch-response", [await _alone(call, step) for step in steps_alone(body, call.base)])
    done = await _transaction(call, steps_of(body, call.base, left_out), may_refer_by_criteria(raw))
    done |= {number: _refusal(error) for number, error in left_out.items()}
    return _answer(call, "transaction-response", [done[number] for number in sorted(done)])


async def _transaction(call: Call, steps: Sequence[Step], refers_by_criteria: bool) -> dict[int, Done]:
    """Do all steps in one unit; give what became of each by its number."""
    async with call.database.unit(call.actor) as unit:
        identified, existing = await _identified(call, unit, steps)
        refuse_overlap(identified)
        known = resolved_ids(identified, call.base)
        if refers_by_criteria:
            known |= await _conditional_references(call, unit, identified)
        done = await _created(call, unit, identified, existing, known)
        for step in in_order([step for step in identified if step.number not in done]):
            resolved = step._replace(resource=with_references(step.resource, known)) if step.resource else step
            try:
                done[step.number] = await _run(call, unit, resolved, existing.get(step.number))
            except FhirError as error:
                error.issues = [_placed(issue, step) for issue in error.issues]
                raise
    return done


async def _created(
    call: Call, unit: Unit, steps: Sequence[Step], existing: dict[int, Stored], known: dict[str, str]
) -> dict[int, Done]:
    """Create everything that is new in one statement; what the Bundle deletes shares nothing with it."""
    new = [s for s in steps if s.is_write and s.method == "POST" and s.number not in existing]
    resources, types = [], set()
    for step in new:
        if step.type not in types:
            call.need(step.type, "create", "c")
            types.add(step.type)
        try:
            resources.append(_referring(step, known))
        except FhirError as error:
            error.issues = [_placed(issue, step) for issue in error.issues]
            raise
    stored = await unit.resources.create_all(resources, call.access) if resources else []
    return {step.number: Done(201, each, call.shown(each)) for step, each in zip(new, stored, strict=True)}


def _referring(step: Step, known: dict[str, str]) -> Json:
    """Give a new resource with its id and references; it was valid in the Bundle, unless references change it."""
    changed: Json = with_references(step.resource, known)
    if changed is step.resource:
        refuse_part(changed)
        return {**changed, "id": step.id}
    return _resource(step._replace(resource=changed))


def _placed(issue: Issue, step: Step) -> Issue:
    """Say which entry failed: without it a client cannot mend 1,000 of them."""
    if issue.path.startswith("Bundle."):
        return issue
    return replace(issue, path=f"Bundle.entry[{step.number}]" + (f".resource ({issue.path})" if issue.path else ""))


async def _identified(call: Call, unit: Unit, steps: Sequence[Step]) -> tuple[list[Step], dict[int, Stored]]:
    """Give every write an id before anything is written; conditional ones in the order of their criteria (locks)."""
    new = [s.number for s in steps if s.is_write and s.method == "POST"]
    ids = dict(zip(new, _new_ids(len(new)), strict=True))
    existing: dict[int, Stored] = {}
    conditional = [s for s in steps if s.criteria and s.is_write and not s.id]
    for step in sorted(conditional, key=lambda s: (s.type, sorted(s.criteria))):
        try:
            found = await match(call, unit, step.type, step.criteria)
        except FhirError as error:
            error.issues = [_placed(issue, step) for issue in error.issues]
            raise
        if found is not None:
            ids[step.number], existing[step.number] = found.id, found
        elif step.method == "PUT":
            ids[step.number] = str((step.resource or {}).get("id") or uuid4())
        elif step.method == "PATCH":
            raise BadRequest("no resource matches the criteria", path=f"Bundle.entry[{step.number}].request.url")
    return [with_id(s, ids.get(s.number, s.id)) for s in steps], existing


def _new_ids(count: int) -> list[str]:
    """Draw random UUIDs (RFC 9562 §5.4), the randomness of all at once."""
    digits = os.urandom(16 * count).hex()
    drawn = (digits[at : at + 32] for at in range(0, len(digits), 32))
    return [f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{'89ab'[int(d[16], 16) & 3]}{d[17:20]}-{d[20:]}" for d in drawn]


async def _conditional_references(call: Call, unit: Unit, steps: Sequence[Step]) -> dict[str, str]:
    """
    Resolve `Patient?identifier=…` in references; exactly one resource must match (§3.1.0.11.3).

    What the Bundle itself makes by the same criteria counts too: it is not there to be found yet.
    """
    made = named_by_criteria(steps)
    found: dict[str, str] = {}
    faults: list[FhirError] = []
    for reference, step in sorted(conditional_references(steps).items(), key=itemgetter(0)):
        try:
            found[reference] = await _referred(call, unit, reference, made)
        except FhirError as error:
            error.issues = [replace(issue, path=f"Bundle.entry[{step.number}].resource") for issue in error.issues]
            faults.append(error)
    if faults:
        faults[0].issues = [issue for error in faults for issue in error.issues][:MAX_ISSUES]
        raise faults[0]
    return found


async def _referred(call: Call, unit: Unit, reference: str, made: Mapping[str, str]) -> str:
    type_, _, query = reference.partition("?")
    if type_ not in SERVED_TYPES:
        raise NotSupported("a conditional reference is Type?criteria, of a type that this server serves")
    call.need(type_, "search-type", "s")
    pairs = search_pairs(query)
    if (own := made.get(f"{type_}?{urlencode(sorted(pairs))}")) is not None:
        return own
    search = parse_search(type_, [*pairs, ("_count", "2")], call.around(is_strict=True))
    if not search.where:
        raise BadRequest("a conditional reference needs criteria")
    matches = (await unit.resources.search(call.access, [search], Page(call.access.client_id))).matches
    if len(matches) != 1:
        raise MultipleMatches(f"a conditional reference matches {'no' if not matches else 'more than one'} {type_}")
    return f"{type_}/{matches[0].id}"


async def _alone(call: Call, step: Step | FhirError) -> Done:
    """Run one entry of a batch in its own unit; its failure is its own."""
    try:
        if isinstance(step, FhirError):
            raise step
        if step.is_asked:
            return _done(await asked(call, step))
        async with call.database.unit(call.actor) as unit:
            (identified,), existing = await _identified(call, unit, [step])
            return await _run(call, unit, identified, existing.get(step.number))
    except FhirError as error:
        return _refusal(error)
    except RecordsError as error:
        status, issue = status_of(error)
        return Done(status, content=text.dumps(operation_outcome([issue])))


def _refusal(error: FhirError) -> Done:
    return Done(error.status, content=text.dumps(operation_outcome(error.issues)))


def _done(response: web.Response) -> Done:
    body = response.body if isinstance(response.body, bytes) else b""
    return Done(response.status, content=body, headers=response.headers)


async def _run(call: Call, unit: Unit, step: Step, existing: Stored | None) -> Done:
    if step.is_asked:
        return _done(await asked(call, step, unit))
    match step.method:
        case "POST":
            return await _create(call, unit, step, existing)
        case "PUT":
            call.need(step.type, "update", "u")
            how = Write(step.if_match, must_be_new=step.if_none_match == "*", access=call.access)
            stored = await unit.resources.save(_resource(step), how)
            return Done(201 if stored.is_new else 200, stored, call.shown(stored))
        case "PATCH":
            return await _patch(call, unit, step)
        case "DELETE":
            call.need(step.type, "delete", "d")
            if not step.id:  # nothing matched the criteria
                return Done(204)
            deleted = await unit.resources.delete(step.type, step.id, Write(step.if_match, access=call.access))
            return Done(204, deleted)
        case _:
            raise AssertionError("what only asks is answered by its route")


def _resource(step: Step) -> Json:
    resource = {**(step.resource or {}), "id": step.id}
    validate(resource)
    refuse_part(resource)
    refuse_criteria(resource)
    return resource


async def _create(call: Call, unit: Unit, step: Step, existing: Stored | None) -> Done:
    call.need(step.type, "create", "c")
    if existing is not None:
        return Done(200, existing, call.shown(existing))
    stored = await unit.resources.save(_resource(step), Write(must_be_new=True, access=call.access, is_fresh=True))
    return Done(201, stored, call.shown(stored))


async def _patch(call: Call, unit: Unit, step: Step) -> Done:
    call.need(step.type, "patch", "u")
    refuse_blind_patch(call, step.type)
    current = await unit.resources.read(call.access, step.type, step.id)
    after = json_patch(text.loads(current.content), patch_in(step))
    if after.get("resourceType") != step.type or after.get("id") != step.id:
        raise BadRequest("a patch may not change resourceType or id")
    validate(after)
    stored = await unit.resources.save(after, Write(step.if_match or current.version, access=call.access))
    return Done(200, stored, call.shown(stored))


def _answer(call: Call, type_: str, done: Sequence[Done]) -> web.Response:
    wanted = call.prefer("return")
    base = text.dumps(call.base)[1:-1].decode()
    entries = [_entry(base, each, wanted) for each in done]
    head = text.dumps({"resourceType": "Bundle", "id": str(uuid4()), "type": type_})[:-1]
    return answer(200, head + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}"))


_SAVED = text.dumps(operation_outcome([Issue("informational", "done", severity="information")]))
_STATUS = {status.value: f'"status":"{status.value} {status.phrase}"' for status in HTTPStatus}


def _entry(base: str, done: Done, wanted: str) -> bytes:
    """Give an entry's text; types, ids and times hold nothing that JSON escapes."""
    response, stored = _STATUS[done.status], done.stored
    if stored is not None:
        place = f"{base}/{stored.type}/{stored.id}/_history/{stored.version}"
        response += f',"location":"{place}","etag":"W/\\"{stored.version}\\""'
        response += f',"lastModified":"{instant(stored.updated_at)}"'
    elif "ETag" in done.headers:
        at = parsedate_to_datetime(done.headers["Last-Modified"]).isoformat().replace("+00:00", "Z")
        response += f',"etag":{text.dumps(done.headers["ETag"]).decode()},"lastModified":"{at}"'
    tail = f'"response":{{{response}'.encode()
    if done.status >= 400 and done.content:
        return b"{" + tail + b',"outcome":' + done.content + b"}}"
    if wanted == "OperationOutcome" and stored is not None:
        return b"{" + tail + b',"outcome":' + _SAVED + b"}}"
    if done.content and (wanted == "representation" or stored is None):
        return b'{"resource":' + done.content + b"," + tail + b"}}"
    return b"{" + tail + b"}}"
