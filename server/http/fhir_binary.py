"""Binary as bytes of its own media type, in and out (FHIR R4 §2.17.2)."""

from __future__ import annotations

import base64
import re
from typing import Any

from aiohttp import web

from records.fhir import text
from records.fhir.errors import NotAcceptable, UnsupportedBody
from server.http.fhir_call import JSON_TYPES, Call, read_body

Json = dict[str, Any]
CONTEXT_HEADER = "X-Security-Context"
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]+"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}( ?; ?[\x20-\x7e]*)?")
# Whatever was stored is a file, never a page of this origin.
_AS_FILE = {"Content-Disposition": "attachment", "Content-Security-Policy": "sandbox; default-src 'none'"}


def wants_bytes(call: Call) -> bool:
    """Tell whether a read is for the bytes: it is unless the client names FHIR's own format."""
    ranges = _ranges(call.request)
    return call.type == "Binary" and "_format" not in call.request.query and not JSON_TYPES & set(ranges)


def as_bytes(call: Call, content: bytes, headers: dict[str, str]) -> web.Response:
    """Answer with what the resource holds. Raises NotAcceptable."""
    resource = text.loads(content)
    stored = str(resource["contentType"])
    media_type = stored if _MEDIA_TYPE.fullmatch(stored) else "application/octet-stream"
    name = media_type.partition(";")[0].strip().lower()
    if not {name, f"{name.partition('/')[0]}/*", "*/*"} & set(_ranges(call.request)):
        raise NotAcceptable(f"this is {name}; ask for it, or for application/fhir+json")
    body = base64.b64decode(resource.get("data", ""))
    return web.Response(body=body, headers={"Content-Type": media_type, **_AS_FILE, **headers})


def _ranges(request: web.Request) -> list[str]:
    accept = request.headers.get("Accept") or "*/*"
    return [part.partition(";")[0].strip().lower() for part in accept.split(",")]


def is_sent_as_bytes(call: Call, type_: str) -> bool:
    """Tell whether a write carries the bytes rather than the resource."""
    return type_ == "Binary" and call.sent is None and call.request.content_type not in JSON_TYPES


async def binary_of(call: Call, id_: str | None) -> Json:
    """Give the resource of a body of any media type. Raises UnsupportedBody."""
    media_type = call.request.headers.get("Content-Type", "")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise UnsupportedBody("say in Content-Type of which media type the bytes are")
    found: Json = {"resourceType": "Binary", "contentType": media_type}
    if id_ is not None:
        found["id"] = id_
    if context := call.request.headers.get(CONTEXT_HEADER):
        found["securityContext"] = {"reference": context}
    if data := await read_body(call.request):
        found["data"] = base64.b64encode(data).decode()
    return found
