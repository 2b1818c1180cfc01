"""Clients' keys by URL: fetched, bounded, and kept no longer than their Cache-Control says (SMART 2.2)."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from server.auth.smart import InvalidClient

TIMEOUT_S = 5.0
MAX_BYTES = 64 * 1024  # a few dozen RSA keys
DEFAULT_LIFE_S = 300.0
MAX_LIFE_S = 3600.0
# An unknown kid means that the client rotated; asking more often would let anyone make us hammer the client.
REFETCH_S = 30.0
# Whoever knows a client's name makes us ask; a vendor that is down must not pay for that, nor we wait each time.
FAILED_S = 10.0
CACHE_SIZE = 200
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: list[Any]
    fetched_at: float
    until: float


@dataclass
class JwksCache:
    """Key sets of this process."""

    session: aiohttp.ClientSession
    _sets: dict[str, _Fetched] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def keys(self, url: str, kid: str, now: float) -> list[Any]:
        """Give the keys at a registered URL; fetched anew when old, or when none has the kid. Raises InvalidClient."""
        found = self._sets.get(url)
        is_stale = found is None or now >= found.until
        is_unknown = found is not None and all(_kid(k) != kid for k in found.keys)
        if found is None or is_stale or (is_unknown and now - found.fetched_at >= REFETCH_S):
            found = await self._anew(url, found, now)
        return found.keys

    async def _anew(self, url: str, known: _Fetched | None, now: float) -> _Fetched:
        """Fetch once for all who ask at the same time, and not again soon after a failure."""
        async with self._asking.setdefault(url, asyncio.Lock()):
            if now < self._failed.get(url, now):
                raise InvalidClient("the registered JWKS URL cannot be reached")
            found = self._sets.get(url)
            if found is not None and found is not known:
                return found  # somebody before us in the line has just fetched it
            try:
                found = await self._fetch(url, now)
            except InvalidClient:
                self._failed[url] = now + FAILED_S
                raise
            self._failed.pop(url, None)
            if len(self._sets) >= CACHE_SIZE:
                self._sets.pop(next(iter(self._sets)))
            self._sets[url] = found
            return found

    async def _fetch(self, url: str, now: float) -> _Fetched:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise InvalidClient("the registered JWKS URL is not https")
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self.session.get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    raise InvalidClient("the registered JWKS URL does not answer with a key set")
                body = await _read(response.content)
                life_s = _life(response.headers.get("Cache-Control", ""))
        except (aiohttp.ClientError, TimeoutError):
            raise InvalidClient("the registered JWKS URL cannot be reached") from None
        return _Fetched(_keys_in(body), now, now + life_s)


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Read all of it, or one byte more than is allowed: a single read ends with what has arrived."""
    body = b""
    while len(body) <= MAX_BYTES and (more := await content.read(MAX_BYTES + 1 - len(body))):
        body += more
    return body


def _keys_in(body: bytes) -> list[Any]:
    try:
        found = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise InvalidClient("the registered JWKS URL does not answer with a key set")
    return list(found["keys"])


def _kid(key: Any) -> Any:
    return key.get("kid") if isinstance(key, dict) else None


def _life(cache_control: str) -> float:
    if re.search(r"\bno-(store|cache)\b", cache_control):
        return 0.0
    match = re.search(r"\bmax-age=(\d{1,9})\b", cache_control)
    return min(float(match[1]), MAX_LIFE_S) if match else DEFAULT_LIFE_S
