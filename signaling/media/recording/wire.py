"""
What crosses the channel from a relay to a recorder: one message a datagram, big-endian. Pure.

    1 packet  track 2 | dropped 4 | arrived 8 (double, monotonic seconds) | RTP packet, decrypted
    2 report  track 2 | NTP 8 | timestamp 4 | arrived 8
    3 track   track 2 | JSON: seat, source, kind, codec, clock_rate, payload_type
    4 end     track 2
    5 ask     track 2      recorder to relay: send a key frame

`dropped` counts the packets that this channel has not taken so far: the channel is bounded, media is never held up.
A track number is never used again on a channel. The packet kernel writes message 1 itself (native/tap.c).
"""

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum

MAX_MESSAGE_BYTES = 4096  # a datagram of the relay is 2,048 at most


class BadMessage(ValueError):
    """Not a message of this channel. The only error that leaves `parse`."""


class Kind(IntEnum):
    PACKET = 1
    REPORT = 2
    TRACK = 3
    END = 4
    ASK = 5


@dataclass(frozen=True, slots=True)
class Packet:
    track: int
    dropped: int
    arrived_at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Report:
    track: int
    ntp: int
    timestamp: int
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Track:
    """A source of a seat, or another layer of one that is known: it replaces the one before."""

    track: int
    seat: str
    source: str
    kind: str
    codec: str
    clock_rate: int
    payload_type: int


@dataclass(frozen=True, slots=True)
class End:
    track: int


@dataclass(frozen=True, slots=True)
class Ask:
    track: int


Message = Packet | Report | Track | End | Ask

_PACKET = struct.Struct("!BHId")
_REPORT = struct.Struct("!BHQId")
_SHORT = struct.Struct("!BH")


def encode(message: Message) -> bytes:
    """Return one datagram."""
    match message:
        case Packet(track, dropped, arrived_at, data):
            return _PACKET.pack(Kind.PACKET, track, dropped, arrived_at) + data
        case Report(track, ntp, timestamp, arrived_at):
            return _REPORT.pack(Kind.REPORT, track, ntp, timestamp, arrived_at)
        case Track():
            fields = asdict(message)
            return _SHORT.pack(Kind.TRACK, fields.pop("track")) + json.dumps(fields).encode()
        case End(track):
            return _SHORT.pack(Kind.END, track)
        case Ask(track):
            return _SHORT.pack(Kind.ASK, track)


def parse(data: bytes) -> Message:
    """Return the message of one datagram. Raises BadMessage and nothing else."""
    try:
        kind, track = _SHORT.unpack_from(data)
        match Kind(kind):
            case Kind.PACKET:
                _, track, dropped, arrived_at = _PACKET.unpack_from(data)
                return Packet(track, dropped, arrived_at, data[_PACKET.size :])
            case Kind.REPORT:
                return Report(*_REPORT.unpack(data)[1:])
            case Kind.TRACK:
                return _track(track, data[_SHORT.size :])
            case Kind.END:
                return End(track)
            case Kind.ASK:
                return Ask(track)
    except (struct.error, ValueError, RecursionError):
        raise BadMessage("no message of a recording's channel") from None


_FIELDS = {"seat": str, "source": str, "kind": str, "codec": str, "clock_rate": int, "payload_type": int}


def _track(number: int, body: bytes) -> Track:
    fields = json.loads(body)
    if not isinstance(fields, dict) or fields.keys() != _FIELDS.keys():
        raise BadMessage("a track's fields")
    if not all(type(fields[name]) is kind for name, kind in _FIELDS.items()) or fields["clock_rate"] <= 0:
        raise BadMessage("a track's fields")
    return Track(number, **fields)
