"""Request bodies: JSON only, bounded in size, time and nesting, checked against the operation's schema."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from server.errors import BodyTooLarge, BodyTooSlow, InvalidBody, InvalidJson, UnsupportedMediaType
from server.http.operations import BY_ROUTE

MAX_BYTES = 1 << 20  # security.md §8; inflated too
# An intake is 3 kB; over a 2 kB/s line it arrives in two seconds. Ten times that frees the connection of a slow
# attacker.
ARRIVAL_S = 20.0
MAX_DEPTH = 32  # our deepest body nests 4; json.loads itself would recurse to its limit
# No measure of a person or a call is beyond; every reader of JSON keeps these exactly (RFC 7493 §2.2), 1e-300 few do.
SMALLEST, LARGEST = 1e-6, 2**53 - 1
MAX_ERRORS = 20  # told at once; a page has fewer fields


async def read(request: web.Request, key: tuple[str, str]) -> Mapping[str, Any]:
    """Return the checked body of an operation; {} for one that takes none."""
    operation = BY_ROUTE.get(key)
    if operation is None or operation.body is None:
        return {}
    raw = await _arrive(request)
    if not raw and not operation.body["required"]:
        return {}
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    value = parse(raw)
    check(value, key)
    return value


async def _arrive(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BYTES:
        raise BodyTooLarge
    try:
        async with asyncio.timeout(ARRIVAL_S):
            return await request.read()
    except TimeoutError:
        raise BodyTooSlow from None
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge from None
    except (web.RequestPayloadError, ContentEncodingError, ConnectionError):  # a page gave a try up, or left
        raise InvalidJson("The body is cut or not encoded as its headers say.") from None


def parse(raw: bytes) -> dict[str, Any]:
    """
    Return a JSON object. Raises InvalidJson for anything else: NaN, lone surrogates, NUL, deep nesting, doubled keys.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InvalidJson from None
    if not isinstance(value, dict) or not _is_plain(value, MAX_DEPTH):
        raise InvalidJson
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse doubled keys: two readers could disagree about which one counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("doubled key")
    return members


def _is_plain(value: Any, depth: int) -> bool:
    if depth < 0:
        return False
    match value:
        case str():
            return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
        case dict():
            return all(_is_plain(key, depth) and _is_plain(item, depth - 1) for key, item in value.items())
        case list():
            return all(_is_plain(item, depth - 1) for item in value)
        case bool() | None:
            return True
        case int() | float():
            return value == 0 or SMALLEST <= abs(value) <= LARGEST
        case _:
            return False  # json.loads gives nothing else


@cache
def _validator(key: tuple[str, str]) -> jsonschema_rs.Draft202012Validator:
    body = BY_ROUTE[key].body
    assert body is not None, "asked only for operations that take one"
    return jsonschema_rs.Draft202012Validator(body, validate_formats=True)


def check(value: dict[str, Any], key: tuple[str, str]) -> None:
    """Raise InvalidBody naming each field that breaks the operation's schema, never its value."""
    validator = _validator(key)
    if validator.is_valid(value):
        return
    errors = []
    for error in validator.iter_errors(value):
        pointer = "".join(f"/{str(part)[:64]}" for part in error.instance_path)
        errors.append({"pointer": pointer, "detail": _told(error.kind.as_dict(), error.kind.name)})
        if len(errors) == MAX_ERRORS:
            break
    raise InvalidBody(errors=errors)


def _told(kind: Mapping[str, Any], name: str) -> str:
    limit = kind.get("limit")
    match name:
        case "required":
            return f"missing: {kind.get('property')}"
        case "additionalProperties":
            return "unknown: " + ", ".join(str(each)[:64] for each in list(kind.get("unexpected", ()))[:MAX_ERRORS])
        case "enum":
            return "not one of the values that are possible here"
        case "anyOf":
            return "of the wrong type, too long, or not one of the values that are possible here"
        case "type":
            return "of the wrong type"
        case "maxLength" | "minLength":
            return f"{'longer' if name == 'maxLength' else 'shorter'} than {limit} characters"
        case "pattern" | "format":
            return "not written in the expected form"
        case _:
            return f"breaks {name}" if limit is None else f"breaks {name} {limit}"
