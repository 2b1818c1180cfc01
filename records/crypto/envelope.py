"""Seals a value with a data key and opens it again. Draws its own nonces: the one randomness outside the shells."""

import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from records.crypto import native, suites
from records.crypto.format import NONCE_BYTES, Context, decode, header
from records.errors import CannotOpen


@dataclass(slots=True, repr=False)
class DataKey:
    """A 32-byte key of one version, with the ciphers derived from it. Lives in the bounded cache, then nowhere."""

    version: int
    material: bytes
    suite: int = suites.AES_256_GCM
    """The suite that new values are sealed with; old ones open by the suite in their header."""
    layout: int = 1
    """How index rows are laid out under this key (records.crypto.blind_index); of index keys only."""
    uses: int = 0
    """Values sealed and opened by this object; the cache lets it go at its limit."""
    marks: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Tokens of texts that are always the same (`blind_index.mark`)."""
    together: dict[frozenset[str], bytes] = field(default_factory=dict)
    """Marks of many such texts, one after the other; bounded by whoever fills it."""
    _ciphers: dict[int, suites.Aead] = field(default_factory=dict)
    _commitments: dict[int, bytes] = field(default_factory=dict)
    _derived: dict[str, bytes] = field(default_factory=dict)
    _macs: dict[str, HMAC] = field(default_factory=dict)
    _keyed: dict[str, bytes | None] = field(default_factory=dict)

    def cipher(self, suite: int) -> suites.Aead:
        """Return the cipher of a suite, derived once."""
        found = self._ciphers.get(suite)
        if found is None:
            found = self._ciphers[suite] = suites.cipher(self.material, suite)
        return found

    def commitment(self, suite: int) -> bytes:
        """Return the commitment to this key, derived once."""
        found = self._commitments.get(suite)
        if found is None:
            found = self._commitments[suite] = suites.commit(self.material, suite)
        return found

    @property
    def is_set_up(self) -> bool:
        """Whether the key has its cipher."""
        return self.suite in self._ciphers

    def take(self, cipher: suites.Aead, commitment: bytes) -> None:
        """Keep what `suites.set_up` derived for this key's suite."""
        self._ciphers[self.suite], self._commitments[self.suite] = cipher, commitment

    def mac(self, purpose: str) -> HMAC:
        """Return an HMAC-SHA256 under the sub-key of a purpose, to be copied: keying it takes longer than a token."""
        found = self._macs.get(purpose)
        if found is None:
            found = self._macs[purpose] = HMAC(self.derive(purpose), SHA256())
        return found

    def keyed(self, purpose: str) -> bytes | None:
        """Return the same for `records.crypto.native`; None where that is not built."""
        if purpose not in self._keyed:
            self._keyed[purpose] = native.keyed(self.derive(purpose))
        return self._keyed[purpose]

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte sub-key for another purpose than sealing, derived once."""
        found = self._derived.get(purpose)
        if found is None:
            found = self._derived[purpose] = suites.derive(self.material, purpose, self.suite)
        return found

    def __repr__(self) -> str:
        return f"<DataKey version {self.version} suite {self.suite}>"


def set_up(keys: Iterable[DataKey]) -> None:
    """Derive what sealing and opening take, for many keys at once: a new key's derivations cost more than its use."""
    by_suite: dict[int, list[DataKey]] = {}
    for key in keys:
        if not key.is_set_up:
            by_suite.setdefault(key.suite, []).append(key)
    for suite, some in by_suite.items():
        for key, (cipher, commitment) in zip(some, suites.set_up([k.material for k in some], suite), strict=True):
            key.take(cipher, commitment)


def seal(key: DataKey, context: Context, plaintext: bytes) -> bytes:
    """Return `plaintext` sealed with `key` and bound to `context`."""
    return _sealed(key, context, plaintext, os.urandom(NONCE_BYTES[key.suite]))


def seal_all(values: Sequence[tuple[DataKey, Context, bytes]]) -> list[bytes]:
    """Return each plaintext sealed with its key and bound to its context; randomness is asked for once."""
    set_up({id(key): key for key, _, _ in values}.values())
    drawn, at, found = os.urandom(sum(NONCE_BYTES[key.suite] for key, _, _ in values)), 0, []
    for key, context, plaintext in values:
        size = NONCE_BYTES[key.suite]
        found.append(_sealed(key, context, plaintext, drawn[at : at + size]))
        at += size
    return found


def _sealed(key: DataKey, context: Context, plaintext: bytes, nonce: bytes) -> bytes:
    suite = key.suite
    ciphertext = key.cipher(suite).encrypt(nonce, plaintext, context.associated_data(suite))
    key.uses += 1
    return header(suite, key.version, key.commitment(suite)) + nonce + ciphertext


def open_sealed(key: DataKey, context: Context, data: bytes) -> bytes:
    """Return the plaintext. Raises CannotOpen for a wrong key, place or byte, without saying which."""
    sealed = decode(data)
    if sealed.key_version != key.version:
        raise CannotOpen
    if not hmac.compare_digest(sealed.commitment, key.commitment(sealed.suite)):
        raise CannotOpen
    key.uses += 1
    return key.cipher(sealed.suite).decrypt(sealed.nonce, sealed.ciphertext, context.associated_data(sealed.suite))
