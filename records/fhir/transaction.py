"""Transaction and batch Bundles: what each entry wants, in which order, how references are resolved (§3.1.0.11)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Container, Mapping, Sequence
from operator import is_
from typing import Any, NamedTuple
from urllib.parse import urlencode

from records.fhir import text
from records.fhir.errors import BadRequest, BusinessRule, FhirError, NotSupported, TooCostly, UnknownType
from records.fhir.interactions import INTERACTIONS
from records.fhir.model import is_resource_type
from records.fhir.search_text import search_pairs
from records.fhir.validate import MAX_ISSUES

Json = dict[str, Any]
# One transaction holds its locks until the end; a hospital's nightly load is split into such pieces.
MAX_ENTRIES = 2_000
# Each is a search of about 1.5 ms, and its misses are all told. A patient's whole history from Synthea has some 100.
MAX_SEARCHED = 500
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}


class Step(NamedTuple):
    """One entry of the Bundle as an interaction."""

    number: int
    """Place in the Bundle; the answer's entries come in the same order."""
    method: str
    type: str
    id: str = ""
    criteria: tuple[tuple[str, str], ...] = ()
    """Search criteria in the URL (conditional update) or in ifNoneExist (conditional create)."""
    resource: Json | None = None
    full_url: str = ""
    if_match: int | None = None
    path: str = ""
    """The URL below [base], as it was sent."""
    if_none_match: str = ""
    """`*` or the version that the client has."""
    if_modified_since: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether the step only asks: a read, a search, an operation."""
        return _is_asked(self.method, self.path)

    @property
    def is_write(self) -> bool:
        """Whether the step changes something."""
        return not self.is_asked and self.method in ("POST", "PUT", "PATCH", "DELETE")


def steps_of(bundle: Json, base_url: str, left_out: Container[int] = ()) -> list[Step]:
    """
    Give the steps of a valid transaction, in its order, but for the entries that are left out.

    Raises BadRequest, NotSupported, TooCostly.
    """
    entries = enumerate(_entries(bundle))
    return [_step(number, entry, base_url) for number, entry in entries if number not in left_out]


def unserved(bundle: Json, base_url: str) -> dict[int, UnknownType]:
    """Give the entries of a transaction that are for R4 types this server does not serve, and what to say of each."""
    found: dict[int, UnknownType] = {}
    entries = bundle.get("entry")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        request = entry.get("request") if isinstance(entry, dict) else None
        url = request.get("url") if isinstance(request, dict) else None
        type_ = re.split("[/?]", url.removeprefix(base_url).lstrip("/"), maxsplit=1)[0] if isinstance(url, str) else ""
        if type_ not in INTERACTIONS and is_resource_type(type_):
            found[number] = _unknown(type_, number)
    return found


def refuse_unserved(found: Mapping[int, UnknownType]) -> None:
    """Refuse a transaction for the types that are not served, each entry named: its sender mends them all at once."""
    if found:
        error = NotSupported("this server has none of these types; with Prefer: handling=lenient they are left out")
        issues = [issue for each in found.values() for issue in each.issues]
        error.issues = [*error.issues, *issues[:MAX_ISSUES]]
        raise error


def _unknown(type_: str, number: int) -> UnknownType:
    where = f"Bundle.entry[{number}].request.url"
    return UnknownType(f"this server has no resource type {type_}; see metadata", path=where)


def steps_alone(bundle: Json, base_url: str) -> list[Step | FhirError]:
    """Give the steps of a batch; where one cannot be understood, what is wrong with it alone (§3.1.0.11.1)."""
    found: list[Step | FhirError] = []
    for number, entry in enumerate(_entries(bundle)):
        try:
            found.append(_step(number, entry, base_url))
        except FhirError as error:
            found.append(error)
    return found


def without_resources(bundle: Json, left_out: Container[int] = ()) -> Json:
    """Give a Bundle to validate by itself: what an entry of a batch holds is its own matter, what is left out none."""
    entries = bundle.get("entry")
    is_batch = bundle.get("type") == "batch"
    if not isinstance(entries, list) or not is_batch and not left_out:
        return bundle
    bare = [
        {k: v for k, v in e.items() if k != "resource"} if isinstance(e, dict) and (is_batch or n in left_out) else e
        for n, e in enumerate(entries)
    ]
    return {**bundle, "entry": bare}


def _entries(bundle: Json) -> list[Json]:
    if bundle.get("type") not in ("transaction", "batch"):
        raise BadRequest("the Bundle posted to the base is a transaction or a batch", path="Bundle.type")
    entries: list[Json] = bundle.get("entry", [])
    if len(entries) > MAX_ENTRIES:
        raise TooCostly(f"a Bundle has at most {MAX_ENTRIES} entries; send it in pieces")
    return entries


def _step(number: int, entry: Json, base_url: str) -> Step:
    request, resource = entry.get("request", {}), entry.get("resource")
    if not isinstance(entry.get("resource", {}), dict):
        raise BadRequest("a resource is an object", path=f"Bundle.entry[{number}].resource")
    method, url = str(request.get("method", "")), str(request.get("url", ""))
    path = url.removeprefix(base_url).lstrip("/")
    target, _, query = path.partition("?")
    type_, _, id_ = target.partition("/")
    if type_ not in INTERACTIONS and is_resource_type(type_):
        raise _unknown(type_, number)
    if method in _ORDER and _is_asked(method, path):
        since = str(request.get("ifModifiedSince", ""))
        tag = str(request.get("ifNoneMatch", "")).removeprefix("W/").strip('"')
        return Step(number, method, type_, resource=entry.get("resource"), path=path, if_none_match=tag,
                    if_modified_since=since)  # fmt: skip
    if type_ not in INTERACTIONS or "/" in id_ or method not in _ORDER:
        message = "the entry's url is no interaction of this server"
        raise NotSupported(message, path=f"Bundle.entry[{number}].request.url")
    if method == "POST":
        query = str(request.get("ifNoneExist", "")).removeprefix(type_).lstrip("?")
    criteria = tuple(search_pairs(query)) if query else ()
    if_match = _version(request["ifMatch"], number) if request.get("ifMatch") is not None else None
    if_none_match = str(request.get("ifNoneMatch", "")).removeprefix("W/").strip('"')
    full_url = str(entry.get("fullUrl", ""))
    step = Step(number, method, type_, id_, criteria, resource, full_url, if_match, path, if_none_match)
    _check(step)
    return step


def _is_asked(method: str, path: str) -> bool:
    if method != "POST" or "$" not in path and "_search" not in path:
        return method in ("GET", "HEAD")
    last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    return last == "_search" or last.startswith("$")


def _check(step: Step) -> None:
    where = f"Bundle.entry[{step.number}].request"
    needs_resource = step.method in ("POST", "PUT", "PATCH")
    if needs_resource and step.resource is None:
        raise BadRequest("the entry needs a resource", path=f"Bundle.entry[{step.number}].resource")
    if step.method == "POST" and step.id:
        raise BadRequest("a create is posted to its type", path=f"{where}.url")
    if step.method in ("PUT", "PATCH", "DELETE") and not step.id and not step.criteria:
        raise BadRequest("the entry needs an id or search criteria", path=f"{where}.url")
    if step.method in ("POST", "PUT") and step.resource and step.resource.get("resourceType") != step.type:
        raise BadRequest("the entry's url is for another type than its resource", path=f"{where}.url")
    if step.method == "PUT" and step.id and step.resource and step.resource.get("id") != step.id:
        raise BadRequest("the resource's id must be the one in the url", path=f"{where}.url")


def _version(tag: Any, number: int) -> int:
    digits = str(tag).removeprefix("W/").strip('"')
    if not digits.isdecimal() or len(digits) > 9:
        raise BadRequest('ifMatch is one version, for example W/"3"', path=f"Bundle.entry[{number}].request.ifMatch")
    return int(digits)


def in_order(steps: Sequence[Step]) -> list[Step]:
    """Give the order of processing: delete, create, update, read; updates by id, so that none deadlock."""
    return sorted(steps, key=lambda s: (_ORDER["GET" if s.is_asked else s.method], s.type, s.id, s.number))


def refuse_overlap(steps: Sequence[Step]) -> None:
    """Refuse a transaction that writes one resource twice (§3.1.0.11.2). Call after criteria became ids."""
    seen: set[tuple[str, str]] = set()
    for step in steps:
        if not step.is_write or not step.id:
            continue
        if (step.type, step.id) in seen:
            raise BadRequest("two entries write the same resource", path=f"Bundle.entry[{step.number}]")
        seen.add((step.type, step.id))


def patch_in(step: Step) -> Any:
    """Give the JSON Patch that a PATCH entry carries in a Binary."""
    resource = step.resource or {}
    where = f"Bundle.entry[{step.number}].resource"
    if resource.get("resourceType") != "Binary" or resource.get("contentType") != "application/json-patch+json":
        raise NotSupported("a patch in a Bundle is a Binary of application/json-patch+json", path=where)
    try:
        return text.loads(base64.b64decode(str(resource.get("data", ""))))
    except (binascii.Error, ValueError):
        raise BadRequest("data is not base64", path=where) from None


def may_refer_by_criteria(raw: bytes) -> bool:
    """Tell whether a Bundle's text may hold a `Type?criteria` at all: most have no question mark, escaped or not."""
    return not raw or b"?" in raw or b"\\u003" in raw


