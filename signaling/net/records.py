"""What the packet plane knows of peers, streams and outputs: the records of the Python plane."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from signaling.media import codecs, frames, rtp
from signaling.media.guard import Datagram
from signaling.media.pictures import PictureNumbers
from signaling.net.channel import Channel
from signaling.net.port import Address
from signaling.net.srtp import InPlace, Keys

VIDEO_HISTORY = 1024  # 2.8 s of 720p, 1 s of its peaks (media.md §2)
AUDIO_HISTORY = 256  # 5 s of 20 ms packets
MAX_PASSED = 6  # elements of one packet; a publisher may repeat one as often as fits
ABS_SEND_TIME_UNIT = 1 << 18  # 6.18 fixed point seconds, 24 bits
WIDE_WINDOW = 0x10000
SENT_SLOTS = 8192  # numbered packets that wait for feedback: 2 s at 40 Mbit/s
# A source may jump this far and still be the same run of packets (RFC 3550 A.1: MAX_DROPOUT).
MAX_DROPOUT = 3000


@dataclass(frozen=True, slots=True)
class Leftover:
    """A datagram for the slow path; RTP and RTCP are decrypted."""

    kind: Datagram
    peer: "Peer | None"
    address: Address
    data: bytes
    stream: "Stream | None" = None


@dataclass(frozen=True, slots=True)
class PathReport:
    """What one subscriber's transport-wide feedback said over some time."""

    received: int = 0
    lost: int = 0
    acked_bytes: int = 0
    delay_sum: float = 0.0
    """Seconds between sending and arrival by two clocks: only differences mean something."""
    delay_min: float = 0.0
    delay_last: float = 0.0
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """A publisher's SSRC: what the packets are."""

    ssrc: int
    kind: str
    codec: str
    clock_rate: int
    payload_type: int
    """Of the media; for a repair stream that of the stream it repairs."""
    extensions: dict[str, int] = field(default_factory=dict)
    """The publisher's ids by URI."""
    repaired: "Stream | None" = None
    """For an RTX stream, the stream that it repairs."""
    red_payload_type: int = 0
    dscp: int = 0
    """The mark of its packets (signaling/media/dscp.py)."""
    """Of packets that carry earlier frames again (RFC 2198), 0 when not agreed."""


@dataclass(frozen=True, slots=True)
class OutputTerms:
    """A subscriber's view of a stream."""

    ssrc: int
    payload_type: int
    rtx_ssrc: int = 0
    rtx_payload_type: int = 0
    mid: str = ""
    extensions: dict[str, int] = field(default_factory=dict)
    """The subscriber's ids by URI."""
    red_payload_type: int = 0
    dscp: int = 0
    """The mark of its packets (signaling/media/dscp.py)."""


@dataclass(slots=True)
class WideFeedback:
    """The running numbers of one publisher's transport-wide feedback."""

    expected: int | None = None
    number: int = 0


class Peer:
    """The other end of one DTLS association."""

    MAX_ARRIVALS: ClassVar[int] = 4096  # feedback goes out every 50 ms; more is a flood and left out

    def __init__(self) -> None:
        self.rx: InPlace | None = None
        self.tx: InPlace | None = None
        self.address: Address | None = None
        """Where to send: the selected path."""
        self.streams: dict[int, Stream] = {}
        self.outputs: dict[int, list[Output]] = {}
        """By SSRC; a second one of an SSRC waits to take over from the first."""
        self.wide_id = 0
        """The publisher's id of the transport-wide extension, 0 when not agreed."""
        self.arrivals: list[tuple[int, float]] = []
        self.wide_sequence = 0
        """Of the next packet to this subscriber."""
        self.sent: dict[int, tuple[float, int]] = {}
        """Transport-wide number -> when, bytes; until acknowledged."""
        self.feedback = WideFeedback()
        self.ssrc = 0
        """Ours in RTCP to this peer."""
        self.heard_at = 0.0
        self._path: list[tuple[float, float, int] | None] = []
        self.link: Any = None
        """The shell's object; the plane does not look into it."""

    def secure(self, keys: "Keys") -> None:
        """Take the keys of a finished handshake."""
        self.rx, self.tx = keys.rx, keys.tx

    def media_ssrc(self) -> int:
        """Return what a publisher's feedback is about: its first video, else its first stream."""
        videos = (ssrc for ssrc, stream in self.streams.items() if stream.terms.kind == "video")
        return next(videos, next(iter(self.streams), 0))

    def note_sent(self, size: int, now: float) -> None:
        """Remember a numbered packet until it is acknowledged, and count on."""
        self.sent[self.wide_sequence] = (now, size)
        self.wide_sequence = (self.wide_sequence + 1) & 0xFFFF
        if len(self.sent) > SENT_SLOTS:
            del self.sent[next(iter(self.sent))]

    def note_feedback(self, sequence: int, received_at: float | None) -> None:
        """Take one status of a transport-wide feedback."""
        if received_at is None:
            if sequence in self.sent:
                self._path.append(None)
            return
        sent = self.sent.pop(sequence, None)
        if sent is not None:
            self._path.append((sent[0], received_at - sent[0], sent[1]))

    def take_path(self) -> PathReport:
        """Return what this subscriber's transport-wide feedback said since the last call."""
        statuses, self._path = self._path, []
        found = [status for status in statuses if status is not None]
        if not found:
            return PathReport(lost=len(statuses))
        delays = [delay for _, delay, _ in found]
        return PathReport(
            len(found),
            len(statuses) - len(found),
            sum(size for _, _, size in found),
            sum(delays),
            min(delays),
            delays[-1],
            found[0][0],
            found[-1][0],
        )


