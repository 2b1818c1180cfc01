"""The packet plane with its loop in C. The same interface as plane.py, whose tests run on both."""

import functools
import ipaddress
import socket
from typing import Any

from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp_lib

from signaling.media import codecs
from signaling.media.dscp import CONTROL, traffic_class
from signaling.media.guard import Datagram, is_plausible_dtls
from signaling.net import native
from signaling.net.channel import Channel
from signaling.net.counters import Counters
from signaling.net.native import ffi
from signaling.net.port import Address, has_segmentation
from signaling.net.records import (
    AUDIO_HISTORY,
    MAX_DROPOUT,
    VIDEO_HISTORY,
    Leftover,
    OutputTerms,
    PathReport,
    StreamTerms,
    forget_output,
)
from signaling.net.srtp import Keys

CODECS = {"vp8": 1, "vp9": 2, "h264": 3, "av1": 4}
KINDS = (Datagram.JUNK, Datagram.STUN, Datagram.DTLS, Datagram.RTP, Datagram.RTCP, Datagram.GAP)
DROPS = (
    "junk", "stranger", "before_keys", "srtp", "srtcp", "rtp", "repeated", "protect", "send", "leftover",
)  # fmt: skip
FOLLOWED = (
    "packets", "octets", "rtx_sequence", "last_sequence", "last_timestamp", "sent_at", "last_picture", "last_level",
)  # fmt: skip
MOST = 2048  # datagrams a poll; then control and timers are served at full load too


class Field:
    """An attribute that lives in the C record."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: Any, owner: type) -> Any:
        return getattr(record.c, self._name)

    def __set__(self, record: Any, value: Any) -> None:
        setattr(record.c, self._name, value)


@functools.lru_cache(maxsize=4096)  # the addresses of a busy relay's calls; C only reads them
def pack_address(address: Address) -> Any:
    """Return the C form: 16 bytes, IPv4 mapped."""
    ip = ipaddress.ip_address(address[0])
    packed = ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed
    return ffi.new("relay_address *", {"ip": list(packed), "port": address[1]})


def unpack_address(c: Any) -> Address:
    packed = bytes(ffi.buffer(c.ip, 16))
    if packed.startswith(bytes(10) + b"\xff\xff"):
        return (socket.inet_ntop(socket.AF_INET, packed[12:]), c.port)
    return (socket.inet_ntop(socket.AF_INET6, packed), c.port)


class NativePeer:
    wide_id, heard_at, ssrc = Field(), Field(), Field()

    def __init__(self, c: Any) -> None:
        self.c, self.link = c, None
        self.streams: dict[int, NativeStream] = {}
        self.outputs: dict[int, list[NativeOutput]] = {}
        self._keys: Keys | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address | None:
        return self._address

    @address.setter
    def address(self, address: Address) -> None:
        self._address = address
        if self.c == CLOSED_PEER:
            return
        self.c.address, self.c.has_address = pack_address(address)[0], 1

    def secure(self, keys: Keys) -> None:
        """Take the keys; the sessions live as long as this record."""
        if self.c == CLOSED_PEER:
            return
        self._keys = keys
        for name, direction in (("rx", keys.rx), ("tx", keys.tx)):
            setattr(self.c, name, ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", direction.handle))))

    def take_path(self) -> PathReport:
        """Return what this subscriber's transport-wide feedback said since the last call."""
        p = self.c.path
        report = PathReport(
            p.received, p.lost, p.acked_bytes, p.delay_sum, p.delay_min, p.delay_last, p.first_at, p.last_at
        )
        native_library().relay_clear_path(self.c)
        return report


