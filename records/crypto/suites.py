"""
The ciphers, by suite number: 1 AES-256-GCM, 2 XAES-256-GCM, 3 SM4-GCM with SM3.

Sources: NIST SP 800-38D; C2SP XAES-256-GCM; RFC 8998 (SM4-GCM), GB/T 32905 (SM3); RFC 5869 (HKDF).
"""

import hmac
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from records.crypto import native
from records.crypto.format import COMMITMENT_BYTES, TAG_BYTES
from records.errors import CannotOpen

AES_256_GCM, XAES_256_GCM, SM4_GCM = 1, 2, 3
KEY_BYTES = 32  # of every key that is kept; SM4 takes the 16 that HKDF derives


class Aead(Protocol):
    """One cipher with its key. `decrypt` raises CannotOpen and nothing else."""

    def encrypt(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes: ...


class AesGcm:
    """AES-256-GCM with a 12-byte nonce. The object is reused: setting up costs as much as sealing 1 KiB."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        return self._aead.encrypt(nonce, plaintext, associated_data)

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
        try:
            return self._aead.decrypt(nonce, ciphertext, associated_data)
        except InvalidTag:
            raise CannotOpen from None


class XaesGcm:
    """XAES-256-GCM: a 24-byte nonce that may be random without limit (C2SP XAES-256-GCM)."""

    def __init__(self, key: bytes) -> None:
        block = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305  # the construction's CMAC, not a mode
        self._blocks = block.encryptor()  # each block by itself, so that one object serves for ever
        doubled = int.from_bytes(self._blocks.update(bytes(16))) << 1
        if doubled >> 128:
            doubled ^= (1 << 128) | 0x87
        self._subkeys = doubled << 128 | doubled

    def _derive(self, nonce: bytes) -> AESGCM:
        counted = b"\x00\x01\x58\x00" + nonce[:12] + b"\x00\x02\x58\x00" + nonce[:12]
        return AESGCM(self._blocks.update((int.from_bytes(counted) ^ self._subkeys).to_bytes(32)))

    def encrypt(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        return self._derive(nonce).encrypt(nonce[12:], plaintext, associated_data)

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
        try:
            return self._derive(nonce).decrypt(nonce[12:], ciphertext, associated_data)
        except InvalidTag:
            raise CannotOpen from None


class Sm4Gcm:
    """SM4-GCM (RFC 8998 §2.1). The low-level interface: nothing is returned before the tag was checked."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
        body, tag = ciphertext[:-TAG_BYTES], ciphertext[-TAG_BYTES:]
        decryptor = Cipher(self._algorithm, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        try:
            return decryptor.update(body) + decryptor.finalize()
        except InvalidTag:
            raise CannotOpen from None


def derive(key: bytes, purpose: str, suite: int = AES_256_GCM, length: int = KEY_BYTES) -> bytes:
    """Return a sub-key for one purpose (RFC 5869; SM3 inside suite 3). Keys of two purposes or suites are unrelated."""
    algorithm: hashes.HashAlgorithm = hashes.SM3() if suite == SM4_GCM else hashes.SHA256()
    return HKDF(algorithm, length, salt=None, info=_info(purpose, suite)).derive(key)


def _info(purpose: str, suite: int) -> bytes:
    return b"teleconsult/1/" + bytes((suite,)) + purpose.encode()


def commit(key: bytes, suite: int) -> bytes:
    """Return the 16 bytes that tie a value to one key: GCM alone lets a forger find a second key that opens it."""
    digest = "sm3" if suite == SM4_GCM else "sha256"
    return hmac.digest(derive(key, "commitment", suite), _COMMITTED, digest)[:COMMITMENT_BYTES]


_COMMITTED = b"teleconsult key commitment"


def set_up(keys: Sequence[bytes], suite: int) -> list[tuple[Aead, bytes]]:
    """Return `cipher` and `commit` of each of many keys."""
    joined = b"".join(keys)
    sealing = native.derived(joined, _info("seal", suite)) if suite == AES_256_GCM else None
    committing = native.derived(joined, _info("commitment", suite)) if sealing else None
    commitments = native.macs_of_one(committing, _COMMITTED) if committing else None
    if sealing is None or commitments is None:
        return [(cipher(key, suite), commit(key, suite)) for key in keys]
    return [
        (AesGcm(sealing[at : at + KEY_BYTES]), commitments[at : at + COMMITMENT_BYTES])
        for at in range(0, len(joined), KEY_BYTES)
    ]


def cipher(key: bytes, suite: int) -> Aead:
    """Return the suite's cipher under the sealing sub-key of `key`."""
    if suite == AES_256_GCM:
        return AesGcm(derive(key, "seal", suite))
    if suite == XAES_256_GCM:
        return XaesGcm(derive(key, "seal", suite))
    if suite == SM4_GCM:
        return Sm4Gcm(derive(key, "seal", suite, length=16))
    raise CannotOpen