class Stream:
    """One SSRC of a publisher, its statistics (RFC 3550 A.1, A.8) and its history."""

    def __init__(self, peer: Peer, terms: StreamTerms) -> None:
        self.peer, self.terms = peer, terms
        self.repaired = terms.repaired
        self.outputs: list[Output] = []
        self.is_muted = False
        self.tap: tuple[Channel, int] | None = None
        """The recorder's channel and this stream's number there."""
        self.awaits_keyframe = False
        self.base: int | None = None
        self.highest = 0
        """Extended."""
        self.received = 0
        self.restored = 0
        """Of the received ones, those that only came again in a later packet (RFC 2198)."""
        self.octets = 0
        self.jitter = 0.0
        self.last_arrival = 0.0
        self._transit = 0.0
        self._looked_at: int | None = None
        self.level_id = terms.extensions.get(codecs.AUDIO_LEVEL, 0)
        self._level = (0, 0)
        size = self.history_size = VIDEO_HISTORY if terms.kind == "video" else AUDIO_HISTORY
        self._history: list[tuple[int, bytes] | None] = [None] * size
        wanted = {uri: codecs.EXTENSIONS[uri] for uri in codecs.PASSED_ON}
        self.passed = {number: wanted[uri] for uri, number in terms.extensions.items() if uri in wanted}
        """The publisher's id -> the relay's own number."""

    def count(self, header: rtp.Header, size: int, now: float, *, restored: bool = False) -> bool:
        """Take a packet into the statistics; False when it came before, or so late that nobody can tell."""
        if self.base is None:
            self.base = self.highest = header.sequence + WIDE_WINDOW
        extended = rtp.extend(header.sequence, self.highest)
        if self.received and extended <= self.highest - self.history_size:
            return False
        if self.received and extended <= self.highest and self.has(header.sequence):
            return False
        self.highest = max(self.highest, extended)
        self.received += 1
        self.octets += size
        self.restored += restored
        if restored:
            return True  # when it would have come is not known
        transit = now - header.timestamp / self.terms.clock_rate
        change = abs(transit - self._transit)
        if self.received > 1 and change < 60:  # beyond a minute the timestamp wrapped or jumped
            self.jitter += (change - self.jitter) / 16
        self._transit, self.last_arrival = transit, now
        return True

    def take_skipped(self) -> list[int]:
        """Return the extended numbers that were skipped since the last call."""
        before = self._looked_at if self._looked_at is not None else self.base
        self._looked_at = self.highest
        if before is None:
            return []
        start = max(before + 1, self.highest - min(MAX_DROPOUT, len(self._history)) + 1)
        return [n for n in range(start, self.highest) if not self.has(n & 0xFFFF)]

    def note_level(self, level: int) -> None:
        """Take a packet's audio level (RFC 6464: 0 loudest, 127 silence)."""
        self._level = (self._level[0] + 127 - level, self._level[1] + 1)

    def take_level(self) -> tuple[int, int]:
        """Return the sum of (127 - level) and how many packets carried one, since the last call."""
        found, self._level = self._level, (0, 0)
        return found

    def has(self, sequence: int) -> bool:
        """Return whether the packet of this 16-bit number is in the history."""
        return self.history_get(sequence) is not None

    def history_put(self, sequence: int, packet: bytes) -> None:
        self._history[sequence % len(self._history)] = (sequence, packet)

    def history_get(self, sequence: int) -> bytes | None:
        """Return the packet of this 16-bit number, None when it never came or is too old."""
        entry = self._history[sequence % len(self._history)]
        return entry[1] if entry is not None and entry[0] == sequence else None


