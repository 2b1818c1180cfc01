"""
The key service that is a hardware security module, by PKCS#11 v2.40: AES-256-GCM inside the token.

The key-encryption key is made in the token, sensitive and not extractable, and never leaves it. Its versions are AES
keys of one label, numbered by CKA_ID; the highest wraps. What is kept of a wrapped key: 1 byte format, 12 bytes nonce,
ciphertext and tag; authenticated with it: the key's id and the caller's context.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    EncryptedDataInvalid,
    EncryptedDataLenRange,
    GeneralError,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from records.crypto.keyring import Wrapped
from records.errors import CannotOpen, KeyServiceUnavailable

T = TypeVar("T")
# A network HSM answers in milliseconds; a patient's join waits no longer than for Vault.
TIMEOUT_S = 3.0
FORMAT = b"\x01"
NONCE_BYTES, TAG_BITS, KEY_BITS = 12, 128, 256
ID_BYTES = 4
# What tokens answer for a tag that does not fit; SoftHSM says GeneralError, which also stands for a broken token.
_REFUSALS = (EncryptedDataInvalid, EncryptedDataLenRange, GeneralError)
_MADE: dict[Any, bool] = {
    Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.ENCRYPT: True, Attribute.DECRYPT: True,
    Attribute.WRAP: False, Attribute.UNWRAP: False, Attribute.SIGN: False, Attribute.VERIFY: False,
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class HsmKey:
    """Where the key is, and the PIN of the user that may use it."""

    module: Path
    """The vendor's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so."""
    token: str
    label: str
    pin: str


class HsmProvider:
    """A `records.crypto.keyring.KeyProvider`. Calls block, so they run in a thread, one at a time."""

    def __init__(self, key: HsmKey) -> None:
        self._key = key
        self._one_at_a_time = threading.Lock()
        self._session: Any = None

    async def current(self) -> str:
        """Return the id of the version that wraps now."""
        return self._id(max(await self._run(self._versions)))

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """Wrap a key, bound to the context."""
        return await self._run(lambda: self._wrap(key, context))

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Unwrap a key in its context."""
        return await self._run(lambda: self._unwrap(wrapped, context))

    async def rewrap(self, wrapped: Wrapped, context: bytes) -> Wrapped:
        """Wrap a key under the newest version."""
        return await self._run(lambda: self._wrap(self._unwrap(wrapped, context), context))

    async def healthy(self) -> bool:
        """Say whether the token answers for our key."""
        try:
            await self.current()
        except KeyServiceUnavailable:
            return False
        return True

    async def add_version(self) -> str:
        """Make the next version of the key in the token, the first if there is none; return its id."""
        return await self._run(self._add_version)

    async def has_key(self) -> bool:
        """Say whether the token holds any version."""
        return bool(await self._run(self._found))

    def close(self) -> None:
        """End the session with the token."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(PKCS11Error):
                session.close()

    async def _run(self, act: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.to_thread(self._in_turn, act)
        except TimeoutError:
            raise KeyServiceUnavailable("the token does not answer") from None

    def _in_turn(self, act: Callable[[], T]) -> T:
        if not self._one_at_a_time.acquire(timeout=TIMEOUT_S):
            raise KeyServiceUnavailable("the token does not answer")
        try:
            is_used = self._session is not None
            try:
                return act()
            except PKCS11Error:
                self.close()
                if not is_used:
                    raise
            return act()  # the session was an old one: the token was restarted, or taken out and put in again
        except PKCS11Error as error:
            self.close()
            raise KeyServiceUnavailable(f"the token refuses ({type(error).__name__})") from error
        finally:
            self._one_at_a_time.release()

    def _open(self) -> Any:
        if self._session is None:
            token = pkcs11.lib(str(self._key.module)).get_token(token_label=self._key.token)
            try:
                self._session = token.open(rw=True, user_pin=self._key.pin)
            except UserAlreadyLoggedIn:  # PKCS#11 logs in a process, not a session
                self._session = token.open(rw=True)
        return self._session

    def _found(self) -> list[Any]:
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES,
                  Attribute.LABEL: self._key.label}  # fmt: skip
        return list(self._open().get_objects(wanted))

    def _versions(self) -> dict[int, Any]:
        found = self._found()
        versions = {int.from_bytes(each[Attribute.ID]): each for each in found}
        if not versions or len(versions) != len(found):
            raise KeyServiceUnavailable("the token has no key of this label, or two of one CKA_ID")
        for each in found:
            if each[Attribute.EXTRACTABLE] or not each[Attribute.SENSITIVE] or each.key_length != KEY_BITS:
                raise KeyServiceUnavailable("the token's key is not AES-256, or may leave the token")
        return versions

    def _add_version(self) -> str:
        number = 1 + max((int.from_bytes(each[Attribute.ID]) for each in self._found()), default=0)
        self._open().generate_key(
            KeyType.AES, KEY_BITS, id=number.to_bytes(ID_BYTES), label=self._key.label, store=True, template=_MADE
        )
        return self._id(number)

    def _wrap(self, key: bytes, context: bytes) -> Wrapped:
        number, kek = max(self._versions().items())
        nonce = self._open().generate_random(8 * NONCE_BYTES)
        sealed = kek.encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=self._parameters(number, nonce, context))
        return Wrapped(self._id(number), FORMAT + nonce + sealed)

    def _unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        form = re.fullmatch(r"pkcs11/(.+):([1-9]\d{0,9})", wrapped.kek_id)
        if form is None or form[1] != self._key.label or wrapped.blob[:1] != FORMAT:
            raise CannotOpen
        number = int(form[2])
        kek = self._versions().get(number)
        if kek is None:
            raise CannotOpen
        nonce, sealed = wrapped.blob[1 : 1 + NONCE_BYTES], wrapped.blob[1 + NONCE_BYTES :]
        parameters = self._parameters(number, nonce, context)
        try:
            return bytes(kek.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=parameters))
        except _REFUSALS:
            self._prove(kek)  # raises when it is the token that is broken
            raise CannotOpen from None

    def _prove(self, kek: Any) -> None:
        probe = GCMParams(self._open().generate_random(8 * NONCE_BYTES), b"probe", TAG_BITS)
        sealed = kek.encrypt(b"probe", mechanism=Mechanism.AES_GCM, mechanism_param=probe)
        kek.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=probe)

    def _parameters(self, number: int, nonce: bytes, context: bytes) -> GCMParams:
        kek_id = self._id(number).encode()
        return GCMParams(nonce, len(kek_id).to_bytes(4) + kek_id + context, TAG_BITS)

    def _id(self, number: int) -> str:
        return f"pkcs11/{self._key.label}:{number}"
