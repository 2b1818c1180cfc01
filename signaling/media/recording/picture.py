"""What a container must know of a track before its first frame: size of the picture, the codec's own set-up. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from signaling.media.recording.bits import BadPayload, Bits, leb128

OPUS_CHANNELS, OPUS_RATE = 2, 48000


@dataclass(frozen=True, slots=True)
class Description:
    """A video track's header fields."""

    width: int
    height: int
    private: bytes = b""
    """Matroska's CodecPrivate: empty, avcC or av1C."""


def opus_private() -> bytes:
    """Return the OpusHead of a track (RFC 7845 §5.1), stereo as WebRTC always signals, without pre-skip."""
    return b"OpusHead\x01" + bytes((OPUS_CHANNELS,)) + bytes(2) + OPUS_RATE.to_bytes(4, "little") + bytes(3)


def _vp8(frame: bytes) -> Description:
    """RFC 6386 §9.1: the key frame's start code and sizes."""
    if frame[3:6] != b"\x9d\x01\x2a" or len(frame) < 10:
        raise BadPayload("no VP8 key frame")
    return Description(int.from_bytes(frame[6:8], "little") & 0x3FFF, int.from_bytes(frame[8:10], "little") & 0x3FFF)


def _vp9(frame: bytes) -> Description:
    """VP9 §6.2 uncompressed_header."""
    bits = Bits(frame[:32])
    if bits.take(2) != 2:
        raise BadPayload("no VP9 frame")
    profile = bits.take(1) | bits.take(1) << 1
    if profile == 3:
        bits.take(1)
    if bits.flag() or bits.flag():  # show_existing_frame, frame_type
        raise BadPayload("no VP9 key frame")
    bits.take(2)
    if bits.take(24) != 0x498342:
        raise BadPayload("no VP9 key frame")
    if profile >= 2:
        bits.take(1)
    if bits.take(3) != 7:  # color_space other than sRGB
        bits.take(1)
        if profile & 1:
            bits.take(3)
    elif profile & 1:
        bits.take(1)
    width = bits.take(16) + 1
    return Description(width, bits.take(16) + 1)


def _units(frame: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 < len(frame):
        size = int.from_bytes(frame[at : at + 4], "big")
        yield frame[at + 4 : at + 4 + size]
        at += 4 + size


def _h264(frame: bytes) -> Description:
    """ISO/IEC 14496-15 §5.3.3.1: avcC from the parameter sets of the key frame; the size from the SPS."""
    units = [unit for unit in _units(frame) if unit]
    sps = [unit for unit in units if unit[0] & 31 == 7]
    pps = [unit for unit in units if unit[0] & 31 == 8]
    if not sps or not pps or len(sps[0]) < 4:
        raise BadPayload("no parameter sets")
    width, height = _sps_size(sps[0])
    private = b"\x01" + sps[0][1:4] + b"\xff\xe1" + len(sps[0]).to_bytes(2, "big") + sps[0]
    return Description(width, height, private + b"\x01" + len(pps[0]).to_bytes(2, "big") + pps[0])


_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128)


def _sps_size(unit: bytes) -> tuple[int, int]:
    """H.264 §7.3.2.1.1: the picture's size after cropping."""
    bits = Bits(unit.replace(b"\x00\x00\x03", b"\x00\x00")[1:])
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        _skip_high_profile(bits, chroma)
    bits.golomb()
    _skip_order_count(bits)
    bits.golomb()
    bits.take(1)
    width = 16 * (bits.golomb() + 1)
    height = 16 * (bits.golomb() + 1)
    is_frames = bits.flag()
    height *= 1 if is_frames else 2
    if not is_frames:
        bits.take(1)
    bits.take(1)
    if bits.flag():
        across, down = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1) * (1 if is_frames else 2)
        width -= across * (bits.golomb() + bits.golomb())
        height -= down * (bits.golomb() + bits.golomb())
    if not (0 < width <= 16384 and 0 < height <= 16384):
        raise BadPayload("a size out of range")
    return width, height


def _skip_high_profile(bits: Bits, chroma: int) -> None:
    if chroma == 3:
        bits.take(1)
    bits.golomb()
    bits.golomb()
    bits.take(1)
    if not bits.flag():  # seq_scaling_matrix_present_flag
        return
    for index in range(8 if chroma != 3 else 12):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed_golomb()) % 256
            last = following or last


def _skip_order_count(bits: Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(min(255, bits.golomb())):
            bits.signed_golomb()


def _av1(frame: bytes) -> Description:
    """AV1 §5.5 sequence header, and the av1C of the AV1 ISOBMFF binding §2.3."""
    unit = _sequence_header(frame)
    head = 2 if unit[0] & 4 else 1
    _, start = leb128(unit, head)
    bits = Bits(unit[start:])
    profile = bits.take(3)
    bits.take(1)
    if bits.flag():  # reduced_still_picture_header
        level, tier = bits.take(5), 0
    else:
        level, tier = _operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    width = bits.take(across) + 1
    height = bits.take(down) + 1
    # 8 bits, 4:2:0: what WebRTC sends in profile 0. Decoders read the sequence header itself, which follows.
    private = bytes((0x81, profile << 5 | level, tier << 7 | 0x0C, 0)) + unit
    return Description(width, height, private)


def _sequence_header(frame: bytes) -> bytes:
    at = 0
    while at < len(frame):
        size, start = leb128(frame, at + (2 if frame[at] & 4 else 1))
        if frame[at] >> 3 & 15 == 1:
            return frame[at : start + size]
        at = start + size
    raise BadPayload("no sequence header")


def _operating_points(bits: Bits) -> tuple[int, int]:
    """Return level and tier of the first operating point; the reader then stands at frame_width_bits."""
    has_model, delay_bits = False, 0
    if bits.flag():  # timing_info_present_flag
        bits.take(32)
        bits.take(32)
        if bits.flag():
            bits.golomb()
        has_model = bits.flag()
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(32)
            bits.take(10)
    has_delay, found = bits.flag(), list[tuple[int, int]]()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        level = bits.take(5)
        tier = bits.take(1) if level > 7 else 0
        if has_model and bits.flag():
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.flag():
            bits.take(4)
        found.append((level, tier))
    return found[0]


HEADERS: Mapping[str, Callable[[bytes], Description]] = {"vp8": _vp8, "vp9": _vp9, "h264": _h264, "av1": _av1}


def describe(codec: str, keyframe: bytes) -> Description:
    """Return what a key frame, as payload.assemble made it, says of its track. Raises BadPayload and nothing else."""
    try:
        found = HEADERS[codec.lower()](keyframe)
    except IndexError:
        raise BadPayload("key frame is cut off") from None
    if not found.width or not found.height:
        raise BadPayload("an empty picture")
    return found
