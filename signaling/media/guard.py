"""
What a datagram is, decided before any library sees it (RFC 7983, security.md §9). Pure and table-driven.

The native kernel has the same rules; tests/signaling/net/test_plane.py runs both over the same rows.
"""

import enum

MAX_DATAGRAM_BYTES = 2048  # larger than any path MTU in use; a browser sends at most 1,200 to 1,500
MIN_RTP_BYTES = 12
MIN_RTCP_BYTES = 8
DTLS_HEADER_BYTES = 13
DTLS_CONTENT_TYPES = range(20, 25)  # change_cipher_spec, alert, handshake, application_data, heartbeat
ALERT = 21


class Datagram(enum.IntEnum):
    """The class of a datagram, by its first bytes alone."""

    JUNK = 0
    STUN = 1
    DTLS = 2
    RTP = 3
    RTCP = 4
    GAP = 5
    """Not a datagram: a stream skipped numbers (said by the packet plane)."""


def classify(data: bytes | memoryview) -> Datagram:
    """Return the class; JUNK is dropped and counted, never answered."""
    size = len(data)
    if size == 0 or size > MAX_DATAGRAM_BYTES:
        return Datagram.JUNK
    first = data[0]
    if first < 4:
        return Datagram.STUN if size >= 20 else Datagram.JUNK
    if 20 <= first < 64:
        return Datagram.DTLS if size >= DTLS_HEADER_BYTES else Datagram.JUNK
    if 128 <= first < 192 and size >= MIN_RTP_BYTES:
        return Datagram.RTCP if 192 <= data[1] < 224 else Datagram.RTP
    if 128 <= first < 192 and size >= MIN_RTCP_BYTES and 192 <= data[1] < 224:
        return Datagram.RTCP
    return Datagram.JUNK


def is_plausible_dtls(data: bytes) -> bool:
    """
    Return whether every record in the datagram is well-formed and none is a plaintext alert (RFC 6347 §4.1.2.7).

    A plaintext alert would end a handshake, and anybody can send one from a forged address: it is not passed on.
    """
    at = 0
    while at < len(data):
        if at + DTLS_HEADER_BYTES > len(data):
            return False
        kind, major, minor = data[at], data[at + 1], data[at + 2]
        epoch = int.from_bytes(data[at + 3 : at + 5], "big")
        length = int.from_bytes(data[at + 11 : at + 13], "big")
        unified = 32 <= kind < 64  # a DTLS 1.3 ciphertext has another header (RFC 9147 §4)
        if unified:
            return at > 0 or len(data) >= DTLS_HEADER_BYTES
        if kind not in DTLS_CONTENT_TYPES or major != 0xFE or minor not in (0xFF, 0xFD):
            return False
        if (kind == ALERT and epoch == 0) or length == 0:
            return False
        at += DTLS_HEADER_BYTES + length
    return at == len(data)
