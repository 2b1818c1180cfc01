"""
The key service that is HashiCorp Vault or OpenBao: transit engine, derived key, so that the context is authenticated.

The key-encryption key never leaves the service. Ciphertexts name the version that made them (`vault:v3:…`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from records.crypto.keyring import Wrapped
from records.errors import CannotOpen, KeyServiceUnavailable

# One unwrap takes 1 ms beside the service and 50 ms across a city; a patient's join waits no longer than this.
TIMEOUT_S = 3.0
# An answer holds one wrapped key or a key's versions; more is something else.
MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, repr=False)
class VaultKey:
    """Where the key is, and the token that may use it: encrypt, decrypt, rewrap and read of this one key."""

    url: str
    """Base address, such as https://vault.example:8200."""
    name: str
    token: str
    mount: str = "transit"


class VaultProvider:
    """A `records.crypto.keyring.KeyProvider`. Raises KeyServiceUnavailable, CannotOpen."""

    def __init__(
        self, session: aiohttp.ClientSession, key: VaultKey, fresh_token: Callable[[], str] | None = None
    ) -> None:
        """`fresh_token` gives the token anew when the service refuses it; called in a thread."""
        self._session, self._key, self._fresh_token = session, key, fresh_token

    async def current(self) -> str:
        """Return the id of the version that wraps now."""
        answer = await self._call("GET", f"keys/{self._key.name}")
        if answer.get("derived") is not True:
            raise KeyServiceUnavailable("the key of the key service was not made with derived=true")
        version = answer.get("latest_version")
        if not isinstance(version, int):
            raise KeyServiceUnavailable("the key service answered in an unknown format")
        return self._id(version)

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Wrap a key, bound to the context."""
        body = {"plaintext": _base64(key), "context": _base64(context)}
        return self._wrapped(await self._call("POST", f"encrypt/{self._key.name}", body))

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Unwrap a key in its context."""
        body = {"ciphertext": self._exact(wrapped), "context": _base64(context)}
        answer = await self._call("POST", f"decrypt/{self._key.name}", body)
        try:
            return base64.b64decode(answer["plaintext"], validate=True)
        except (KeyError, ValueError, TypeError):
            raise KeyServiceUnavailable("the key service answered in an unknown format") from None

    async def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped:
        """Wrap a key under the newest version inside the service; it never comes here in the clear."""
        body = {"ciphertext": self._exact(wrapped), "context": _base64(context)}
        return self._wrapped(await self._call("POST", f"rewrap/{self._key.name}", body))

    async def healthy(self) -> bool:
        """Say whether the service answers for our key."""
        try:
            await self.current()
        except KeyServiceUnavailable:
            return False
        return True

    def _exact(self, wrapped: Wrapped) -> str:
        """Give the ciphertext, in the one spelling that we stored: the service takes `v0` for `v1` and spare bits."""
        text = wrapped.blob.decode("ascii", "replace")
        form = re.fullmatch(r"vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})", text)
        try:
            is_canonical = form is not None and _base64(base64.b64decode(form[2], validate=True)) == form[2]
        except binascii.Error:
            is_canonical = False
        if form is None or not is_canonical or wrapped.kek_id != self._id(int(form[1])):
            raise CannotOpen
        return text

    def _wrapped(self, answer: dict[str, Any]) -> Wrapped:
        ciphertext = str(answer.get("ciphertext"))
        version = re.match(r"vault:v(\d+):", ciphertext)
        if version is None:
            raise KeyServiceUnavailable("the key service answered in an unknown format")
        return Wrapped(self._id(int(version[1])), ciphertext.encode())

    def _id(self, version: int) -> str:
        return f"{self._key.mount}/{self._key.name}:v{version}"

    async def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        status, data = await self._ask(method, path, body)
        if status == 403 and self._fresh_token is not None:  # the agent has renewed it meanwhile
            self._key = replace(self._key, token=await asyncio.to_thread(self._fresh_token))
            status, data = await self._ask(method, path, body)
        if status == 200:
            return data
        if status == 400:  # a wrong context, a damaged ciphertext, a version below min_decryption_version
            raise CannotOpen
        raise KeyServiceUnavailable(f"the key service answered {status}")

    async def _ask(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, dict[str, Any]]:
        url = f"{self._key.url.rstrip('/')}/v1/{self._key.mount}/{path}"
        headers = {"X-Vault-Token": self._key.token, "X-Vault-Request": "true"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.request(
                method, url, json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:  # a redirect would carry the token along, wherever it leads
                data = _data(await _read(response.content)) if response.status == 200 else {}
                return response.status, data
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise KeyServiceUnavailable("the key service is out of reach") from error


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while more := await content.read(MAX_ANSWER_BYTES + 1 - len(body)):
        body += more
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("an answer that is too long")
    return body


def _data(body: bytes) -> dict[str, Any]:
    data = json.loads(body)["data"]
    if not isinstance(data, dict):
        raise TypeError("data is an object")
    return data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