class NativeStream:
    is_muted, awaits_keyframe, highest, received = Field(), Field(), Field(), Field()
    octets, jitter, last_arrival, restored = Field(), Field(), Field(), Field()

    def __init__(self, c: Any, peer: NativePeer, terms: StreamTerms) -> None:
        self.c, self.peer, self.terms = c, peer, terms
        self.repaired = terms.repaired
        self.outputs: list[NativeOutput] = []
        self.tap: Channel | None = None
        self._looked_at = -1
        c.ssrc, c.clock_rate, c.payload_type = terms.ssrc, terms.clock_rate, terms.payload_type
        c.is_video = int(terms.kind == "video")
        c.codec = CODECS.get(terms.codec.lower(), 0)
        c.red_payload_type = terms.red_payload_type
        c.level_id = terms.extensions.get(codecs.AUDIO_LEVEL, 0)
        if terms.repaired is not None:
            c.repaired = terms.repaired.c  # type: ignore[attr-defined]  # on this plane every stream is a native one
        for uri in codecs.PASSED_ON:
            if uri in terms.extensions:
                c.passed[terms.extensions[uri]] = codecs.EXTENSIONS[uri]

    @property
    def base(self) -> int | None:
        return self.c.base if self.c.base >= 0 else None

    def has(self, sequence: int) -> bool:
        """Return whether the packet of this 16-bit number is in the history."""
        return bool(native_library().relay_history(self.c, sequence) >= 0)

    def take_skipped(self) -> list[int]:
        """Return the extended numbers that were skipped since the last call."""
        before = self._looked_at if self._looked_at >= 0 else self.c.base
        self._looked_at = self.c.highest
        start = max(before + 1, self.c.highest - min(MAX_DROPOUT, self.c.history_size) + 1)
        return [n for n in range(start, self.c.highest) if not self.has(n & 0xFFFF)]

    def take_level(self) -> tuple[int, int]:
        """Return the sum of (127 - level) and how many packets carried one, since the last call."""
        found = (self.c.level_sum, self.c.level_count)
        self.c.level_sum = self.c.level_count = 0
        return found


class NativeOutput:
    is_on, packets, octets, timestamp_offset = Field(), Field(), Field(), Field()
    last_timestamp, sequence_offset, last_sequence, waits = Field(), Field(), Field(), Field()

    def __init__(self, c: Any, stream: NativeStream, peer: NativePeer, terms: OutputTerms) -> None:
        self.c, self.stream, self.peer, self.terms = c, stream, peer, terms
        c.traffic_class = traffic_class(terms.dscp)
        c.peer, c.ssrc, c.rtx_ssrc = peer.c, terms.ssrc, terms.rtx_ssrc
        c.payload_type, c.rtx_payload_type, c.is_on = terms.payload_type, terms.rtx_payload_type, 1
        c.red_payload_type = terms.red_payload_type
        ids = terms.extensions
        mid = terms.mid.encode()[:16]
        c.mid_id, c.mid_size = ids.get(codecs.MID, 0), len(mid)
        ffi.memmove(c.mid, mid, len(mid))
        c.time_id, c.wide_id = ids.get(codecs.ABS_SEND_TIME, 0), ids.get(codecs.TRANSPORT_CC, 0)
        for uri in codecs.PASSED_ON:
            c.passed[codecs.EXTENSIONS[uri]] = ids.get(uri, 0)

    @property
    def copies(self) -> tuple[int, ...]:
        return tuple(sorted(self.c.copies[0 : self.c.copy_count]))

    @copies.setter
    def copies(self, back: tuple[int, ...]) -> None:
        self.c.copy_count = len(back)
        self.c.copies[0 : len(back)] = sorted(back, reverse=True)

    def follow(self, old: "NativeOutput") -> None:
        """Go on with another output's numbers: same SSRC, so a number must not come twice under SRTP."""
        for name in FOLLOWED:
            setattr(self.c, name, getattr(old.c, name))
        self.c.follows = int(old.c.packets > 0)
        self.c.pictures_follow = 1


