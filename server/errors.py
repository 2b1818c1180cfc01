"""The one place where an error becomes an answer: every package's errors as RFC 9457 problems with a stable code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from records.errors import AlreadyClaimed, RecordsError, RetentionNotOver, StaleState, StaleVersion
from records.triage.errors import IntakeInvalid
from signaling.errors import SignalingError, WrongState
from signaling.media.errors import MediaError
from signaling.net.control import RelayError

# A database restart takes half a second, a promoted standby three (security.md §12); a client that waits this long
# meets it.
RETRY_AFTER_S = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told about a failure; `members` are extension members (RFC 9457 §3.2)."""

    status: int
    code: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """
        Return the JSON body. `type` is a URN: the codes are explained in server/http/README.md, not at an address.
        """
        head = {"type": f"urn:teleconsult:problem:{self.code}", "title": HTTPStatus(self.status).phrase}
        return {**head, "status": self.status, "detail": self.detail, "code": self.code, **self.members}


class ServerError(Exception):
    """A request that the server refuses. Never raised for our own bugs."""

    code: ClassVar[str]
    """Stable; clients switch on it (server/http/README.md)."""
    status: ClassVar[int] = 400
    detail: ClassVar[str]
    """What to do; a raiser may say it more exactly."""

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.detail)
        self.members = members

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer."""
        return {}


class InvalidJson(ServerError):
    code = "invalid-json"
    detail = "Send one JSON object, UTF-8, nested 32 levels at most."


class InvalidHeader(ServerError):
    code = "invalid-header"
    detail = "A header has a value that cannot be used."


class InvalidBody(ServerError):
    """Members: `errors`, a list of {pointer, detail}."""

    code = "invalid-body"
    status = 422
    detail = "Some fields are missing, unknown or out of range; see errors."


class ReasonRequired(ServerError):
    code = "reason-required"
    status = 422
    detail = "Say why: send a reason."


class BasisNotAvailable(ServerError):
    code = "basis-not-available"
    status = 409
    detail = "In this country a request does not end the retention term; wait until it is over."


class UnsupportedMediaType(ServerError):
    code = "unsupported-media-type"
    status = 415
    detail = "Send Content-Type: application/json."


class BodyTooLarge(ServerError):
    code = "body-too-large"
    status = 413
    detail = "A request body has 1 MiB at most, also after decompression."


class BodyTooSlow(ServerError):
    code = "body-too-slow"
    status = 408
    detail = "The body did not arrive in time; send it again."


class NotFound(ServerError):
    """No such thing, or another person's: the two are not told apart."""

    code = "not-found"
    status = 404
    detail = "There is no such thing here."


class MethodNotAllowed(ServerError):
    """Members: none; the Allow header names the methods."""

    code = "method-not-allowed"
    status = 405
    detail = "This address does not take this method; see the Allow header."

    def __init__(self, allow: str) -> None:
        super().__init__()
        self.allow = allow

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Allow": self.allow}


class ForbiddenOrigin(ServerError):
    code = "forbidden-origin"
    status = 403
    detail = "Call from our own page, with the header X-Requested-With: teleconsult."


class NotSignedIn(ServerError):
    code = "not-signed-in"
    status = 401
    detail = "Open your link again, or log in."


class NotAllowed(ServerError):
    code = "not-allowed"
    status = 403
    detail = "Your role may not do this."


class TooManyRequests(ServerError):
    """Members: `retry_after_s`."""

    code = "too-many-requests"
    status = 429
    detail = "Too many tries; wait, then try again."

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s=retry_after_s)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": str(self.members["retry_after_s"])}


class StreamLimit(TooManyRequests):
    code = "stream-limit"
    detail = "Too many consoles are open with this login; close one, then try again."


class WrongCredentials(ServerError):
    code = "wrong-credentials"
    status = 401
    detail = "E-mail or password is wrong. Check both, or ask your administrator."


class WrongStep(ServerError):
    """A step out of order. Members: `next`, the step to do first."""

    code = "wrong-state"
    status = 409
    detail = "This step is not possible now; see next."


class ConsentNeeded(WrongStep):
    code = "consent-needed"
    detail = "Agree to the remote consultation first."


class PlaceNeeded(WrongStep):
    code = "place-needed"
    detail = "Say where you are now and how to call you back first."


class NoteNeeded(ServerError):
    code = "note-needed"
    status = 409
    detail = "Write and save the note before signing it."


class TriageNeeded(ServerError):
    code = "triage-needed"
    status = 409
    detail = "This visit has no triage note to decide on."


class SummaryNotReady(ServerError):
    code = "summary-not-ready"
    status = 404
    detail = "The summary is here as soon as the doctor has signed the note."


class IfMatchRequired(ServerError):
    code = "if-match-required"
    status = 428
    detail = 'Send If-Match with the version you read, for example "3"; "0" for a first save.'


class IdempotencyConflict(ServerError):
    code = "idempotency-conflict"
    status = 409
    detail = "This Idempotency-Key was used with another body; use a new key."


class Unexpected(ServerError):
    code = "unexpected"
    status = 500
    detail = "This is our fault. Try again; if it stays, tell us the X-Request-Id of this answer."


