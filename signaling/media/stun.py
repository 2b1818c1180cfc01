"""STUN as ICE-lite needs it: read a binding request, prove it, write the answer (RFC 8489, RFC 8445 §7.3)."""

import functools
import hashlib
import hmac
import ipaddress
import zlib
from dataclasses import dataclass

MAGIC_COOKIE = 0x2112A442
HEADER_BYTES = 20
BINDING_REQUEST = 0x0001
BINDING_INDICATION = 0x0011
BINDING_RESPONSE = 0x0101

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029
ICE_CONTROLLING = 0x802A

FINGERPRINT_XOR = 0x5354554E  # "STUN", RFC 8489 §14.7
# ufrag is at most 256 characters each (RFC 8839 §5.4); ours are 8, browsers' 4 to 24.
MAX_USERNAME_BYTES = 513
# A browser's check has 7 to 9 attributes; more is not a check.
MAX_ATTRIBUTES = 20

PEER_REFLEXIVE = 1853693695  # priority of such a candidate (RFC 8445 §5.1.2.1)

Address = tuple[str, int]


class BadStun(ValueError):
    """Not a STUN message that we can use; dropped unanswered."""


@dataclass(frozen=True, slots=True)
class Request:
    """A binding request as read; nothing in it is proven before `is_authentic`."""

    transaction_id: bytes
    username: str
    is_nominating: bool
    integrity_at: int
    """Offset of MESSAGE-INTEGRITY's attribute header."""
    integrity: bytes


def parse_request(data: bytes) -> Request:
    """Return the binding request; BadStun for anything else, a wrong FINGERPRINT or a missing MESSAGE-INTEGRITY."""
    return _request(data, _attributes(data, BINDING_REQUEST))


def _attributes(data: bytes, message: int) -> dict[int, tuple[int, bytes]]:
    _check_header(data, message)
    found: dict[int, tuple[int, bytes]] = {}
    at = HEADER_BYTES
    while at < len(data):
        if at + 4 > len(data) or len(found) >= MAX_ATTRIBUTES:
            raise BadStun("attributes")
        kind = int.from_bytes(data[at : at + 2], "big")
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + size > len(data):
            raise BadStun("attribute length")
        if MESSAGE_INTEGRITY not in found or kind == FINGERPRINT:  # what follows the integrity is not proven
            found.setdefault(kind, (at, data[at + 4 : at + 4 + size]))
        at += 4 + size + (-size % 4)
    _check_fingerprint(data, found.get(FINGERPRINT))
    return found


def _check_header(data: bytes, message: int) -> None:
    if len(data) < HEADER_BYTES or int.from_bytes(data[:2], "big") != message:
        raise BadStun("not a binding message of this kind")
    if int.from_bytes(data[4:8], "big") != MAGIC_COOKIE:
        raise BadStun("magic cookie")
    length = int.from_bytes(data[2:4], "big")
    if length != len(data) - HEADER_BYTES or length % 4:
        raise BadStun("length")


def _check_fingerprint(data: bytes, attribute: tuple[int, bytes] | None) -> None:
    if attribute is None:
        return
    at, value = attribute
    if at + 8 != len(data) or len(value) != 4:
        raise BadStun("FINGERPRINT is not the last attribute")
    if int.from_bytes(value, "big") != zlib.crc32(data[:at]) ^ FINGERPRINT_XOR:
        raise BadStun("FINGERPRINT")


def _request(data: bytes, found: dict[int, tuple[int, bytes]]) -> Request:
    if USERNAME not in found or MESSAGE_INTEGRITY not in found:
        raise BadStun("no USERNAME or MESSAGE-INTEGRITY")
    integrity_at, integrity = found[MESSAGE_INTEGRITY]
    username = found[USERNAME][1]
    if len(integrity) != 20 or len(username) > MAX_USERNAME_BYTES:
        raise BadStun("USERNAME or MESSAGE-INTEGRITY length")
    try:
        name = username.decode("ascii")
    except UnicodeDecodeError:
        raise BadStun("USERNAME is not ASCII") from None
    return Request(data[8:20], name, USE_CANDIDATE in found, integrity_at, integrity)


