"""Where a key frame begins, by the first bytes of an RTP payload, for each forwarded codec. Pure."""

from collections.abc import Callable, Mapping


def _vp8(payload: bytes) -> bool:
    """RFC 7741 §4.2, §4.3: start of partition 0 and the P bit of the frame header clear."""
    first, at = payload[0], 1
    if not first & 0x10 or first & 0x07:
        return False
    if first & 0x80:
        extended, at = payload[1], 2
        if extended & 0x80:
            at += 2 if payload[2] & 0x80 else 1
        at += bool(extended & 0x40) + bool(extended & 0x30)
    return not payload[at] & 0x01


def _vp9(payload: bytes) -> bool:
    """RFC 9628 §4.2: P clear (no inter-picture prediction), B set (start of a frame), spatial layer 0 if any."""
    first, at = payload[0], 1
    if first & 0x40 or not first & 0x08:
        return False
    if first & 0x80:
        at += 2 if payload[1] & 0x80 else 1
    return not first & 0x20 or payload[at] >> 1 & 7 == 0


def _h264(payload: bytes) -> bool:
    """RFC 6184 §5.2: an SPS or IDR, alone, in a STAP-A, or as the start of an FU-A."""
    kind = payload[0] & 31
    if kind in (5, 7):
        return True
    if kind == 28:
        return payload[1] >> 7 == 1 and payload[1] & 31 in (5, 7)
    at = 1
    while kind == 24 and at + 2 < len(payload):
        if payload[at + 2] & 31 in (5, 7):
            return True
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return False


def _av1(payload: bytes) -> bool:
    """RTP payload format for AV1 §4.4: the N bit marks the first packet of a coded video sequence."""
    return payload[0] & 0x08 != 0


VP8_START_CODE = b"\x9d\x01\x2a"
MAX_VP8_DESCRIPTOR = 6
STARTS: Mapping[str, Callable[[bytes], bool]] = {"vp8": _vp8, "vp9": _vp9, "h264": _h264, "av1": _av1}


def picture_height(codec_name: str, payload: bytes) -> int | None:
    """
    Return how many lines the picture has whose key frame this payload begins; None where it does not say.

    VP8 alone (RFC 6386 §9.1): Firefox, which sends simulcast as VP8, gives a small picture more rate than a large one,
    so the rate does not tell which is which.
    """
    if codec_name.lower() != "vp8" or not starts_keyframe(codec_name, payload):
        return None
    at = payload.find(VP8_START_CODE, 4, 4 + MAX_VP8_DESCRIPTOR + 3)
    if at < 0 or at + 7 > len(payload):
        return None
    return int.from_bytes(payload[at + 5 : at + 7], "little") & 0x3FFF or None


def starts_keyframe(codec_name: str, payload: bytes) -> bool:
    """Return whether this payload begins a key frame; never raises. Audio payloads all do."""
    start = STARTS.get(codec_name.lower())
    if start is None:
        return True
    try:
        return start(payload)
    except IndexError:
        return False
