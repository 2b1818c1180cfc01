"""
The bytes of a sealed value; no cipher here.

    magic 2 | suite 1 | key version 4 | commitment 16 | nonce 12 or 24 | ciphertext n | tag 16

Integers are big-endian. Drawn in records/README.md, which a test compares.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from records.errors import CannotOpen

MAGIC = b"TR"
COMMITMENT_BYTES = 16
TAG_BYTES = 16
NONCE_BYTES = {1: 12, 2: 24, 3: 12}  # by suite
SCHEMA_VERSION = 1  # of the plaintext inside; part of the associated data

_HEADER = struct.Struct(f">2sBI{COMMITMENT_BYTES}s")


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A sealed value, taken apart."""

    suite: int
    key_version: int
    commitment: bytes
    nonce: bytes
    ciphertext: bytes
    """Ciphertext with the tag at its end."""

    def __repr__(self) -> str:
        return f"<Sealed suite {self.suite} key {self.key_version} {len(self.ciphertext)} bytes>"


def encode(sealed: Sealed) -> bytes:
    """Return the bytes that the database keeps."""
    return header(sealed.suite, sealed.key_version, sealed.commitment) + sealed.nonce + sealed.ciphertext


def header(suite: int, key_version: int, commitment: bytes) -> bytes:
    """Return what stands before nonce and ciphertext."""
    return _HEADER.pack(MAGIC, suite, key_version, commitment)


def decode(data: bytes) -> Sealed:
    """Take a sealed value apart. Raises CannotOpen for anything that `encode` does not write."""
    if len(data) < _HEADER.size:
        raise CannotOpen
    magic, suite, key_version, commitment = _HEADER.unpack_from(data)
    nonce_bytes = NONCE_BYTES.get(suite)
    if magic != MAGIC or nonce_bytes is None:
        raise CannotOpen
    start = _HEADER.size + nonce_bytes
    if len(data) < start + TAG_BYTES:
        raise CannotOpen
    return Sealed(suite, key_version, commitment, data[_HEADER.size : start], data[start:])


class Context(NamedTuple):
    """Where a sealed value stands. Bound to it as associated data, so that it opens nowhere else."""

    tenant: UUID
    patient: UUID | None
    """None for values of the tenant itself, such as an account's address."""
    table: str
    row: str
    """The row's key without the tenant; several parts joined by '/'."""
    column: str

    def associated_data(self, suite: int, schema: int = SCHEMA_VERSION) -> bytes:
        """Return the length-prefixed fields. A joined string would be ambiguous: ('ab','c') and ('a','bc')."""
        patient = self.patient.bytes if self.patient is not None else b""
        table, row, column = self.table.encode(), self.row.encode(), self.column.encode()
        return b"".join((
            _length(1), bytes((suite,)), _length(16), self.tenant.bytes, _length(len(patient)), patient,
            _length(len(table)), table, _length(len(row)), row, _length(len(column)), column,
            _length(1), bytes((schema,)),
        ))  # fmt: skip


_length = struct.Struct(">I").pack