# Codes of other packages: status and what to do. A code that is not here is our own bug and answers `unexpected`.
_ANSWERS: Mapping[str, tuple[int, str]] = {
    "not-claimed": (409, "Claim the visit first; only the practitioner who holds it may do this."),
    "already-claimed": (409, "Someone has claimed this patient; choose another, or ask them to release."),
    "already-signed": (409, "A signed note is final; write an addendum in a new visit."),
    "already-exists": (409, "This exists already; use another name."),
    "stale-version": (412, "Someone saved in the meantime: read the current version, merge, send again."),
    "link-unknown": (404, "This link does not exist. Check that it was copied whole, or ask for a new one."),
    "link-not-yet": (409, "This link opens later; come back shortly before the appointment."),
    "link-expired": (410, "This link is over its time. Ask the clinic for a new one."),
    "link-revoked": (410, "This link was replaced or withdrawn. Use the newest one, or ask the clinic."),
    "link-used-elsewhere": (409, "This link is in use elsewhere. Go on there, or ask the clinic for a new link."),
    "ticket-invalid": (401, "Ask POST /api/tickets for a new ticket; each serves once, for 30 s."),
    "key-destroyed": (410, "This person's records were erased and cannot be read again."),
    "retention-not-over": (409, "The law requires keeping these records until the date in `until`."),
    "legal-hold": (409, "A legal hold keeps these records; lift it first."),
    "store-unavailable": (503, "The database is away for a moment; nothing was lost. Send the same request again."),
    "key-service-unavailable": (503, "The key service is away for a moment; send the same request again."),
    "schema-outdated": (503, "The server is being upgraded; send the same request again."),
    "bad-message": (400, "The message does not follow signaling/README.md."),
    "not-admitted": (409, "Wait until the call begins, then publish."),
    "not-allowed": (403, "Your seat may not do this."),
    "try-again": (503, "Another change is under way; send the same request again."),
    "stale-generation": (409, "A newer description exists; use that one."),
    "relay-refused": (502, "The media relay refused; connect again."),
    "room-full": (409, "Every seat of this consultation is taken."),
    "visit-over": (410, "This visit is over."),
    "bad-ticket": (401, "Ask POST /api/tickets for a new ticket."),
    "bad-sdp": (400, "The session description cannot be used."),
    "sdp-too-large": (413, "The session description is over a limit; send fewer media lines or candidates."),
    "no-such-room": (404, "There is no such consultation."),
    "no-such-link": (404, "There is no such media link."),
    "draining": (503, "This relay takes no new calls; connect again."),
    "relay-lost": (503, "The media relay is restarting; connect again."),
}  # fmt: skip


def _stale_state(error: Exception) -> Problem:
    assert isinstance(error, StaleState)  # by the table below
    return Problem(409, "wrong-state", WrongStep.detail, {"state": error.actual})


def _wrong_state(error: Exception) -> Problem:
    assert isinstance(error, WrongState)
    return Problem(409, "wrong-state", WrongStep.detail, {"state": error.state})


def _already_claimed(error: Exception) -> Problem:
    assert isinstance(error, AlreadyClaimed)
    return Problem(409, "already-claimed", _ANSWERS["already-claimed"][1], {"by_self": error.by_self})


def _stale_version(error: Exception) -> Problem:
    assert isinstance(error, StaleVersion)
    return Problem(412, "stale-version", _ANSWERS["stale-version"][1], {"current": error.current})


def _retention_not_over(error: Exception) -> Problem:
    assert isinstance(error, RetentionNotOver)
    return Problem(409, "retention-not-over", _ANSWERS["retention-not-over"][1], {"until": error.until})


def _intake_invalid(error: Exception) -> Problem:
    assert isinstance(error, IntakeInvalid)
    pointer = "/" + error.path.replace(".", "/")
    detail = "An answer of the intake is unknown, missing or out of range; see pointer and reason."
    return Problem(422, "intake-invalid", detail, {"pointer": pointer, "reason": error.reason})


_SPECIAL: Mapping[type[Exception], Callable[[Exception], Problem]] = {
    StaleState: _stale_state,
    WrongState: _wrong_state,
    AlreadyClaimed: _already_claimed,
    StaleVersion: _stale_version,
    IntakeInvalid: _intake_invalid,
    RetentionNotOver: _retention_not_over,
}
_OPAQUE = {"not-found", "access-denied"}  # 404 for both: a foreign object does not exist (security.md §13, 2)

UNEXPECTED = Problem(500, Unexpected.code, Unexpected.detail)
_NOT_FOUND = Problem(404, NotFound.code, NotFound.detail)
KNOWN_ERRORS = (ServerError, RecordsError, SignalingError, MediaError, RelayError)


def problem_of(error: Exception) -> Problem:
    """
    Translate an error of any package. Errors of no package, and faults of ours, become `unexpected` without a word
    more.
    """
    if isinstance(error, ServerError):
        return Problem(error.status, error.code, str(error), error.members, error.headers)
    special = _SPECIAL.get(type(error))
    if special is not None:
        return special(error)
    code = str(getattr(error, "code", "")).replace("_", "-")
    if not isinstance(error, KNOWN_ERRORS):
        return UNEXPECTED
    if code in _OPAQUE:
        return _NOT_FOUND
    return _answer(code)


def _answer(code: str) -> Problem:
    if code not in _ANSWERS:
        return UNEXPECTED
    status, detail = _ANSWERS[code]
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return Problem(status, code, detail)
    return Problem(status, code, detail, {"retry_after_s": RETRY_AFTER_S}, {"Retry-After": str(RETRY_AFTER_S)})
