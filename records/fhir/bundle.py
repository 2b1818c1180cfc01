"""Answers with several resources: searchset and history Bundles, as text around resources that are text already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from records.fhir import text
from records.fhir.model import type_model

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a searchset."""

    url: str
    """Empty for an OperationOutcome."""
    content: bytes
    mode: str = "match"


@dataclass(frozen=True, slots=True)
class Version:
    """One entry of a history."""

    url: str
    content: bytes
    """Empty for a deletion."""
    method: str
    path: str
    version: int
    at: str


def searchset(entries: Sequence[Entry], links: Sequence[tuple[str, str]], total: int | None) -> bytes:
    """Give the JSON text of a searchset Bundle. Resources are spliced in as they are kept, byte for byte."""
    head: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": r, "url": u} for r, u in links]
    return _with_entries(head, [_search_entry(e) for e in entries])


def history(versions: Sequence[Version], links: Sequence[tuple[str, str]], total: int | None) -> bytes:
    """Give the JSON text of a history Bundle, newest first."""
    head: Json = {"resourceType": "Bundle", "type": "history"}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": r, "url": u} for r, u in links]
    return _with_entries(head, [_history_entry(v) for v in versions])


def _with_entries(head: Json, entries: Sequence[bytes]) -> bytes:
    opened = text.dumps(head)[:-1]
    return opened + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}")


def _search_entry(entry: Entry) -> bytes:
    mode = text.dumps({"mode": entry.mode})
    address = b'"fullUrl":' + text.dumps(entry.url) + b"," if entry.url else b""
    return b"{" + address + b'"resource":' + entry.content + b',"search":' + mode + b"}"


def _history_entry(version: Version) -> bytes:
    status = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}[version.method]
    request = {"method": version.method, "url": version.path}
    response = {"status": status, "etag": f'W/"{version.version}"', "lastModified": version.at}
    body = b',"resource":' + version.content if version.content else b""
    tail = b',"request":' + text.dumps(request) + b',"response":' + text.dumps(response) + b"}"
    return b'{"fullUrl":' + text.dumps(version.url) + body + tail


_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
# Always there: without them the part could be misread (FHIR R4 §3.1.1.6)
_ALWAYS = ("resourceType", "id", "meta", "implicitRules")


def part_of(content: bytes, summary: str, elements: Sequence[str]) -> bytes:
    """Give the part of a resource that _summary or _elements asks for, tagged SUBSETTED."""
    if summary == "false" and not elements:
        return content
    resource = text.loads(content)
    model = type_model(resource["resourceType"]).elements
    required = {n for name, names in type_model(resource["resourceType"]).required for n in (name, *names)}
    if elements:
        wanted = {e.split(".")[-1] if "." in e else e for e in elements} | required
        kept = {k: v for k, v in resource.items() if k.lstrip("_") in wanted or _choice(model, k) in wanted}
    elif summary == "true":
        # AuditEvent.agent is required and no part of its summary: what is there has to be valid all the same.
        summarised = {name for name, e in model.items() if e.is_summary} | required
        kept = {k: v for k, v in resource.items() if k.lstrip("_") in summarised}
    elif summary == "text":
        kept = {k: v for k, v in resource.items() if k in required or k == "text"}
    else:
        kept = {k: v for k, v in resource.items() if k != "text"}
    head = {k: resource[k] for k in _ALWAYS if k in resource}
    meta = dict(head.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return text.dumps({**head, "meta": meta, **{k: v for k, v in kept.items() if k not in head}})


def _choice(model: Any, name: str) -> str:
    element = model.get(name.lstrip("_"))
    return element.choice.removesuffix("[x]") if element is not None else ""
