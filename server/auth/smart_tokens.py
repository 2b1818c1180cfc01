"""Access tokens for hospital systems: short JWTs under a key derived from the tenant's, the same on every node."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from records.actors import Purpose
from records.fhir.query import Access
from records.fhir.terminology import CLIENT as CLIENT_SYSTEM
from records.store.database import DEFAULT_TENANT, Database
from server.auth.principals import system_actor
from server.auth.smart_scopes import Scope, access_of, parse_scopes

LIFE = timedelta(seconds=300)  # SMART 2.2: "SHOULD be no longer than 300 seconds"
ALGORITHM = "HS256"  # the derived key has 32 bytes
ISSUER = "teleconsult"
MAX_TOKEN_BYTES = 8 * 1024
# Verified tokens: a JWT check costs 30 µs and its scopes' queries more; a hospital has a few tokens at once.
CACHE_SIZE = 1_000
KEY_LIFE_S = 60.0  # a rotated tenant key is known to every node within this time
_PURPOSE = "smart access token"
_CLAIMS = ["exp", "iat", "iss", "sub", "scope", "purpose"]


class TokenRefused(Exception):
    """The bearer token is missing, forged or expired; `description` goes into WWW-Authenticate."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


@dataclass(frozen=True, slots=True)
class Authorised:
    """A verified token."""

    access: Access
    expires: datetime

    @property
    def purpose(self) -> Purpose:
        """Why the client asks."""
        return Purpose(self.access.purpose)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token is to say."""

    client_id: str
    scopes: Sequence[Scope]
    purpose: str
    organization: str | None = None


@dataclass
class TokenService:
    """Issues and checks access tokens of one process."""

    database: Database
    _keys: Mapping[int, bytes] = field(default_factory=dict)
    _keys_until: float = float("-inf")
    _verified: OrderedDict[str, Authorised] = field(default_factory=OrderedDict)

    async def issue(self, granted: Granted, now: datetime, monotonic: float) -> str:
        """Give a token for what was granted."""
        keys = await self._current_keys(monotonic)
        version = max(keys)
        claims = {
            "iss": ISSUER, "sub": granted.client_id, "scope": " ".join(s.text for s in granted.scopes),
            "purpose": granted.purpose, "organization": granted.organization,
            "iat": int(now.timestamp()), "exp": int((now + LIFE).timestamp()), "jti": secrets.token_urlsafe(12),
        }  # fmt: skip
        return jwt.encode(claims, keys[version], ALGORITHM, headers={"kid": str(version), "typ": "at+jwt"})

    async def check(self, token: str, now: datetime, monotonic: float) -> Authorised:
        """Give what a token permits. Raises TokenRefused."""
        found = self._verified.get(token)
        if found is None:
            found = await self._verify(token, now, monotonic)
            self._verified[token] = found
            if len(self._verified) > CACHE_SIZE:
                self._verified.popitem(last=False)
        if found.expires <= now:
            self._verified.pop(token, None)
            raise TokenRefused("the access token has expired")
        return found

    async def _verify(self, token: str, now: datetime, monotonic: float) -> Authorised:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused("the access token is too long")
        keys = await self._current_keys(monotonic)
        try:
            header = jwt.get_unverified_header(token)
            version = int(header.get("kid", "0")) if str(header.get("kid", "0")).isdecimal() else 0
            if header.get("typ") != "at+jwt" or version not in keys:
                raise TokenRefused("the access token is not one of this server")
            options = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, keys[version], [ALGORITHM], issuer=ISSUER, options=options)  # type: ignore[arg-type]  # PyJWT's Options is a TypedDict of the same shape
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenRefused("the access token is not one of this server") from None
        access = _access(claims, now)
        return Authorised(access, datetime.fromtimestamp(claims["exp"], UTC))

    async def _current_keys(self, monotonic: float) -> Mapping[int, bytes]:
        if monotonic >= self._keys_until:
            async with self.database.unit(system_actor(DEFAULT_TENANT, "smart", "smart-keys")) as unit:
                roots = await unit.keys.root("tenant_key")
            self._keys = {key.version: key.derive(_PURPOSE) for key in roots.keys}
            self._keys_until = monotonic + KEY_LIFE_S
        return self._keys


def _access(claims: Mapping[str, Any], now: datetime) -> Access:
    """What the claims of a token of ours permit, and how Consents may name its client."""
    client_id, organization = claims["sub"], claims.get("organization")
    actors = {f"{CLIENT_SYSTEM}|{client_id}", *([organization] if organization else [])}
    return replace(
        access_of(client_id, parse_scopes(claims["scope"]), now),
        actors=frozenset(actors),
        purpose=claims["purpose"],
        breaks_glass=claims["purpose"] == Purpose.BTG.value,
    )
