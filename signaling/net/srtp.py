"""SRTP in place through libsrtp's C interface: pylibsrtp's own calls copy every packet twice and make garbage."""

from dataclasses import dataclass
from typing import Any

import pylibsrtp
from pylibsrtp._binding import ffi, lib

# The authentication tag that a packet grows by, per profile (RFC 7714 §12, RFC 3711 §4.2). UDP segmentation needs the
# real one: with a wrong size the kernel cuts packets in two and frames vanish (media.md §4).
TAG_BYTES = {
    pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM: 16,
    pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM: 16,
    pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80: 10,
}
OK: int = lib.srtp_err_status_ok


class InPlace:
    """One direction of a session, working on a shared buffer at an address."""

    __slots__ = ("_length", "_session", "handle")

    def __init__(self, session: pylibsrtp.Session) -> None:
        self._session = session  # owns the C session: it must live as long as the handle is used
        self.handle: Any = session._srtp[0]
        self._length = ffi.new("int *")

    def unprotect(self, pointer: Any, size: int) -> int:
        """Decrypt a packet at `pointer`; returns its new size, or -1 when it is not authentic or a replay."""
        self._length[0] = size
        return self._length[0] if lib.srtp_unprotect(self.handle, pointer, self._length) == OK else -1

    def unprotect_rtcp(self, pointer: Any, size: int) -> int:
        """Decrypt a compound at `pointer`; returns its new size, or -1."""
        self._length[0] = size
        return self._length[0] if lib.srtp_unprotect_rtcp(self.handle, pointer, self._length) == OK else -1

    def opened(self, data: bytes, *, is_rtcp: bool) -> bytes | None:
        """Return a copy of the packet in clear; None when it is not authentic or a replay."""
        try:
            return bytes(self._session.unprotect_rtcp(data) if is_rtcp else self._session.unprotect(data))
        except pylibsrtp.Error:
            return None

    def protect(self, pointer: Any, size: int) -> int:
        """Encrypt a packet at `pointer`, which has room for the tag; returns its new size, or -1."""
        self._length[0] = size
        return self._length[0] if lib.srtp_protect(self.handle, pointer, self._length) == OK else -1

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return an encrypted compound; RTCP is rare enough for a copy."""
        return bytes(self._session.protect_rtcp(packet))


@dataclass(frozen=True, slots=True)
class Keys:
    """What the packet plane needs of a finished handshake."""

    rx: InPlace
    tx: InPlace
    tag_bytes: int
