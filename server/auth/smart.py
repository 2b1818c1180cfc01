"""Client assertions of SMART Backend Services 2.2 (client-confidential-asymmetric), by our own rules over PyJWT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The two that SMART 2.2 requires of every server; RS256 and HS256 stay refused (security.md §13, 13).
ALGORITHMS: Mapping[str, str] = {"RS384": "RSA", "ES384": "EC"}
MAX_ASSERTION_BYTES = 8 * 1024
MAX_LIFE = timedelta(minutes=5)
# Hospital servers' clocks differ by seconds; a minute forgives a bad one.
CLOCK_SKEW = timedelta(seconds=60)
MAX_JTI = 255


class OAuthError(Exception):
    """A token request is refused (RFC 6749 §5.2). `error` is the code that clients switch on."""

    error: ClassVar[str] = "invalid_request"
    status: ClassVar[int] = 400

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class InvalidRequest(OAuthError):
    """A parameter is missing or given twice."""


class InvalidClient(OAuthError):
    """The assertion does not prove who the client is."""

    error = "invalid_client"
    status = 401


class InvalidScope(OAuthError):
    """Nothing of what was asked for may be granted."""

    error = "invalid_scope"


class UnauthorizedClient(OAuthError):
    """The client may not ask for this."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """Only client_credentials is served."""

    error = "unsupported_grant_type"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an assertion says before its signature is checked; good for finding the client's keys, nothing else."""

    client_id: str
    kid: str
    alg: str
    jku: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Proven:
    """An assertion whose signature and claims hold; its jti must still be used up."""

    client_id: str
    jti: str
    expires: datetime
    purpose: str | None = None
    """HL7 v3 PurposeOfUse that the client names, none for its usual one."""


def claimed(text: str) -> Claimed:
    """Read an assertion without trusting it. Raises InvalidClient."""
    if len(text) > MAX_ASSERTION_BYTES:
        raise InvalidClient("client_assertion is too long")
    try:
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidClient("client_assertion is not a JWT") from None
    kid, alg, issuer, jku = header.get("kid"), header.get("alg"), claims.get("iss"), header.get("jku")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise InvalidClient("sign client_assertion with RS384 or ES384")
    if not isinstance(kid, str) or not kid:
        raise InvalidClient("client_assertion needs a kid in its header")
    if not isinstance(issuer, str) or issuer != claims.get("sub"):
        raise InvalidClient("iss and sub of client_assertion are the client_id")
    if jku is not None and not isinstance(jku, str):
        raise InvalidClient("jku is a URL")
    return Claimed(issuer, kid, alg, jku, text)


def prove(assertion: Claimed, keys: Sequence[Any], audience: str, now: datetime) -> Proven:
    """
    Check signature and claims with the client's registered keys (the `keys` of its JWKS).

    The caller uses up (client, jti) next and refuses a second use. Raises InvalidClient.
    """
    key = _matching_key(assertion, keys)
    try:
        claims = jwt.decode(
            assertion.text,
            key,
            algorithms=[assertion.alg],
            audience=audience,
            options={
                "require": ["exp", "aud", "iss", "sub", "jti"],
                "verify_exp": False,  # time is checked below against `now`, not the library's clock
                "verify_iat": False,
                "verify_nbf": False,
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.InvalidAudienceError:
        raise InvalidClient("aud of client_assertion is not this server's token URL") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidClient(f"client_assertion needs the claim {error.claim}") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise InvalidClient("the signature of client_assertion does not verify") from None
    return Proven(assertion.client_id, _jti(claims), _expiry(claims, now), _purpose(claims))


def _matching_key(assertion: Claimed, keys: Sequence[Any]) -> Any:
    kty = ALGORITHMS[assertion.alg]
    found = [k for k in keys if isinstance(k, dict) and k.get("kid") == assertion.kid and k.get("kty") == kty]
    if len(found) != 1:
        raise InvalidClient("exactly one registered key must have the kid and kty of client_assertion")
    if "d" in found[0]:
        raise InvalidClient("the registered key is a private one; register the public half")
    try:
        return jwt.PyJWK(found[0], algorithm=assertion.alg).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise InvalidClient("the registered key cannot be used") from None


def _jti(claims: Mapping[str, Any]) -> str:
    jti = claims["jti"]
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI or "\0" in jti:
        raise InvalidClient(f"jti is a text of 1 to {MAX_JTI} characters")
    return jti


def _purpose(claims: Mapping[str, Any]) -> str | None:
    """The one purpose of the extension `hl7-b2b` (HL7 UDAP Security §5.2.1), its code with or without the system."""
    extensions = claims.get("extensions")
    b2b = extensions.get("hl7-b2b") if isinstance(extensions, dict) else None
    if b2b is None:
        return None
    purposes = b2b.get("purpose_of_use") if isinstance(b2b, dict) else None
    if not isinstance(purposes, list) or len(purposes) != 1 or not isinstance(purposes[0], str):
        raise InvalidClient("extensions.hl7-b2b.purpose_of_use is a list of one code")
    return purposes[0].removeprefix("urn:oid:2.16.840.1.113883.5.8").lstrip("#|")


def _expiry(claims: Mapping[str, Any], now: datetime) -> datetime:
    expires = _instant(claims["exp"], "exp")
    if expires + CLOCK_SKEW <= now:
        raise InvalidClient("client_assertion has expired")
    if expires > now + MAX_LIFE + CLOCK_SKEW:
        raise InvalidClient("exp is more than five minutes away")
    for name in ("iat", "nbf"):
        if name in claims and _instant(claims[name], name) > now + CLOCK_SKEW:
            raise InvalidClient(f"{name} is in the future")
    return expires


def _instant(value: Any, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise InvalidClient(f"{name} is a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidClient(f"{name} is out of range") from None
