"""
Matroska around the clusters that libavformat writes: headers, and what a player needs to seek. Pure.

RFC 9559 (Matroska), RFC 8794 (EBML). A recording is written live: a header without a length, then clusters, so that any
prefix plays. `playable` makes of it, when it is read, a file with duration and cues; the clusters stay as they are.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from signaling.media.recording.effects import PartTrack
from signaling.media.recording.picture import OPUS_CHANNELS, OPUS_RATE

EBML, SEGMENT, INFO, TRACKS, CLUSTER, CUES = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _REFERENCE = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
_DURATION = 0x4489
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
CODEC_IDS = {"opus": "A_OPUS", "vp8": "V_VP8", "vp9": "V_VP9", "h264": "V_MPEG4/ISO/AVC", "av1": "V_AV1"}
SEEK_PRE_ROLL_NS = 80_000_000  # RFC 7845 §4.2 for Opus
WRITER = "teleconsult"


class BadMatroska(ValueError):
    """Not the elements that we write."""


@dataclass(frozen=True, slots=True)
class Element:
    """Where one element lies."""

    id: int
    body_at: int
    end: int


def _id_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def element(number: int, body: bytes) -> bytes:
    """Return an element with a size of four bytes."""
    assert len(body) < 0x0FFFFFFF, "headers are small"
    return _id_bytes(number) + (0x10000000 | len(body)).to_bytes(4, "big") + body


def _number(number: int, value: int, size: int = 0) -> bytes:
    return element(number, value.to_bytes(size or max(1, (value.bit_length() + 7) // 8), "big"))


def _text(number: int, value: str) -> bytes:
    return element(number, value.encode())


def _track(place: int, track: PartTrack) -> bytes:
    is_video = track.kind == "video"
    body = _number(0xD7, place + 1) + _number(0x73C5, place + 1) + _number(0x83, 1 if is_video else 2)
    body += _number(0x9C, 0) + _text(0x22B59C, "und") + _text(0x536E, track.source)
    body += _text(0x86, CODEC_IDS[track.codec.lower()])
    if track.private:
        body += element(0x63A2, track.private)
    if is_video:
        return element(0xAE, body + element(0xE0, _number(0xB0, track.width) + _number(0xBA, track.height)))
    body += _number(0x56AA, 0) + _number(0x56BB, SEEK_PRE_ROLL_NS)
    sound = element(0xB5, struct.pack(">d", OPUS_RATE)) + _number(0x9F, OPUS_CHANNELS)
    return element(0xAE, body + element(0xE1, sound))


def _info(duration_ms: int | None) -> bytes:
    body = _number(0x2AD7B1, 1_000_000) + _text(0x4D80, WRITER) + _text(0x5741, WRITER)
    if duration_ms is not None:
        body += element(_DURATION, struct.pack(">d", float(duration_ms)))
    return element(INFO, body)


def header(tracks: Sequence[PartTrack]) -> bytes:
    """Return everything before the first cluster, of a segment whose length nobody knows yet."""
    doc_type = "matroska" if any(track.codec.lower() == "h264" for track in tracks) else "webm"
    versions = _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
    ebml = element(EBML, versions + _text(0x4282, doc_type) + _number(0x4287, 4) + _number(0x4285, 2))
    entries = b"".join(_track(place, track) for place, track in enumerate(tracks))
    return ebml + _id_bytes(SEGMENT) + UNKNOWN_SIZE + _info(None) + element(TRACKS, entries)


@dataclass(frozen=True, slots=True)
class Cue:
    """A cluster where playing may begin."""

    at_ms: int
    offset: int
    """From the first cluster."""


def playable(live_header: bytes, duration_ms: int, media_bytes: int, cues: Sequence[Cue]) -> bytes:
    """Return the header of a finished file whose clusters follow; BadMatroska for a header that is not ours."""
    parts = {found.id: live_header[start : found.end] for start, found in _top(live_header)}
    if not {EBML, INFO, TRACKS} <= parts.keys():
        raise BadMatroska("no header of ours")
    info = _info(duration_ms)
    empty = _cues(cues, 0)
    before = len(info) + len(parts[TRACKS]) + len(empty)
    size = (1 << 56 | before + media_bytes).to_bytes(8, "big")
    return parts[EBML] + _id_bytes(SEGMENT) + size + info + parts[TRACKS] + _cues(cues, before)


def _cues(cues: Sequence[Cue], first_cluster_at: int) -> bytes:
    """Positions have eight bytes, so that their own values do not move them."""
    points = (
        element(0xBB, _number(0xB3, cue.at_ms, 8)
                + element(0xB7, _number(0xF7, 1) + _number(0xF1, first_cluster_at + cue.offset, 8)))
        for cue in cues
    )  # fmt: skip
    return element(CUES, b"".join(points))


# Reading


def read_element(data: bytes | bytearray, at: int) -> Element | None:
    """Return the element at a place, None when its head is not whole; a size that is unknown ends at its body."""
    if at >= len(data):
        return None
    id_bytes = 9 - data[at].bit_length()
    size_at = at + id_bytes
    if id_bytes > 4:
        raise BadMatroska("no element")
    if size_at >= len(data):
        return None
    size_bytes = 9 - data[size_at].bit_length()
    body_at = size_at + size_bytes
    if size_bytes > 8:
        raise BadMatroska("no size")
    if body_at > len(data):
        return None
    size = int.from_bytes(data[size_at:body_at], "big") & ~(1 << 7 * size_bytes)
    if size == (1 << 7 * size_bytes) - 1:
        size = 0
    return Element(int.from_bytes(data[at:size_at], "big"), body_at, body_at + size)


def _top(data: bytes) -> Iterator[tuple[int, Element]]:
    """Yield (start, element) of what lies at the top and in the segment."""
    at = 0
    while (found := read_element(data, at)) is not None and found.end <= len(data):
        yield at, found
        at = found.body_at if found.id == SEGMENT else found.end


class Clusters:
    """Cuts a muxer's output into whole clusters; its own header and trailer are left out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the clusters that are whole now."""
        self._buffer += data
        found: list[bytes] = []
        at = 0
        while (each := read_element(self._buffer, at)) is not None:
            if each.id == SEGMENT:
                at = each.body_at
                continue
            if each.end > len(self._buffer):
                break
            if each.id == CLUSTER:
                found.append(bytes(self._buffer[at : each.end]))
            at = each.end
        del self._buffer[:at]
        return found