def conditional_references(steps: Sequence[Step]) -> dict[str, Step]:
    """Give each `Type?criteria` that stands for a reference (§3.1.0.11.3), with the first entry that has it."""
    found: dict[str, Step] = {}
    for step in steps:
        for reference in references_in(step.resource) if step.resource else ():
            if _BY_CRITERIA.match(reference):
                found.setdefault(reference, step)
    if len(found) > MAX_SEARCHED:
        raise TooCostly(f"a transaction has at most {MAX_SEARCHED} different references by criteria; send it in pieces")
    return found


def refuse_criteria(resource: Json) -> None:
    """Refuse to keep `Type?criteria` as a reference: only a transaction says whom it means."""
    if any(map(_BY_CRITERIA.match, references_in(resource))):
        raise BusinessRule("a reference by criteria is resolved in a transaction only", path=resource["resourceType"])


# The criteria may hold an address: Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1
_BY_CRITERIA = re.compile(r"[A-Z][A-Za-z]+\?")


def named_by_criteria(steps: Sequence[Step]) -> dict[str, str]:
    """Give the ids of what the Bundle itself makes or finds by criteria, so that a reference may name it by them."""
    return {
        f"{step.type}?{urlencode(sorted(step.criteria))}": f"{step.type}/{step.id}"
        for step in steps
        if step.criteria and step.id and step.method in ("POST", "PUT")
    }


