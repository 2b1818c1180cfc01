"""Seals a value with a data key and opens it again. Draws its own nonces: the one randomness outside the shells."""

import hmac
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from records.crypto import suites
from records.crypto.format import NONCE_BYTES, Context, Sealed, decode, encode
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
    _ciphers: dict[int, suites.Aead] = field(default_factory=dict)
    _commitments: dict[int, bytes] = field(default_factory=dict)
    _derived: dict[str, bytes] = field(default_factory=dict)
    _macs: dict[str, HMAC] = field(default_factory=dict)

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

    def mac(self, purpose: str) -> HMAC:
        """Return an HMAC-SHA256 under the sub-key of a purpose, to be copied: keying it takes longer than a token."""
        found = self._macs.get(purpose)
        if found is None:
            found = self._macs[purpose] = HMAC(self.derive(purpose), SHA256())
        return found

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte sub-key for another purpose than sealing, derived once."""
        found = self._derived.get(purpose)
        if found is None:
            found = self._derived[purpose] = suites.derive(self.material, purpose, self.suite)
        return found

    def __repr__(self) -> str:
        return f"<DataKey version {self.version} suite {self.suite}>"


def seal(key: DataKey, context: Context, plaintext: bytes) -> bytes:
    """Return `plaintext` sealed with `key` and bound to `context`."""
    nonce = os.urandom(NONCE_BYTES[key.suite])
    ciphertext = key.cipher(key.suite).encrypt(nonce, plaintext, context.associated_data(key.suite))
    key.uses += 1
    return encode(Sealed(key.suite, key.version, key.commitment(key.suite), nonce, ciphertext))


def open_sealed(key: DataKey, context: Context, data: bytes) -> bytes:
    """Return the plaintext. Raises CannotOpen for a wrong key, place or byte, without saying which."""
    sealed = decode(data)
    if sealed.key_version != key.version:
        raise CannotOpen
    if not hmac.compare_digest(sealed.commitment, key.commitment(sealed.suite)):
        raise CannotOpen
    key.uses += 1
    return key.cipher(sealed.suite).decrypt(sealed.nonce, sealed.ciphertext, context.associated_data(sealed.suite))