@dataclass(frozen=True, slots=True)
class Response:
    """A binding success response as read; nothing in it is proven before `is_authentic`."""

    transaction_id: bytes
    integrity_at: int
    integrity: bytes


def is_response(data: bytes) -> bool:
    """Return whether this would be the answer to a check of ours."""
    return data[:2] == BINDING_RESPONSE.to_bytes(2, "big")


def parse_response(data: bytes) -> Response:
    """Return the binding success response; BadStun as for a request."""
    found = _attributes(data, BINDING_RESPONSE)
    if MESSAGE_INTEGRITY not in found or len(found[MESSAGE_INTEGRITY][1]) != 20:
        raise BadStun("no MESSAGE-INTEGRITY")
    return Response(data[8:20], *found[MESSAGE_INTEGRITY])


def is_authentic(data: bytes, request: Request | Response, password: bytes) -> bool:
    """Return whether the request's MESSAGE-INTEGRITY was made with this password (RFC 8489 §14.5)."""
    return hmac.compare_digest(request.integrity, _integrity(data[: request.integrity_at], password))


def binding_response(transaction_id: bytes, mapped: Address, password: bytes) -> bytes:
    """Return the success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT."""
    body = _attribute(XOR_MAPPED_ADDRESS, _xor_address(mapped, transaction_id))
    return _sealed(BINDING_RESPONSE, transaction_id, body, password)


def challenge(transaction_id: bytes, username: str, password: bytes) -> bytes:
    """Return a check as the controlled side sends it: only who has the password can answer it, and where it arrives."""
    body = _attribute(USERNAME, username.encode()) + _attribute(PRIORITY, PEER_REFLEXIVE.to_bytes(4, "big"))
    body += _attribute(ICE_CONTROLLED, transaction_id[:8])
    return _sealed(BINDING_REQUEST, transaction_id, body, password)


def binding_request(transaction_id: bytes, username: str, password: bytes, *, nominate: bool) -> bytes:
    """Return a check as a full agent in the controlling role sends it (for tests and the benchmark)."""
    body = _attribute(USERNAME, username.encode()) + _attribute(PRIORITY, PEER_REFLEXIVE.to_bytes(4, "big"))
    body += _attribute(ICE_CONTROLLING, transaction_id[:8])
    if nominate:
        body += _attribute(USE_CANDIDATE, b"")
    return _sealed(BINDING_REQUEST, transaction_id, body, password)


def _attribute(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def _header(kind: int, length: int, transaction_id: bytes) -> bytes:
    return kind.to_bytes(2, "big") + length.to_bytes(2, "big") + MAGIC_COOKIE.to_bytes(4, "big") + transaction_id


def _sealed(kind: int, transaction_id: bytes, body: bytes, password: bytes) -> bytes:
    unsigned = _header(kind, len(body), transaction_id) + body
    message = _header(kind, len(body) + 32, transaction_id) + body
    message += _attribute(MESSAGE_INTEGRITY, _integrity(unsigned, password))
    return message + _attribute(FINGERPRINT, (zlib.crc32(message) ^ FINGERPRINT_XOR).to_bytes(4, "big"))


def _integrity(before: bytes, password: bytes) -> bytes:
    """HMAC-SHA1 over what stands before the attribute, with a length that ends after it."""
    length = len(before) - HEADER_BYTES + 24
    covered = before[:2] + length.to_bytes(2, "big") + before[4:]
    return hmac.digest(password, covered, hashlib.sha1)


@functools.lru_cache(maxsize=4096)  # the addresses of a busy relay's calls, which come back every few seconds
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


def _xor_address(address: Address, transaction_id: bytes) -> bytes:
    packed = _packed(address[0])
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    family = b"\x00\x01" if len(packed) == 4 else b"\x00\x02"
    port = (address[1] ^ MAGIC_COOKIE >> 16).to_bytes(2, "big")
    return family + port + bytes(a ^ b for a, b in zip(packed, mask, strict=False))
