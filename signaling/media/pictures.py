"""
The picture numbers inside VP8 and VP9 payloads, which go on unbroken where a subscriber gets another layer. Pure.

Each simulcast layer counts its pictures from a start of its own. A decoder that is led from one to the other takes the
new numbers for old pictures, or for missing ones, and shows nothing for seconds (libwebrtc's reference finder).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets in a payload; 0 where the descriptor has no such field."""

    picture: int = 0
    is_wide: bool = False
    """15 bits instead of 7."""
    level: int = 0
    """TL0PICIDX, which counts the pictures of the lowest temporal layer."""


NONE = Places()


@dataclass(slots=True)
class PictureNumbers:
    """One output's numbers: `begin` at another stream's first key frame, `renumber` for every payload."""

    picture_offset: int = 0
    level_offset: int = 0
    last_picture: int = -1
    """As sent; -1 before the first."""
    last_level: int = -1
    follows: bool = False
    """The next key frame's start begins another stream."""

    def follow(self, old: "PictureNumbers") -> None:
        """Go on with another output's numbers."""
        self.last_picture, self.last_level, self.follows = old.last_picture, old.last_level, True

    def begin(self, codec: str, payload: bytes) -> None:
        """Take the payload that starts the new stream: its numbers become the next ones."""
        at = locate(codec, payload)
        is_led = bool(at.picture) and self.last_picture >= 0
        self.picture_offset = self.last_picture + 1 - picture_of(payload, at) if is_led else 0
        self.level_offset = self.last_level + 1 - payload[at.level] if at.level and self.last_level >= 0 else 0
        self.follows = False

    def renumber(self, codec: str, payload: bytes, *, is_newest: bool) -> bytes:
        """Return the payload with this output's numbers; `is_newest`: it is neither late nor sent again."""
        at = locate(codec, payload)
        changed = bytearray(payload)
        if at.picture:
            number = picture_of(payload, at) + self.picture_offset
            width = 2 if at.is_wide else 1
            value = 0x8000 | number & 0x7FFF if at.is_wide else number & 0x7F
            changed[at.picture : at.picture + width] = value.to_bytes(width, "big")
            self.last_picture = picture_of(changed, at) if is_newest else self.last_picture
        if at.level:
            changed[at.level] = (payload[at.level] + self.level_offset) & 0xFF
            self.last_level = changed[at.level] if is_newest else self.last_level
        return bytes(changed)


def locate(codec: str, payload: bytes) -> Places:
    """Return where the numbers stand in a payload descriptor (RFC 7741 §4.2, RFC 9628 §4.2); never raises."""
    kind = codec.lower()
    if kind not in ("vp8", "vp9") or len(payload) < 2:
        return NONE
    first, following = payload[0], 1
    if kind == "vp8":
        if not first & 0x80:
            return NONE
        has_picture, has_level, following = bool(payload[1] & 0x80), bool(payload[1] & 0x40), 2
    else:
        has_picture, has_level = bool(first & 0x80), bool(first & 0x20) and not first & 0x10
    picture, is_wide = 0, False
    if has_picture and following < len(payload):
        picture, is_wide = following, payload[following] >> 7 == 1
        following += 1 + is_wide
    if kind == "vp9" and has_level:
        following += 1  # the layer indices
    if following + has_level > len(payload):
        return NONE
    return Places(picture, is_wide, following if has_level else 0)


def picture_of(payload: bytes | bytearray, at: Places) -> int:
    """Return the picture number that stands there."""
    if at.is_wide:
        return int.from_bytes(payload[at.picture : at.picture + 2], "big") & 0x7FFF
    return payload[at.picture] & 0x7F
