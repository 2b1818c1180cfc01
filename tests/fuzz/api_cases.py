"""Cases that reach deep: real ids, search parameters of the type, resources and Bundles from the R4 model."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any
from urllib.parse import quote

from records.fhir.interactions import COMPARTMENTS, SERVED_TYPES
from records.fhir.parameters import parameters
from tests.fakes.synthetic import CODES, DATES, INSTANTS, WORDS, Synthetic

Json = dict[str, Any]
TYPES = sorted(SERVED_TYPES)
# Types that other types refer to; drawn more often, so that chains and includes find something.
USUAL = ["Patient", "Encounter", "Observation", "Consent", "Practitioner", "Provenance", "AuditEvent"]
_PREFIXES = ["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "zz"]
_MODIFIERS = ["", "", "", "", ":missing", ":not", ":exact", ":contains", ":text", ":identifier", ":of-type", ":in",
    ":Patient", ":Group", ":above", ":", ":iterate"]  # fmt: skip
_JUNK = ["\ufeff", "%", "\\", "$$", "|||", ",,,", "9" * 400, "a" * 3000, "\u202e", "𝔘", "null", "-1", "1e999", "NaN"]


def deepen(case: Any, random: Random, ids: dict[str, list[str]]) -> None:
    """Change a drawn case in place."""
    path = case.operation.path
    if not path.startswith("/fhir"):
        if "id" in (case.path_parameters or {}) and ids.get("visit"):
            case.path_parameters["id"] = random.choice(ids["visit"])
        return
    type_ = random.choice(USUAL if random.random() < 0.6 else TYPES)
    if case.path_parameters:
        _address(case, random, ids, type_)
    if path != "/fhir/metadata" and case.method == "GET" or "criteria" in str(case.operation.definition.raw):
        case.query = _query(random, type_, case.query)
    _body(case, random, type_)


def _address(case: Any, random: Random, ids: dict[str, list[str]], type_: str) -> None:
    known = ids.get(type_, [])
    found = case.path_parameters
    if "member" in found and random.random() < 0.8:
        type_ = random.choice(COMPARTMENTS)
        known = ids.get(type_, [])
    if "type" in found:
        found["type"] = type_
    if "id" in found:
        found["id"] = random.choice([*known, "p1", "p2", "x"])
    if "version" in found and random.random() < 0.7:
        found["version"] = random.choice(["1", "2", "3"])


def _query(random: Random, type_: str, drawn: Any) -> Json:
    query: Json = dict(drawn or {}) if random.random() < 0.3 else {}
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        name, value = pair(random, type_)
        query[name] = value
    for name, values in _RESULTS.items():
        if random.random() < 0.08:
            query[name] = random.choice(values).replace("TYPE", type_)
    return query


_RESULTS = {
    "_sort": ["_id", "-_lastUpdated", "date", "-date", "value-quantity,_id", "name", "code"],
    "_count": ["0", "1", "5", "1000", "-1", "x", "999999999999", "٣"],
    "_include": ["*", "TYPE:*", "TYPE:patient", "Encounter:service-provider", "TYPE:x", ":", "TYPE:subject:Patient"],
    "_include:iterate": ["*", "Encounter:*", "Patient:organization"],
    "_revinclude": ["*", "Observation:patient", "Provenance:target", "Observation:*", "TYPE:subject:TYPE"],
    "_revinclude:iterate": ["Observation:has-member"],
    "_summary": ["true", "text", "data", "count", "false", "x"],
    "_elements": ["id", "subject,name", "TYPE.code", ",", "_birthDate"],
    "_total": ["accurate", "none", "estimate", "x"],
    "_type": ["Patient", "TYPE,Encounter", "Potato", "TYPE,TYPE", ","],
    "_since": ["2020", "2024-02-29T12:30:00Z", "x", "9999-12-31", "0001"],
    "_at": ["2020", "2024-02-29T12:30:00+14:00", "x", "9999-12-31", "0001"],
    "_contained": ["true", "false", "both"],
    "_pretty": ["true"],
    "_page": ["x", "AAAA", "é"],
    "_format": ["json", "xml", "application/fhir json", "text/html"],
}


def pair(random: Random, type_: str, depth: int = 0) -> tuple[str, str]:
    """Draw one search parameter of a type with a value that mostly fits it."""
    codes = sorted(parameters(type_))
    code = random.choice(codes)
    parameter = parameters(type_)[code]
    if depth < 3 and random.random() < 0.1:
        other = random.choice(TYPES)
        reference = random.choice(sorted(c for c, p in parameters(other).items() if p.kind == "reference") or ["x"])
        inner, value = pair(random, other, depth + 1)
        return f"_has:{other}:{reference}:{inner}", value
    if depth < 5 and parameter.kind == "reference" and random.random() < 0.3:
        target = random.choice(sorted(parameter.targets & SERVED_TYPES) or ["Patient"])
        inner, value = pair(random, target, depth + 1)
        return f"{code}{random.choice(['', ':' + target])}.{inner}", value
    values = [_value(random, parameter.kind) for _ in range(random.choice((1, 1, 2)))]
    return code + random.choice(_MODIFIERS), ",".join(values)


def _value(random: Random, kind: str) -> str:
    if random.random() < 0.08:
        return random.choice(_JUNK)
    pick = random.choice
    number = pick(["1", "120", "1.00", "-5", "1e3", "100000000000000000000", "0.1e-30", "1e31"])
    match kind:
        case "date":
            return pick(_PREFIXES) + pick([*DATES, *INSTANTS, "2024-02-30", "0000", "2024-1"])
        case "number":
            return pick(_PREFIXES) + number
        case "quantity":
            return pick(_PREFIXES) + number + pick(["", "||mg", "|http://unitsofmeasure.org|mg", "|x", "|||"])
        case "token":
            return pick([pick(CODES), f"urn:his|{pick(CODES)}", f"|{pick(CODES)}", "urn:his|", "true", "a|b|c"])
        case "reference":
            return pick(["p1", "Patient/p1", f"{pick(TYPES)}/x", "http://example.org/fhir/Patient/p1", "#a",
                         "urn:his|1", "Patient/p1/_history/1"])  # fmt: skip
        case "composite":
            return f"{_value(random, 'token')}${_value(random, pick(['quantity', 'token', 'date', 'string']))}"
        case _:
            return pick(WORDS)[: pick([1, 3, 100])]


def _body(case: Any, random: Random, type_: str) -> None:
    media_type = case.media_type or ""
    if media_type == "application/fhir+json" and case.operation.path == "/fhir":
        case.body = bundle(random)
    elif media_type == "application/fhir+json":
        case.body = resource(random, type_)
        if "id" in (case.path_parameters or {}) and random.random() < 0.9:
            case.body["id"] = case.path_parameters["id"]
        if case.operation.path == "/fhir/{type}" and case.method == "PUT":
            case.body.pop("id", None)
    elif media_type == "application/merge-patch+json":
        changes = resource(random, type_)
        case.body = {name: random.choice([value, value, None]) for name, value in changes.items() if name != "id"}
    elif media_type == "application/json-patch+json":
        case.body = [_operation(random, type_) for _ in range(random.choice((1, 2, 3)))]
    elif media_type == "application/x-www-form-urlencoded":
        case.body = {name: str(value) for name, value in _query(random, type_, {}).items()}


def resource(random: Random, type_: str) -> Json:
    """Draw a resource, one in four with faults."""
    faults = 0.05 if random.random() < 0.25 else 0.0
    return Synthetic(random, random.choice((0.1, 0.25, 0.6)), faults).resource(type_)


def _operation(random: Random, type_: str) -> Json:
    changes = resource(random, type_)
    name = random.choice(sorted(changes))
    op = random.choice(["add", "replace", "remove", "test", "move", "copy"])
    path = random.choice([f"/{name}", f"/{name}/0", f"/{name}/-", "", "/", f"/{name}/x/y", "/~2"])
    return {"op": op, "path": path, "value": changes[name], "from": f"/{random.choice(sorted(changes))}"}


def bundle(random: Random) -> Json:
    """Draw a transaction or batch of a few entries that refer to each other."""
    entries = []
    for number in range(random.choice((0, 1, 3, 6))):
        type_ = random.choice(USUAL)
        body = resource(random, type_)
        entries.append({"fullUrl": f"urn:uuid:0000000{number}-ec9a-4326-a141-556f43239520", **_entry(random, body)})
    return {"resourceType": "Bundle", "type": random.choice(["transaction", "transaction", "batch"]), "entry": entries}


def _entry(random: Random, body: Json) -> Json:
    type_, id_ = body["resourceType"], body["id"]
    name, value = pair(random, type_)
    criteria = f"{type_}?{name}={quote(value)}"
    reference = random.choice(["urn:uuid:00000000-ec9a-4326-a141-556f43239520", f"Patient?identifier={quote(value)}"])
    if random.random() < 0.3 and "subject" in body:
        body["subject"] = {"reference": reference}
    match random.choice(["POST", "POST", "PUT", "PUT?", "GET", "GET?", "DELETE", "DELETE?", "PATCH", "none"]):
        case "POST":
            return {"resource": body, "request": {"method": "POST", "url": type_, "ifNoneExist": f"{name}={value}"}}
        case "PUT":
            return {"resource": body, "request": {"method": "PUT", "url": f"{type_}/{id_}"}}
        case "PUT?":
            return {"resource": body, "request": {"method": "PUT", "url": criteria}}
        case "PATCH":
            patch = base64.b64encode(json.dumps([{"op": "remove", "path": "/id"}]).encode()).decode()
            binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
            return {"resource": binary, "request": {"method": "PATCH", "url": f"{type_}/{id_}"}}
        case "none":
            return {"resource": body}
        case method:
            url = criteria if method.endswith("?") else f"{type_}/{id_}"
            return {"request": {"method": method.removesuffix("?"), "url": url}}
