"""
What a recorder process hands to web: pieces of files, one frame each, big-endian. Pure.

    length 4 | kind 1 | part 4 | start_ms 4 | end_ms 4 | seekable 1 | body
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

MAX_PIECE_BYTES = 16 << 20  # a second of media; the bound of a sealed chunk
_HEAD = struct.Struct("!IBIII?")


_KINDS = frozenset(range(1, 11))


class BadPiece(ValueError):
    """Not a recorder's frame: it is stopped."""


class Kind(IntEnum):
    READY = 1  # listening
    CONNECTED = 2  # a relay is there
    LOST = 3  # it went away
    OPEN = 4  # a part begins; body: JSON
    HEADER = 5  # the container's header
    CLUSTER = 6
    GAP = 7  # body: JSON
    CLOSE = 8  # the part is whole
    CUT = 9  # every part is closed: a pause was carried out
    BYE = 10  # the last one


@dataclass(frozen=True, slots=True)
class Piece:
    kind: Kind
    part: int = 0
    start_ms: int = 0
    end_ms: int = 0
    is_seekable: bool = False
    body: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        head = _HEAD.pack(len(self.body), self.kind, self.part, self.start_ms, self.end_ms, self.is_seekable)
        return head + self.body

    def json(self) -> dict[str, Any]:
        """Return the body of an OPEN or GAP."""
        value: dict[str, Any] = json.loads(self.body)
        return value


class Pieces:
    """Reads frames from a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield the pieces that are whole now. Raises BadPiece."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            size, kind, part, start_ms, end_ms, is_seekable = _HEAD.unpack_from(self._buffer)
            if size > MAX_PIECE_BYTES or kind not in _KINDS:
                raise BadPiece("no piece of a recording")
            if len(self._buffer) < _HEAD.size + size:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + size])
            del self._buffer[: _HEAD.size + size]
            yield Piece(Kind(kind), part, start_ms, end_ms, is_seekable, body)