class Output:
    """One stream as one subscriber gets it."""

    def __init__(self, stream: Stream, peer: Peer, terms: OutputTerms) -> None:
        self.stream, self.peer, self.terms = stream, peer, terms
        self.is_on = True
        self.copies: tuple[int, ...] = ()
        """How many packets back the earlier frames are that go along; none sends plain packets."""
        self.waits = False
        """For the first key frame of its stream; then it takes over from the output it replaces."""
        self.replaces: Output | None = None
        self.sequence_offset = 0
        self.timestamp_offset = 0
        self.packets = 0
        self.octets = 0
        self.last_timestamp = 0
        self.last_sequence = 0
        self._follows: tuple[int, int, float] | None = None
        self._sent_at = 0.0
        self._rtx_sequence = 0
        self.pictures = PictureNumbers()
        ids = terms.extensions
        self._mid = self._element(ids.get(codecs.MID, 0), terms.mid.encode()) if terms.mid else b""
        self._abs_send_time = ids.get(codecs.ABS_SEND_TIME, 0)
        self.wide_id = ids.get(codecs.TRANSPORT_CC, 0)
        own = {codecs.EXTENSIONS[uri]: ids[uri] for uri in codecs.PASSED_ON if uri in ids}
        self._passed = {number: own[passed] for number, passed in stream.passed.items() if passed in own}

    @staticmethod
    def _element(number: int, value: bytes) -> bytes:
        return bytes((number << 4 | len(value) - 1,)) + value if number and value else b""

    def next_rtx(self) -> int:
        """Return the next sequence number of the retransmission stream."""
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        return self._rtx_sequence

    def follow(self, old: "Output") -> None:
        """Go on with another output's numbers: same SSRC, so a number must not come twice under SRTP."""
        self.packets, self.octets, self._rtx_sequence = old.packets, old.octets, old._rtx_sequence
        self.pictures.follow(old.pictures)
        if old.packets:
            self._follows = (old.last_sequence, old.last_timestamp, old._sent_at)

    def take_over(self, *, is_keyframe: bool) -> bool:
        """Return whether this packet goes out: the first key frame starts a waiting output and ends the one before."""
        if not is_keyframe:
            return False
        old, self.replaces, self.waits = self.replaces, None, False
        if old is not None:
            old.is_on = False
            self.follow(old)
        return True

    def begin(self, header: rtp.Header, now: float) -> None:
        """Before a packet: after `follow`, or when the publisher's numbers jump, let ours and the time go on."""
        if self._follows is None and self.packets:
            step = rtp.distance(self.last_sequence, (header.sequence + self.sequence_offset) & 0xFFFF)
            if abs(step) > MAX_DROPOUT:  # another run of numbers; SRTP and decoders want ours unbroken
                self._follows = (self.last_sequence, self.last_timestamp, self._sent_at)
        if self._follows is None:
            return
        sequence, timestamp, sent_at = self._follows
        elapsed = int((now - sent_at) * self.stream.terms.clock_rate)
        self.sequence_offset = (sequence + 1 - header.sequence) & 0xFFFF
        self.timestamp_offset = (timestamp + max(1, elapsed) - header.timestamp) & 0xFFFFFFFF
        self._follows = None

    def lead_pictures(self, payload: bytes, sequence: int, *, again: bool) -> bytes:
        """Return the payload with picture numbers that go on where the stream before ended."""
        codec = self.stream.terms.codec
        is_newest = not again and (not self.packets or rtp.distance(self.last_sequence, sequence) > 0)
        if is_newest and self.pictures.follows and payload and frames.starts_keyframe(codec, payload):
            self.pictures.begin(codec, payload)
        return self.pictures.renumber(codec, payload, is_newest=is_newest)

    def extension_block(self, packet: bytes, header: rtp.Header, now: float) -> bytes:
        """Return this subscriber's header extensions: mid, send time, transport-wide number, what is passed on."""
        body = self._mid
        if self._abs_send_time:
            stamp = int(now * ABS_SEND_TIME_UNIT) & 0xFFFFFF
            body += self._element(self._abs_send_time, stamp.to_bytes(3, "big"))
        if self.wide_id:
            body += self._element(self.wide_id, self.peer.wide_sequence.to_bytes(2, "big"))
        if self._passed:
            left = MAX_PASSED
            for number, start, size in rtp.extensions(packet, header):
                if number not in self.stream.passed or not 1 <= size <= 16 or not left:
                    continue
                left -= 1
                if number in self._passed:
                    body += self._element(self._passed[number], packet[start : start + size])
        if not body:
            return b""
        words = (len(body) + 3) // 4
        return b"\xbe\xde" + words.to_bytes(2, "big") + body + bytes(4 * words - len(body))

    def count(self, header: rtp.Header, octets: int, now: float) -> None:
        """Take a sent packet into the sender report's figures."""
        sequence = (header.sequence + self.sequence_offset) & 0xFFFF
        if not self.packets or rtp.distance(self.last_sequence, sequence) > 0:  # a late one does not set them back
            self.last_timestamp = (header.timestamp + self.timestamp_offset) & 0xFFFFFFFF
            self.last_sequence, self._sent_at = sequence, now
        self.packets += 1
        self.octets += octets


def forget_output(output: Output) -> None:
    """Take an output that ended out of its subscriber's."""
    same = output.peer.outputs[output.terms.ssrc]
    same.remove(output)
    if not same:
        del output.peer.outputs[output.terms.ssrc]
