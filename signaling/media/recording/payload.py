"""
RTP payloads into frames as a container keeps them: Opus, VP8, VP9, H.264, AV1. Pure; nothing is decoded.

Each function takes the payloads of one picture in order (same timestamp, no number missing, the last with its marker)
and returns the frame and whether it is a key frame; BadPayload when they do not make one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from signaling.media.recording.bits import BadPayload, leb128, write_leb128

MAX_FRAME_BYTES = 4 << 20  # a 4K key frame at its worst is below 1 MB
# A frame of Opus silence: 20 ms of full-band CELT, mono, without any coded energy (RFC 6716 §3.1, §4.3).
OPUS_SILENCE = bytes.fromhex("f8fffe")
OPUS_SILENCE_MS = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame, whole."""

    data: bytes
    is_keyframe: bool


def _vp8(payloads: Sequence[bytes]) -> Picture:
    """RFC 7741 §4.2: the descriptor is taken off, the rest is one frame."""
    parts = []
    for index, payload in enumerate(payloads):
        first, at = payload[0], 1
        if first & 0x80:
            extended, at = payload[1], 2
            if extended & 0x80:
                at += 2 if payload[2] & 0x80 else 1
            at += bool(extended & 0x40) + bool(extended & 0x30)
        if index == 0 and (not first & 0x10 or first & 0x07):
            raise BadPayload("the frame's start is missing")
        if at >= len(payload):
            raise BadPayload("nothing after the descriptor")
        parts.append(payload[at:])
    data = b"".join(parts)
    return Picture(data, not data[0] & 0x01)


def _vp9_descriptor(payload: bytes) -> int:
    """Return where the descriptor ends (RFC 9628 §4.2)."""
    first, at = payload[0], 1
    if first & 0x80:
        at += 2 if payload[at] & 0x80 else 1
    if first & 0x20:
        at += 1 if first & 0x10 else 2
    if first & 0x10 and first & 0x40:
        for _ in range(3):
            at += 1
            if not payload[at - 1] & 0x01:
                break
        else:
            raise BadPayload("more than three references")
    if first & 0x02:
        at = _vp9_structure(payload, at)
    return at


def _vp9_structure(payload: bytes, at: int) -> int:
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        groups = payload[at]
        at += 1
        for _ in range(groups):
            at += 1 + (payload[at] >> 2 & 3)
    return at


def _vp9(payloads: Sequence[bytes]) -> Picture:
    """RFC 9628: the layers' frames of one picture, as one frame or as a superframe (VP9 Annex B)."""
    layers: list[bytes] = []
    is_open = False
    for payload in payloads:
        at = _vp9_descriptor(payload)
        if at >= len(payload):
            raise BadPayload("nothing after the descriptor")
        if payload[0] & 0x08:
            layers.append(b"")
        elif not is_open:
            raise BadPayload("the frame's start is missing")
        layers[-1] += payload[at:]
        is_open = not payload[0] & 0x04
    if is_open:
        raise BadPayload("the frame's end is missing")
    is_keyframe = not payloads[0][0] & 0x40
    return Picture(layers[0] if len(layers) == 1 else _superframe(layers), is_keyframe)


def _superframe(frames: Sequence[bytes]) -> bytes:
    if len(frames) > 8:
        raise BadPayload("more than eight layers")
    marker = bytes((0xC0 | 3 << 3 | len(frames) - 1,))  # sizes of 4 bytes
    index = b"".join(len(frame).to_bytes(4, "little") for frame in frames)
    return b"".join(frames) + marker + index + marker


def _h264(payloads: Sequence[bytes]) -> Picture:
    """RFC 6184 §5: NAL units, each with its length before it (ISO/IEC 14496-15 §5.3)."""
    units = list(_nal_units(payloads))
    if not units:
        raise BadPayload("no NAL unit")
    data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    return Picture(data, any(unit[0] & 31 == 5 for unit in units))


def _nal_units(payloads: Sequence[bytes]) -> Iterator[bytes]:
    fragment: bytearray | None = None
    for payload in payloads:
        kind = payload[0] & 31
        if kind == 28:
            if payload[1] & 0x80:
                fragment = bytearray((payload[0] & 0xE0 | payload[1] & 31,))
            if fragment is None:
                raise BadPayload("the fragment's start is missing")
            fragment += payload[2:]
            if payload[1] & 0x40:
                yield bytes(fragment)
                fragment = None
            continue
        if fragment is not None:
            raise BadPayload("the fragment's end is missing")
        if 1 <= kind <= 23:
            yield payload
        elif kind == 24:
            yield from _aggregated(payload)
        else:
            raise BadPayload(f"packet type {kind}")
    if fragment is not None:
        raise BadPayload("the fragment's end is missing")


