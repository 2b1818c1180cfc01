"""One FHIR request: who calls, what they may do, send and want back; and every error's OperationOutcome."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import web

from records.access import Grade, place_grade
from records.actors import Actor, ActorKind
from records.errors import (
    AccessDenied,
    KeyDestroyed,
    KeyServiceUnavailable,
    NotFound,
    RecordsError,
    StoreTooSlow,
    StoreUnavailable,
)
from records.fhir import text
from records.fhir.errors import (
    BadRequest,
    FhirError,
    Forbidden,
    Issue,
    NoSuchInteraction,
    NotAcceptable,
    ResourceGone,
    TooCostly,
    TooManyAtOnce,
    UnknownType,
    UnsupportedBody,
)
from records.fhir.interactions import INTERACTIONS
from records.fhir.outcome import operation_outcome
from records.fhir.places import graded, hidden_parameters
from records.fhir.query import Access
from records.fhir.search import Surroundings
from records.store.database import DEFAULT_TENANT, Database
from records.store.resource_groups import Request
from records.store.resource_rows import Stored
from records.store.unit import Unit
from server.auth.smart_tokens import Authorised, TokenRefused
from server.http.smart_services import IN_WORK, TOKENS, base_url, request_id
from server.keys import CLOCK, DATABASE

FHIR_JSON = "application/fhir+json"
JSON_TYPES = frozenset((FHIR_JSON, "application/json", "application/json+fhir", "text/json"))
# A transaction of 1,000 resources of 5 kB, twice.
MAX_BODY = 10 * 1024 * 1024
# Reading and judging one takes about 20 ms, as long as a call's audio may wait.
LARGE_BODY = 256 * 1024
ARRIVAL_S = 30.0
REASON_HEADER = "X-Break-Glass-Reason"
MAX_REASON = 500  # a sentence for the privacy officer
_RETRY_S = 3
VERSION_TAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')
Json = dict[str, Any]
T = TypeVar("T")
Handler = Callable[["Call"], Awaitable[web.Response]]


@dataclass(frozen=True)
class Call:
    """An authenticated request."""

    request: web.Request
    authorised: Authorised
    now: datetime
    named: Mapping[str, str] = field(default_factory=dict)
    """What the route named: `type`, `id` …"""
    joined: Unit | None = None
    """The transaction that a Bundle's entry is part of."""
    sent: Any = None
    """The resource of a Bundle's entry, in place of the body."""

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """Give the unit to answer in: a new one, or the Bundle's own."""
        if self.joined is not None:
            yield self.joined
            return
        async with self.database.unit(self.actor) as unit:
            yield unit

    @property
    def access(self) -> Access:
        """What the client may do."""
        return self.authorised.access

    @property
    def database(self) -> Database:
        """Where units come from."""
        return self.request.app[DATABASE]

    @cached_property
    def actor(self) -> Actor:
        """The client as the subject of decisions and audit entries."""
        name, purpose = self.access.client_id, self.authorised.purpose
        return Actor(DEFAULT_TENANT, ActorKind.SERVICE, name, purpose, request_id(self.request), reason=self.reason)

    @property
    def reason(self) -> str | None:
        """Why the glass is broken; percent-encoded where it is not ASCII."""
        return unquote(self.request.headers.get(REASON_HEADER, ""))[:MAX_REASON].strip() or None

    @cached_property
    def grade(self) -> Grade:
        """How exactly the client sees where people live."""
        return place_grade(self.actor)

    def shown(self, stored: Stored) -> bytes:
        """Give a resource as this client may see it. Every answer that holds one passes here."""
        return graded(stored.content, self.grade)

    def around(self, is_strict: bool) -> Surroundings:
        """Give what a search by this client needs to know besides its parameters."""
        return Surroundings(self.now, self.base, is_strict, hidden_parameters(self.grade))

    @cached_property
    def base(self) -> str:
        """Address of /fhir."""
        return base_url(self.request.app)

    @property
    def type(self) -> str:
        """Resource type of the URL. Raises UnknownType."""
        found = self.named["type"]
        if found not in INTERACTIONS:
            raise UnknownType(f"this server has no resource type {found}; see metadata")
        return found

    @property
    def id(self) -> str:
        """Resource id of the URL."""
        return self.named["id"]

    def need(self, type_: str, interaction: str, letter: str) -> None:
        """Refuse what the type does not do, or what no scope covers. Call inside the unit, so that it is audited."""
        self.supports(type_, interaction)
        if not self.access.permits(type_, letter):
            raise Forbidden(f"no scope of this token covers system/{type_}.{letter}")

    def supports(self, type_: str, interaction: str) -> None:
        """Refuse what the type does not do at all, before its body is read."""
        if interaction not in INTERACTIONS[type_]:
            raise NoSuchInteraction(f"{type_} has no {interaction}; see metadata")

    def asks(self, interaction: str, **what: Any) -> Request | None:
        """Give the request as one that others may share a transaction with; else None."""
        if interaction not in INTERACTIONS[self.type] or self.joined is not None:
            return None
        return Request(self.actor, self.access, self.type, **what)

    def prefer(self, name: str) -> str:
        """Give a value of the Prefer header (RFC 7240), empty when it isn't there."""
        for part in ",".join(self.request.headers.getall("Prefer", [])).replace(";", ",").split(","):
            key, _, value = part.strip().partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"')
        return ""

    def if_match(self) -> int | None:
        """Give the version of If-Match, None without one. Raises BadRequest."""
        value = self.request.headers.get("If-Match")
        if value is None or value.strip() == "*":
            return None
        match = VERSION_TAG.fullmatch(value.strip())
        if match is None:
            raise BadRequest('If-Match is one version, for example W/"3"')
        return int(match[1])

    async def body(self) -> Any:
        """Give the JSON value of the body. Raises SyntaxFault, TooCostly, NotSupported."""
        check_json(self.request, PATCH_TYPES)
        return await aside(self, text.loads, await read_body(self.request))

    async def resource(self) -> Json:
        """Give the body as a resource."""
        return (await posted(self))[0]


