"""
A sealed stream: chunks that are written as they come and opened one by one. Pure; drawn in records/README.md.

    file    "TS" 2 | format 1 | suite 1 | salt 32 | commitment 16 | chunk ...
    chunk   kind 1 | flags 1 | start_ms 4 | end_ms 4 | length 4 | ciphertext, tag 16

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the chunk's number and whether it is
the last, under a key that only this file has, so that chunks can't be reordered, repeated, swapped, or cut off unseen.
A chunk's head stands in clear, to seek by it, and is authenticated.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from records.crypto.format import COMMITMENT_BYTES, TAG_BYTES, Context
from records.crypto.suites import AES_256_GCM, SM4_GCM, Aead, cipher, commit, derive
from records.errors import CannotOpen

MAGIC, FORMAT = b"TS", 1
SALT_BYTES = 32
_HEADER = struct.Struct(f">2sBB{SALT_BYTES}s{COMMITMENT_BYTES}s")
_HEAD = struct.Struct(">BBIII")
_LENGTH = struct.Struct(">I")
HEADER_BYTES, HEAD_BYTES = _HEADER.size, _HEAD.size
MAX_CHUNK_BYTES = 16 << 20  # two seconds of 30 Mbit/s and a key frame; a longer length is damage
FINAL, SEEKABLE = 1, 2  # flags


class Kind(IntEnum):
    """What a chunk holds."""

    HEADER = 1  # the container's header
    MEDIA = 2
    MARK = 3  # JSON about the stream: whose it is, a gap
    END = 4  # nothing; the stream was closed in order


@dataclass(frozen=True, slots=True)
class Head:
    """A chunk's clear part."""

    kind: Kind
    start_ms: int
    end_ms: int
    length: int
    """Bytes of ciphertext that follow, tag included."""
    is_final: bool = False
    is_seekable: bool = False
    """Playing may begin here."""

    def encode(self) -> bytes:
        flags = FINAL * self.is_final | SEEKABLE * self.is_seekable
        return _HEAD.pack(self.kind, flags, self.start_ms, self.end_ms, self.length)

    @property
    def plain_bytes(self) -> int:
        return self.length - TAG_BYTES


def parse_head(data: bytes) -> Head:
    """Return a chunk's head. Raises CannotOpen for what `encode` does not write."""
    try:
        kind, flags, start_ms, end_ms, length = _HEAD.unpack(data)
        found = Head(Kind(kind), start_ms, end_ms, length, flags & FINAL != 0, flags & SEEKABLE != 0)
    except (struct.error, ValueError):
        raise CannotOpen from None
    if flags & ~(FINAL | SEEKABLE) or not TAG_BYTES <= length <= MAX_CHUNK_BYTES:
        raise CannotOpen
    return found


class Sealer:
    """Seals one stream's chunks in order. Never two for one salt: the numbers begin at 0 again."""

    def __init__(self, key: bytes, context: Context, suite: int, salt: bytes) -> None:
        own_suite = SM4_GCM if suite == SM4_GCM else AES_256_GCM  # numbered nonces need no extended ones
        own_key = _stream_key(key, own_suite, salt)
        self.header = _HEADER.pack(MAGIC, FORMAT, own_suite, salt, commit(own_key, own_suite))
        """The file's first bytes."""
        self._aead = cipher(own_key, own_suite)
        self._place = context.associated_data(own_suite)
        self._number = 0
        self._is_over = False

    def seal(
        self, kind: Kind, plaintext: bytes, times: tuple[int, int] = (0, 0), *, is_seekable: bool = False
    ) -> bytes:
        """Return the next chunk; `times` are its first and last millisecond. Kind END is the last one."""
        assert not self._is_over, "a closed stream takes no chunk"
        self._is_over = kind is Kind.END
        head = Head(kind, *times, len(plaintext) + TAG_BYTES, self._is_over, is_seekable)
        assert head.length <= MAX_CHUNK_BYTES, "the writer bounds its chunks"
        number, self._number = self._number, self._number + 1
        nonce, associated = _nonce(number, head), _associated(self._place, number, head)
        return head.encode() + self._aead.encrypt(nonce, plaintext, associated)


class Opener:
    """Opens a stream's chunks, in any order. Every failure is CannotOpen."""

    def __init__(self, key: bytes, context: Context, header: bytes) -> None:
        if len(header) != HEADER_BYTES:
            raise CannotOpen
        magic, format_, suite, salt, commitment = _HEADER.unpack(header)
        if magic != MAGIC or format_ != FORMAT or suite not in (AES_256_GCM, SM4_GCM):
            raise CannotOpen
        own_key = _stream_key(key, suite, salt)
        if commit(own_key, suite) != commitment:
            raise CannotOpen
        self._aead: Aead = cipher(own_key, suite)
        self._place = context.associated_data(suite)

    def open(self, number: int, head: Head, ciphertext: bytes) -> bytes:
        """Return the chunk of this number."""
        if len(ciphertext) != head.length:
            raise CannotOpen
        return self._aead.decrypt(_nonce(number, head), ciphertext, _associated(self._place, number, head))


def _stream_key(key: bytes, suite: int, salt: bytes) -> bytes:
    return derive(key, f"stream/{salt.hex()}", suite)


def _nonce(number: int, head: Head) -> bytes:
    return number.to_bytes(11, "big") + bytes((head.is_final,))


def _associated(place: bytes, number: int, head: Head) -> bytes:
    """Context, number and head, each with its length before it; the final flag stands in the head."""
    fields = (place, number.to_bytes(8, "big"), head.encode())
    return b"".join(_LENGTH.pack(len(field)) + field for field in fields)