def _aggregated(payload: bytes) -> Iterator[bytes]:
    at = 1
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        if not size or at + size > len(payload):
            raise BadPayload("a unit's length does not fit")
        yield payload[at : at + size]
        at += size


_AV1_SEQUENCE_HEADER, _AV1_LEFT_OUT = 1, (2, 8, 15)  # temporal delimiter, tile list, padding: not kept in a file


def _av1(payloads: Sequence[bytes]) -> Picture:
    """RTP payload format for AV1 §4.4: OBUs put together again, each with its size (AV1 §5.3)."""
    units, is_cut = list[bytes](), False
    for payload in payloads:
        continues, goes_on = payload[0] & 0x80 != 0, payload[0] & 0x40 != 0
        if continues != is_cut:
            raise BadPayload("a fragment is missing")
        for element in _av1_elements(payload):
            if continues:
                units[-1] += element
                continues = False
            else:
                units.append(element)
        is_cut = goes_on
    if is_cut:
        raise BadPayload("the fragment's end is missing")
    kept = [unit for unit in units if unit[0] >> 3 & 15 not in _AV1_LEFT_OUT]
    if not kept:
        raise BadPayload("no OBU")
    return Picture(b"".join(_sized(unit) for unit in kept), any(u[0] >> 3 & 15 == _AV1_SEQUENCE_HEADER for u in kept))


def _av1_elements(payload: bytes) -> Iterator[bytes]:
    count, at, number = payload[0] >> 4 & 3, 1, 0
    while at < len(payload):
        number += 1
        if count and number == count:
            size = len(payload) - at
        else:
            size, at = leb128(payload, at)
        if not size or at + size > len(payload):
            raise BadPayload("an element's length does not fit")
        yield payload[at : at + size]
        at += size
    if not number or (count and number != count):
        raise BadPayload("elements are missing")


def _sized(unit: bytes) -> bytes:
    if unit[0] & 0x02:
        return unit
    head = 2 if unit[0] & 0x04 else 1
    if len(unit) < head:
        raise BadPayload("OBU header is cut off")
    return bytes((unit[0] | 0x02,)) + unit[1:head] + write_leb128(len(unit) - head) + unit[head:]


def _opus(payloads: Sequence[bytes]) -> Picture:
    """RFC 7587 §4.2: one payload, one packet."""
    if len(payloads) != 1 or not payloads[0]:
        raise BadPayload("one packet of sound")
    opus_duration_ms(payloads[0])
    return Picture(payloads[0], True)


def opus_duration_ms(packet: bytes) -> float:
    """Return how long a packet sounds (RFC 6716 §3.1); BadPayload for none or over 120 ms."""
    if not packet:
        raise BadPayload("empty packet")
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame_ms = (10.0, 20.0, 40.0, 60.0)[config & 3]
    elif config < 16:
        frame_ms = (10.0, 20.0)[config & 1]
    else:
        frame_ms = (2.5, 5.0, 10.0, 20.0)[config & 3]
    if code == 3 and len(packet) < 2:
        raise BadPayload("the count of frames is missing")
    count = packet[1] & 63 if code == 3 else (1, 2, 2)[code]
    if not 0 < count * frame_ms <= 120:
        raise BadPayload("packet over 120 ms")
    return count * frame_ms


FORMATS: Mapping[str, Callable[[Sequence[bytes]], Picture]] = {
    "opus": _opus, "vp8": _vp8, "vp9": _vp9, "h264": _h264, "av1": _av1,
}  # fmt: skip


def assemble(codec: str, payloads: Sequence[bytes]) -> Picture:
    """Return the frame of one picture's payloads. Raises BadPayload and nothing else."""
    if not payloads or not all(payloads):
        raise BadPayload("an empty payload")
    if sum(map(len, payloads)) > MAX_FRAME_BYTES:
        raise BadPayload("frame over the limit")
    try:
        return FORMATS[codec.lower()](payloads)
    except IndexError:
        raise BadPayload("payload is cut off") from None
