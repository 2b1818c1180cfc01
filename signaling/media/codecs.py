"""Codecs that are forwarded, as rows of a table, and the header extensions that the relay knows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
CONTENT_TYPE = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"

# The id of each extension in the relay's own offers, and its canonical number inside the relay (1 to 14).
EXTENSIONS: Mapping[str, int] = {
    MID: 1,
    ABS_SEND_TIME: 2,
    TRANSPORT_CC: 3,
    AUDIO_LEVEL: 4,
    VIDEO_ORIENTATION: 5,
    PLAYOUT_DELAY: 6,
    CONTENT_TYPE: 7,
    RID: 10,
    REPAIRED_RID: 11,
}
# Copied from publisher to subscriber; the others are the relay's own on each side.
PASSED_ON = (AUDIO_LEVEL, VIDEO_ORIENTATION, PLAYOUT_DELAY, CONTENT_TYPE)
EXTENSIONS_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "audio": (MID, ABS_SEND_TIME, TRANSPORT_CC, AUDIO_LEVEL),
    "video": (MID, ABS_SEND_TIME, TRANSPORT_CC, VIDEO_ORIENTATION, PLAYOUT_DELAY, CONTENT_TYPE),
}

MAX_ONE_BYTE_ID = 14


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload format as it is offered, answered and compared."""

    name: str
    kind: str
    clock_rate: int
    channels: int = 1
    parameters: tuple[tuple[str, str], ...] = ()
    """fmtp in the offerer's order."""

    def parameter(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.parameters if key == name), default)

    @property
    def encoding(self) -> str:
        """Return the rtpmap value."""
        return f"{self.name}/{self.clock_rate}" + (f"/{self.channels}" if self.channels > 1 else "")

    @property
    def fmtp(self) -> str:
        return ";".join(f"{key}={value}" if key else value for key, value in self.parameters)


# H.264 profiles by profile_idc and the constraint bits that matter (RFC 6184 §8.1, table 5): browsers name the same
# profile by different bytes, and a decoder of one profile may not know another.
H264_PROFILES: tuple[tuple[str, int, int, int], ...] = (
    ("constrained_baseline", 0x42, 0x4F, 0x40),
    ("constrained_baseline", 0x4D, 0x8F, 0x80),
    ("constrained_baseline", 0x58, 0xCF, 0xC0),
    ("baseline", 0x42, 0x4F, 0x00),
    ("main", 0x4D, 0xAF, 0x00),
    ("constrained_high", 0x64, 0xFF, 0x0C),
    ("high", 0x64, 0xFF, 0x00),
)


def h264_profile(profile_level_id: str) -> str | None:
    """Return the profile's name, None for one that no browser sends."""
    try:
        value = int(profile_level_id or "42e01f", 16)
    except ValueError:
        return None
    idc, iop = value >> 16, value >> 8 & 0xFF
    return next((name for name, want, mask, bits in H264_PROFILES if idc == want and iop & mask == bits), None)


def _identity(codec: Codec) -> tuple[str, ...] | None:
    """What must be equal for one end's packets to be decodable by the other; None for a codec not forwarded."""
    match codec.name.lower():
        case "opus":
            return ("opus",) if codec.clock_rate == 48000 and codec.channels == 2 else None
        case "vp8":
            return ("vp8",)
        case "vp9":
            return ("vp9", codec.parameter("profile-id", "0"))
        case "av1":
            return ("av1", codec.parameter("profile", "0"))
        case "h264":
            profile = h264_profile(codec.parameter("profile-level-id"))
            mode = codec.parameter("packetization-mode", "0")
            return ("h264", profile, mode) if profile is not None else None
    return None


def is_forwarded(codec: Codec) -> bool:
    """Return whether the relay takes this codec from a publisher."""
    return _identity(codec) is not None and codec.clock_rate == (48000 if codec.kind == "audio" else 90000)


def is_same(a: Codec, b: Codec) -> bool:
    """Return whether a decoder for `b` understands packets of `a`."""
    return a.kind == b.kind and _identity(a) is not None and _identity(a) == _identity(b)