def references_in(value: Json) -> list[str]:
    """Give every literal reference of a resource, contained ones included."""
    found: list[str] = []
    rest: list[Any] = [value]
    while rest:
        node = rest.pop()
        if type(node) is dict:
            if isinstance(reference := node.get("reference"), str):
                found.append(reference)
            node = node.values()
        rest += [child for child in node if type(child) in _CONTAINERS]
    return found


_CONTAINERS = frozenset((dict, list))  # what JSON makes, and nothing else


def with_references(value: Any, resolved: Mapping[str, str]) -> Any:
    """Give a resource whose references to other entries name their new ids; also uris, such as Attachment.url."""
    return _replaced("", value, lambda found: resolved.get(found, found)) if resolved else value


# Strings that are no uri, whatever they look like: an Identifier keeps its number, a text its words.
_NO_LINKS = frozenset(("value", "valueString", "valueMarkdown", "code", "display", "text", "id", "title", "name"))
_NARRATIVE_LINK = re.compile(r"""(?<=\s)(href|src)=(["'])([^"'<>]*)\2""")


def _replaced(name: str, value: Any, change: Callable[[str], str]) -> Any:
    """Give the value of an element with its links changed; the same object where there is nothing to change."""
    if isinstance(value, list):
        items = [_replaced(name, item, change) for item in value]
        return value if all(map(is_, items, value)) else items
    if isinstance(value, dict):
        members = {
            key: _replaced(key, child, change) if type(child) in _CONTAINERS else _link(key, child, change)
            for key, child in value.items()
        }
        return value if all(map(is_, members.values(), value.values())) else members
    return _link(name, value, change)


def _link(name: str, value: Any, change: Callable[[str], str]) -> Any:
    if not isinstance(value, str):
        return value
    if name == "reference" or name not in _NO_LINKS and value.startswith("urn:"):
        return change(value)
    if name == "div" and "urn:" in value:  # §3.1.0.11.2: also <a href> and <img src> of the narrative
        return _NARRATIVE_LINK.sub(lambda link: f"{link[1]}={link[2]}{change(link[3])}{link[2]}", value)
    return value


def resolved_ids(steps: Sequence[Step], base_url: str) -> dict[str, str]:
    """Give how other entries may name each written resource: fullUrl and what it ends with."""
    found: dict[str, str] = {}
    for step in steps:
        if step.full_url and step.id and step.method in ("POST", "PUT"):
            target = f"{step.type}/{step.id}"
            found[step.full_url] = target
            if "://" in step.full_url and not step.full_url.startswith(base_url):
                found["/".join(step.full_url.rsplit("/", 2)[-2:])] = target
    return found


def with_id(step: Step, id_: str) -> Step:
    """Give the step with the id that was found or drawn for it."""
    return step._replace(id=id_)