class NativeTable:
    """The records of one kernel."""

    def __init__(self, relay: Any, library: Any) -> None:
        self._relay, self._library = relay, library
        self.peers: dict[Any, NativePeer] = {}
        self.streams: dict[Any, NativeStream] = {}

    def open_peer(self) -> NativePeer:
        """Return a new peer without keys, path or streams."""
        c = self._library.relay_open_peer()
        if c == ffi.NULL:
            raise MemoryError("a peer's records")
        self.peers[c] = peer = NativePeer(c)
        return peer

    def bind(self, address: Address, peer: NativePeer | None) -> None:
        """Let datagrams from this address belong to the peer, or to nobody."""
        self._library.relay_bind(self._relay, pack_address(address), peer.c if peer is not None else ffi.NULL)

    def close_peer(self, peer: NativePeer) -> None:
        """Forget a peer, its streams and its outputs."""
        if self.peers.pop(peer.c, None) is None:
            return
        for output in [each for same in peer.outputs.values() for each in same]:
            self.remove(output)
        for stream in list(peer.streams.values()):
            self.remove(stream)
        self._library.relay_close_peer(self._relay, peer.c)
        peer.c = CLOSED_PEER

    def add_stream(self, peer: NativePeer, terms: StreamTerms) -> NativeStream:
        """Take an SSRC from this peer from now on."""
        size = VIDEO_HISTORY if terms.kind == "video" else AUDIO_HISTORY
        c = self._library.relay_add_stream(peer.c, size if terms.repaired is None else 1)
        if c == ffi.NULL:
            raise MemoryError("a stream's records")
        stream = NativeStream(c, peer, terms)
        peer.streams[terms.ssrc] = self.streams[c] = stream
        return stream

    def add_output(self, stream: NativeStream, peer: NativePeer, terms: OutputTerms) -> NativeOutput:
        """Forward a stream to a peer."""
        c = self._library.relay_add_output(stream.c)
        if c == ffi.NULL:
            raise MemoryError("an output's records")
        output = NativeOutput(c, stream, peer, terms)
        stream.outputs.append(output)
        peer.outputs.setdefault(terms.ssrc, []).append(output)
        return output

    def tap(self, stream: NativeStream, channel: Channel | None, track: int = 0) -> None:
        """Hand a stream's packets to a recorder too, or no more. A stream that ends needs no untapping."""
        if stream.c == CLOSED_STREAM:
            return
        stream.tap = channel  # keeps what the kernel points at
        stream.c.tap_track = track
        stream.c.tap = channel.record_for(ffi) if channel is not None else ffi.NULL

    def remove(self, record: NativeStream | NativeOutput) -> None:
        """End a stream (and what is forwarded of it) or one output."""
        if isinstance(record, NativeStream):
            if self.streams.pop(record.c, None) is None:
                return
            for output in list(record.outputs):
                self.remove(output)
            if record.peer.streams.get(record.terms.ssrc) is record:
                del record.peer.streams[record.terms.ssrc]
            for other in record.peer.streams.values():
                if other.c.repaired == record.c:
                    other.c.repaired = ffi.NULL
            self._library.relay_remove_stream(record.c)
            record.c = CLOSED_STREAM
            return
        if record not in record.stream.outputs:
            return
        record.stream.outputs.remove(record)
        forget_output(record)  # type: ignore[arg-type]  # the same shape
        for heir in record.peer.outputs.get(record.terms.ssrc, []):
            if heir.c.replaces == record.c:
                heir.c.replaces = ffi.NULL
        self._library.relay_remove_output(record.c)
        record.c = CLOSED_OUTPUT


