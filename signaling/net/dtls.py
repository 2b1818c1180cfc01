"""
DTLS by aiortc over our own ICE. aiortc's private parts that we stand on are pinned by
tests/signaling/net/test_dtls.py: `_set_role`, `_srtp_profiles`, `_rx_srtp`, `_tx_srtp`, and a transport that has
`role`, `state`, `_recv` and `_send`.
"""

import asyncio
from collections.abc import Callable

from aiortc import rtcdtlstransport as aiortc_dtls
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from signaling.net.data_channel import DataChannel
from signaling.net.srtp import TAG_BYTES, InPlace, Keys

# Best first: hardware AES makes GCM cheaper than CM with HMAC (media.md §2).
PROFILES = (
    aiortc_dtls.SRTP_AEAD_AES_256_GCM,
    aiortc_dtls.SRTP_AEAD_AES_128_GCM,
    aiortc_dtls.SRTP_AES128_CM_SHA1_80,
)
MAX_WAITING = 32  # datagrams; a ClientHello with post-quantum keys takes two or three, a whole flight five
HANDSHAKE_TIMEOUT_S = 25.0  # below the 30 s of consent, so that the cause is told rightly


class HandshakeFailed(Exception):
    """No keys: wrong fingerprint, no common SRTP profile, or no answer in time."""


class DtlsPipe:
    """The transport that RTCDtlsTransport reads and writes: a bounded queue in, our socket out."""

    role = "controlled"  # ICE-lite; the DTLS role is set apart
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_now = send
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)

    def receive(self, data: bytes) -> None:
        """Take a record that the guard let through; when too many wait, it is dropped as a network would."""
        if not self._queue.full():
            self._queue.put_nowait(data)

    def end(self) -> None:
        """Make the reader stop."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def _recv(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            raise ConnectionError("the link was closed")
        return data

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


class DtlsAssociation:
    """One handshake, and what comes after it."""

    def __init__(self, certificate: RTCCertificate, pipe: DtlsPipe) -> None:
        self._transport = RTCDtlsTransport(pipe, [certificate])  # type: ignore[arg-type]  # duck-typed transport
        self._transport._srtp_profiles = list(PROFILES)
        self._pipe = pipe
        self._closed = asyncio.Event()
        self._transport.on("statechange", self._note_state)

    async def handshake(self, *, is_client: bool, fingerprints: list[tuple[str, str]]) -> Keys:
        """Return the SRTP sessions; HandshakeFailed also when the peer's certificate is not the one in its SDP."""
        self._transport._set_role("client" if is_client else "server")
        prints = [RTCDtlsFingerprint(algorithm=name, value=value) for name, value in fingerprints]
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._transport.start(RTCDtlsParameters(fingerprints=prints))
        except TimeoutError:
            raise HandshakeFailed("no answer in time") from None
        if self._transport.state != "connected":
            raise HandshakeFailed("refused")
        session = self._transport._rx_srtp, self._transport._tx_srtp
        assert self._transport._ssl is not None  # made by start()
        chosen = self._transport._ssl.get_selected_srtp_profile()
        profile = next(p for p in PROFILES if p.openssl_profile == chosen)
        return Keys(InPlace(session[0]), InPlace(session[1]), TAG_BYTES[profile.libsrtp_profile])

    def data_channel(self) -> DataChannel:
        """Return a data channel over this association, to be opened when the handshake is done."""
        return DataChannel(self._transport)

    async def ended(self) -> None:
        """Wait until the peer closes the association."""
        await self._closed.wait()

    async def close(self) -> None:
        """Send the closing alert."""
        await self._transport.stop()
        self._pipe.end()
        # Circles around OpenSSL's and libsrtp's memory, which the collector does not see the size of: given back now.
        self._closed.set()
        self._transport.remove_all_listeners()
        self._transport._ssl = None

    def _note_state(self) -> None:
        if self._transport.state in ("closed", "failed"):
            self._closed.set()


def make_certificate() -> RTCCertificate:
    """Return a new self-signed ECDSA certificate (RFC 8827 §6.5), one for the life of the process."""
    return RTCCertificate.generateCertificate()


def fingerprint(certificate: RTCCertificate) -> str:
    """Return the sha-256 fingerprint as it stands in SDP."""
    return next(p.value for p in certificate.getFingerprints() if p.algorithm == "sha-256")
