"""RTP headers: checked reading, header extensions, sequence arithmetic (RFC 3550 §5.1, RFC 8285). Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FIXED_HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000  # the low four bits are appbits (RFC 8285 §4.3)


class BadRtp(ValueError):
    """Not an RTP packet with consistent lengths; dropped and counted."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of one packet's header, and where its parts lie."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extension_at: int
    """Offset of the first extension element, 0 without extensions."""
    extension_profile: int
    payload_at: int
    payload_end: int
    """Where the padding begins, or the packet's end."""


def parse_header(data: bytes | memoryview) -> Header:
    """Return the header of a decrypted packet; BadRtp when lengths do not fit (CSRC, extension, padding)."""
    size = len(data)
    if size < FIXED_HEADER_BYTES or data[0] >> 6 != 2:
        raise BadRtp("header")
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    payload_at = FIXED_HEADER_BYTES + 4 * (first & 15)
    extension_at = profile = 0
    if first & 16:
        if payload_at + 4 > size:
            raise BadRtp("extension header")
        profile, words = struct.unpack_from("!HH", data, payload_at)
        extension_at = payload_at + 4
        payload_at = extension_at + 4 * words
    payload_end = size
    if first & 32 and size > payload_at:
        payload_end = size - data[size - 1]
        if data[size - 1] == 0:
            raise BadRtp("padding of 0 bytes")
    if payload_at > size or payload_end < payload_at:
        raise BadRtp("lengths")
    marker, payload_type = second >> 7 == 1, second & 127
    return Header(marker, payload_type, sequence, timestamp, ssrc, extension_at, profile, payload_at, payload_end)


def extensions(data: bytes | memoryview, header: Header) -> Iterator[tuple[int, int, int]]:
    """Yield (id, offset, size) of every extension element; stops at the first that does not fit (RFC 8285 §4.2)."""
    if not header.extension_at:
        return
    at, end = header.extension_at, header.payload_at
    one_byte = header.extension_profile == ONE_BYTE_PROFILE
    if not one_byte and header.extension_profile & 0xFFF0 != TWO_BYTE_PROFILE:
        return
    while at < end:
        if data[at] == 0:  # padding
            at += 1
            continue
        if one_byte:
            number, size, start = data[at] >> 4, (data[at] & 15) + 1, at + 1
            if number == 15:
                return
        else:
            if at + 2 > end:
                return
            number, size, start = data[at], data[at + 1], at + 2
        if start + size > end:
            return
        yield number, start, size
        at = start + size


def find_extension(data: bytes | memoryview, header: Header, number: int) -> bytes | None:
    """Return the value of one extension element, None when it is absent."""
    for found, start, size in extensions(data, header):
        if found == number:
            return bytes(data[start : start + size])
    return None


def extension_block(elements: list[tuple[int, bytes]]) -> bytes:
    """Return a one-byte extension block; elements need ids 1 to 14 and 1 to 16 bytes. Empty for no elements."""
    if not elements:
        return b""
    body = b"".join(bytes((number << 4 | len(value) - 1,)) + value for number, value in elements)
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", ONE_BYTE_PROFILE, len(body) // 4) + body


def distance(a: int, b: int) -> int:
    """Return how far sequence number b is ahead of a, -32768 to 32767 (RFC 1982)."""
    return ((b - a + 0x8000) & 0xFFFF) - 0x8000


def extend(sequence: int, near: int) -> int:
    """Return the extended sequence number closest to `near` whose low 16 bits are `sequence`."""
    return near + distance(near & 0xFFFF, sequence)