class NativePlane:
    """All traffic of one UDP port, through the kernel."""

    def __init__(self, sock: socket.socket, *, segmentation: bool | None = None, marking: bool = True) -> None:
        self._library = native_library()
        calls = ("protect", "unprotect", "protect_rtcp", "unprotect_rtcp")
        pointers = [srtp_ffi.addressof(srtp_lib, f"srtp_{name}") for name in calls]
        srtp = ffi.new("relay_srtp *", [ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", p))) for p in pointers])
        gso = has_segmentation(sock) if segmentation is None else segmentation
        is_v6, control = sock.family == socket.AF_INET6, traffic_class(CONTROL) if marking else -1
        relay = self._library.relay_open(sock.fileno(), int(is_v6), int(gso), control, srtp)
        if relay == ffi.NULL:
            raise MemoryError("the kernel's buffers")
        self._relay = ffi.gc(relay, self._library.relay_close)
        self.table = NativeTable(self._relay, self._library)
        self._totals = self._library.relay_totals(relay)
        self._leftovers = self._library.relay_leftovers(relay)
        self._shell_drops: dict[str, int] = {}

    def poll(self, now: float) -> list[Leftover]:
        """Drain the socket, forward the media, and return the rest in order of arrival."""
        return self._take_leftovers(self._library.relay_poll(self._relay, now, MOST))

    def serve(self, loop_fd: int, timeout_s: float | None) -> list[Leftover]:
        """Forward as `pump.Pump.serve` does, without a Python step for each wake-up."""
        wait = -1.0 if timeout_s is None else timeout_s
        return self._take_leftovers(self._library.relay_serve(self._relay, loop_fd, wait))

    def _take_leftovers(self, count: int) -> list[Leftover]:
        return [left for index in range(count) if (left := self._leftover(self._leftovers[index])) is not None]

    def _leftover(self, c: Any) -> Leftover | None:
        kind = KINDS[c.kind]
        data = bytes(ffi.buffer(c.data, c.size))
        if kind is Datagram.DTLS and not is_plausible_dtls(data):
            self.drop("dtls")
            return None
        peer = self.table.peers.get(c.peer) if c.peer != ffi.NULL else None
        stream = self.table.streams.get(c.stream) if c.stream != ffi.NULL else None
        return Leftover(kind, peer, unpack_address(c.address), data, stream)  # type: ignore[arg-type]  # the same shape

    @property
    def strangers(self) -> int:
        """How many more media packets of unknown addresses are given back as leftovers."""
        return int(self._library.relay_strangers(self._relay))

    @strangers.setter
    def strangers(self, most: int) -> None:
        self._library.relay_admit_strangers(self._relay, most)

    def inject(self, stream: NativeStream, packet: bytes, now: float) -> None:
        """Forward a decrypted packet that came back as a leftover, now that its stream is known."""
        if stream.c != CLOSED_STREAM:
            self._library.relay_inject(self._relay, stream.c, packet, len(packet), now)

    def send(self, address: Address, data: bytes) -> None:
        """Send STUN or DTLS."""
        self._library.relay_send(self._relay, pack_address(address), data, len(data))

    def send_rtcp(self, peer: NativePeer, packet: bytes) -> None:
        """Encrypt and send a compound to a peer; nothing before its keys and path are known."""
        self._library.relay_send_rtcp(self._relay, peer.c, packet, len(packet))

    def retransmit(self, output: NativeOutput, sequences: tuple[int, ...], now: float) -> int:
        """Send packets of the history again, as RTX where it was agreed; returns how many were still there."""
        return int(self._library.relay_retransmit(self._relay, output.c, sequences, len(sequences), now))

    def send_feedback(self) -> None:
        """Send every publisher the transport-wide feedback of what came since the last call, at latest with a poll."""
        self._library.relay_send_feedback(self._relay)

    def note_feedback(self, peer: NativePeer, body: bytes, now: float) -> None:
        """Take a subscriber's transport-wide feedback that stood in a compound."""
        self._library.relay_note_feedback(peer.c, body, len(body), now)

    def start_at_keyframe(self, output: NativeOutput, replaces: NativeOutput | None) -> None:
        """Let an output wait for its stream's next key frame, and then take over from the other one."""
        output.c.waits, output.c.replaces = 1, replaces.c if replaces is not None else ffi.NULL
        output.stream.c.wants_keyframe_check = 1

    def drop(self, cause: str) -> None:
        """Count a datagram that the slow path refused."""
        self._shell_drops[cause] = self._shell_drops.get(cause, 0) + 1

    @property
    def counters(self) -> Counters:
        """Return the totals up to now."""
        totals = self._totals
        drops = {name: totals.dropped[i] for i, name in enumerate(DROPS) if totals.dropped[i]}
        drops.update(self._shell_drops)
        return Counters(totals.datagrams, totals.packets_in, totals.packets_out, drops)


# What late users of a record that has ended read and write, instead of memory that was given back.
CLOSED_PEER = ffi.new("relay_peer *")
_NO_HISTORY = ffi.new("relay_kept[1]")
CLOSED_STREAM = ffi.new("relay_stream *", {"peer": CLOSED_PEER, "history": _NO_HISTORY, "history_size": 1, "base": -1})
CLOSED_OUTPUT = ffi.new("relay_output *", {"peer": CLOSED_PEER, "stream": CLOSED_STREAM})
_LIBRARY: list[Any] = []


def native_library() -> Any:
    """Return the kernel, loaded once; OSError when it is not built."""
    if not _LIBRARY:
        _LIBRARY.append(native.load())
    return _LIBRARY[0]