async def posted(call: Call) -> tuple[Json, bytes]:
    """Give the body as a resource, and as it came; empty where it came inside a Bundle."""
    if call.sent is not None:
        return text.checked(call.sent), b""
    check_json(call.request)
    raw = await read_body(call.request)
    return await aside(call, text.loads_resource, raw), raw


_READING = ("GET", "HEAD")
PATCH_TYPES = frozenset(("application/json-patch+json", "application/merge-patch+json"))


async def read_body(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """Give the body's bytes, bounded in size and time."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(ARRIVAL_S):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise TooCostly(f"such a body has at most {limit >> 10} KiB; send it in parts")
                chunks.append(chunk)
    except TimeoutError:
        raise BadRequest("the body did not arrive in time") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is cut or not encoded as its headers say") from None
    return b"".join(chunks)


async def aside(call: Call, work: Callable[..., T], *given: Any) -> T:
    """Run pure work on a request's body; on a large one beside the loop, so that nobody else waits for it."""
    if call.sent is not None or call.request.content.total_bytes < LARGE_BODY:
        return work(*given)
    return await asyncio.to_thread(work, *given)


def fhir(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make a route of a handler: authenticate, bound the work, answer every error as an OperationOutcome."""

    async def route(request: web.Request) -> web.StreamResponse:
        try:
            if not _may_be_bytes(request):
                _check_accept(request)
            slots = request.app[IN_WORK]
            if slots.locked():
                raise TooManyAtOnce("the server is busy; send the same request again")
            async with slots:
                return _pretty(request, await handler(await _authenticated(request)))
        except TokenRefused as error:
            return refused(error)
        except NoSuchInteraction as error:
            return not_allowed(error.issues, () if request.method in _READING else _READING)
        except RecordsError as error:
            return failed(error)

    return route


def open_to_all(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[..., Awaitable[web.Response]]:
    """Make a route of a handler that needs no token: format and errors are those of /fhir all the same."""

    async def route(request: web.Request) -> web.Response:
        try:
            _check_accept(request)
            return _pretty(request, await handler(request))
        except RecordsError as error:
            return failed(error)

    return route


def _pretty(request: web.Request, response: web.Response) -> web.Response:
    """Indent the answer for whoever reads it in a browser (FHIR R4 §3.1.0.1.11)."""
    is_json = response.content_type == FHIR_JSON
    if is_json and request.query.get("_pretty") == "true" and isinstance(response.body, bytes) and response.body:
        response.body = text.pretty(response.body)
    return response


async def _authenticated(request: web.Request) -> Call:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("send Authorization: Bearer with a token of /auth/token")
    clock = request.app[CLOCK]
    now = clock.now()
    authorised = await request.app[TOKENS].check(token.strip(), now, clock.monotonic())
    call = Call(request, authorised, now, request.match_info)
    if call.access.breaks_glass and call.reason is None:
        raise Forbidden(f"a token for BTG needs the reason in {REASON_HEADER}")
    return call


_ANY_FORMAT = frozenset(("*/*", "*", "application/*", "text/*", "json", ""))  # `*` is what Java's own client sends


def _check_accept(request: web.Request) -> None:
    if (wanted := request.query.get("_format")) is not None:
        check_format(wanted)
    elif not any(map(_is_spoken, request.headers.get("Accept", "*/*").split(","))):
        raise NotAcceptable(_SPOKEN)


def _may_be_bytes(request: web.Request) -> bool:
    """A Binary is read in its own format too, which fhir_binary.py checks."""
    named = request.match_info
    is_one = "id" in named and ("version" in named or "_history" not in request.path)
    return is_one and named.get("type") == "Binary" and request.method in _READING and "_format" not in request.query


def check_format(wanted: str) -> None:
    """Refuse a `_format` that we do not speak. Its `+` may have come unescaped in the URL."""
    if not _is_spoken(wanted.replace(" ", "+")):
        raise NotAcceptable(_SPOKEN)


_SPOKEN = "this server speaks application/fhir+json only, of FHIR 4.0"


def _is_spoken(media_range: str) -> bool:
    name, parameters = _media_type(media_range)
    is_refused = re.fullmatch(r"0(\.0*)?", parameters.get("q", "1")) is not None
    is_known = name in JSON_TYPES or name in _ANY_FORMAT
    return is_known and not is_refused and _is_version(parameters)


def _media_type(text_: str) -> tuple[str, dict[str, str]]:
    name, *parts = (part.strip() for part in text_.lower().split(";"))
    pairs = (part.partition("=") for part in parts)
    return name, {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _is_version(parameters: Mapping[str, str]) -> bool:
    """MIME parameter fhirVersion (FHIR R4 §2.1.0.2): 4.0, or no word of it."""
    return parameters.get("fhirversion", "4.0") in ("4.0", "4.0.0", "4.0.1")


def check_json(request: web.Request, more: Collection[str] = ()) -> None:
    """Refuse a body that says it is something else than FHIR 4.0 in JSON. Raises UnsupportedBody."""
    _, parameters = _media_type(request.headers.get("Content-Type", ""))
    if request.content_type not in JSON_TYPES and request.content_type not in more:
        raise UnsupportedBody("send application/fhir+json")
    if not _is_version(parameters):
        raise UnsupportedBody("send FHIR 4.0: this server knows no other version")


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    """Give a FHIR JSON answer."""
    found = {"Content-Type": f"{FHIR_JSON}; charset=utf-8", **(headers or {})}
    return web.Response(status=status, body=body, headers=found)


def outcome(status: int, issues: Sequence[Issue], headers: dict[str, str] | None = None) -> web.Response:
    """Give an OperationOutcome."""
    return answer(status, text.dumps(operation_outcome(issues)), headers)


def not_allowed(issues: Sequence[Issue], methods: Collection[str]) -> web.Response:
    """Give the 405 with the methods that the address has (RFC 9110 §15.5.6)."""
    allowed = {*methods, "HEAD"} if "GET" in methods else {*methods}
    return outcome(405, issues, {"Allow": ", ".join(sorted(allowed))})


def refused(error: TokenRefused) -> web.Response:
    """Give the 401 (RFC 6750 §3)."""
    challenge = f'Bearer realm="fhir", error="invalid_token", error_description="{error.description}"'
    issue = Issue("login", error.description)
    return outcome(401, [issue], {"WWW-Authenticate": challenge})


def failed(error: RecordsError) -> web.Response:
    """Give the answer to an error of the records package."""
    if isinstance(error, ResourceGone):
        return outcome(error.status, error.issues, {"ETag": f'W/"{error.version}"'})
    if isinstance(error, FhirError):
        return outcome(error.status, error.issues, _retry(error.status))
    status, issue = status_of(error)
    return outcome(status, [issue], _retry(status))


def _retry(status: int) -> dict[str, str]:
    return {"Retry-After": str(_RETRY_S)} if status in (429, 503) else {}


def status_of(error: RecordsError) -> tuple[int, Issue]:
    """Give status and issue of an error that is not FHIR's own; a fault of ours is raised again for the edge to log."""
    match error:
        case AccessDenied():
            return 403, Issue("forbidden", "the access policy does not permit this")
        case NotFound():
            return 404, Issue("not-found", "there is no such record, or none that this client may see")
        case KeyDestroyed():
            return 410, Issue("deleted", "this patient's records were erased and cannot be read again")
        case StoreTooSlow():
            return 503, Issue("too-costly", "this took too long; ask for less at once, or later")
        case StoreUnavailable() | KeyServiceUnavailable():
            return 503, Issue("transient", "the store is away for a moment; send the same request again")
        case _:
            raise error


def version_headers(stored: Stored) -> dict[str, str]:
    """Give ETag and Last-Modified of a version."""
    at = stored.updated_at.astimezone(UTC).replace(microsecond=0)
    return {"ETag": f'W/"{stored.version}"', "Last-Modified": format_datetime(at, usegmt=True)}
