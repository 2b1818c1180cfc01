"""Both packet planes over a real loopback socket, with fake peers that hold the other end of the SRTP sessions."""

import secrets
import select
import socket
from dataclasses import dataclass, field
from typing import Any

import pylibsrtp

from signaling.media import codecs, rtp
from signaling.net.native_plane import NativePlane
from signaling.net.plane import Plane
from signaling.net.port import open_port
from signaling.net.records import Leftover, OutputTerms, StreamTerms
from signaling.net.srtp import TAG_BYTES, InPlace, Keys

PLANES = (Plane, NativePlane)
PROFILES = {
    "gcm": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "gcm256": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "cm": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}
NOW = 1000.0


def sessions(profile: str) -> tuple[pylibsrtp.Session, pylibsrtp.Session]:
    """Both ends of one direction: what encrypts, what decrypts."""
    number, size = PROFILES[profile]
    key = secrets.token_bytes(size)
    ends = []
    for kind in (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND):
        policy = pylibsrtp.Policy(key=key, ssrc_type=kind, srtp_profile=number)
        policy.allow_repeat_tx, policy.window_size = True, 1024
        ends.append(pylibsrtp.Session(policy))
    return ends[0], ends[1]


@dataclass
class FakePeer:
    """A socket on the far side, its keys, and the plane's record of it."""

    plane: Any
    profile: str = "gcm"
    sock: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    record: Any = None

    def __post_init__(self) -> None:
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.address = self.sock.getsockname()
        self.record = self.record or self.plane.plane.table.open_peer()
        self.tx, theirs_rx = sessions(self.profile)
        theirs_tx, self.rx = sessions(self.profile)
        tag = TAG_BYTES[PROFILES[self.profile][0]]
        self.record.secure(Keys(InPlace(theirs_rx), InPlace(theirs_tx), tag))
        self.record.address = self.address
        self.plane.plane.table.bind(self.address, self.record)

    def send(self, packet: bytes) -> None:
        """Send an RTP packet, encrypted."""
        self.sock.sendto(self.tx.protect(packet), self.plane.address)

    def send_rtcp(self, packet: bytes) -> None:
        self.sock.sendto(self.tx.protect_rtcp(packet), self.plane.address)

    def datagrams(self) -> list[bytes]:
        """Everything that has arrived; loopback delivers within the send."""
        found = []
        while select.select([self.sock], [], [], 0.05 if not found else 0)[0]:
            found.append(self.sock.recv(65536))
        return found

    def received(self) -> list[bytes]:
        """The RTP packets that have arrived, decrypted."""
        return [self.rx.unprotect(data) for data in self.datagrams() if not 192 <= data[1] < 224]

    def received_rtcp(self) -> list[bytes]:
        return [self.rx.unprotect_rtcp(data) for data in self.datagrams() if 192 <= data[1] < 224]


class Bench:
    """A plane with its port."""

    def __init__(self, kind: type, *, host: str = "127.0.0.1", **options: bool | None) -> None:
        self.sock = open_port(host, 0)
        self.address = self.sock.getsockname()[:2]
        self.plane = kind(self.sock, **options)
        self.peers: list[FakePeer] = []

    def peer(self, profile: str = "gcm") -> FakePeer:
        self.peers.append(FakePeer(self, profile))
        return self.peers[-1]

    def poll(self, now: float = NOW) -> list[Leftover]:
        select.select([self.sock], [], [], 0.05)
        return self.plane.poll(now)

    def close(self) -> None:
        self.plane = None
        self.sock.close()
        for peer in self.peers:
            peer.sock.close()


def video(ssrc: int = 7, **changes: Any) -> StreamTerms:
    return StreamTerms(ssrc, "video", "VP8", 90000, 96, **changes)


def audio(ssrc: int = 7, **changes: Any) -> StreamTerms:
    return StreamTerms(ssrc, "audio", "opus", 48000, 111, red_payload_type=63, **changes)


def output(ssrc: int = 1000, **changes: Any) -> OutputTerms:
    return OutputTerms(ssrc, changes.pop("payload_type", 100), **changes)


def packet(sequence: int, payload: bytes = b"\x10\x01payload", **changes: Any) -> bytes:
    """An RTP packet of SSRC 7, type 96; `elements` are its header extensions."""
    block = rtp.extension_block(changes.get("elements", []))
    head = bytes((0x90 if block else 0x80, 128 * changes.get("marker", 0) | changes.get("payload_type", 96)))
    head += sequence.to_bytes(2, "big") + changes.get("timestamp", 3000).to_bytes(4, "big")
    return head + changes.get("ssrc", 7).to_bytes(4, "big") + block + payload


MID, WIDE, LEVEL = codecs.MID, codecs.TRANSPORT_CC, codecs.AUDIO_LEVEL