@dataclass(frozen=True, slots=True)
class Block:
    """One frame in a cluster."""

    track: int
    """From 0."""
    at_ms: int
    is_keyframe: bool
    data: bytes


def blocks(cluster: bytes) -> list[Block]:
    """Return the frames of one cluster; BadMatroska for none of ours."""
    outer = read_element(cluster, 0)
    if outer is None or outer.id != CLUSTER or outer.end > len(cluster):
        raise BadMatroska("no cluster")
    found, base, at = list[Block](), 0, outer.body_at
    while at < outer.end and (each := read_element(cluster, at)) is not None:
        body = cluster[each.body_at : each.end]
        if each.id == _TIMESTAMP:
            base = int.from_bytes(body, "big")
        elif each.id == _SIMPLE_BLOCK:
            found.append(_block(body, base))
        elif each.id == _BLOCK_GROUP:
            found.append(_grouped(body, base))
        at = each.end
    return found


def _grouped(body: bytes, base: int) -> Block:
    """A block group's frame is a key frame when it refers to no other."""
    parts, at = dict[int, bytes](), 0
    while at < len(body) and (each := read_element(body, at)) is not None:
        parts[each.id] = body[each.body_at : each.end]
        at = each.end
    if _BLOCK not in parts:
        raise BadMatroska("no block")
    return replace(_block(parts[_BLOCK], base), is_keyframe=_REFERENCE not in parts)


def _block(body: bytes, base: int) -> Block:
    if len(body) < 4 or not body[0] & 0x80:
        raise BadMatroska("no block")
    offset = int.from_bytes(body[1:3], "big", signed=True)
    return Block((body[0] & 0x7F) - 1, base + offset, body[3] & 0x80 != 0, body[4:])
