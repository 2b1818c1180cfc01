"""SDP as browsers and devices write it (RFC 8866, RFC 9429): bounded, read into values, written back. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from signaling.media.codecs import Codec
from signaling.media.errors import BadSdp, SdpTooLarge

# Checked before parsing (security.md §8). A browser's offer for camera and microphone is 4 to 8 kB.
MAX_BYTES = 32 * 1024
MAX_MEDIA = 12
MAX_SSRC_LINES = 64
MAX_CANDIDATES = 40
MAX_LINES = 1200  # a Chromium offer has about 60 lines a section
# What a publisher writes comes back in the subscribers' offers.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]|\r(?!\n)")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

Attribute = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line with its attributes in order."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    @property
    def mid(self) -> str:
        return self.first("mid") or ""

    @property
    def direction(self) -> str:
        return next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")

    @property
    def is_rejected(self) -> bool:
        return self.port == 0 and self.first("bundle-only") is None


@dataclass(frozen=True, slots=True)
class Description:
    """A whole description."""

    attributes: tuple[Attribute, ...]
    media: tuple[Media, ...]
    origin: str = ""

    def attribute(self, media: Media, name: str) -> str | None:
        """Return a section's attribute, or the session's where the section has none."""
        return media.first(name) or next((value for key, value in self.attributes if key == name), None)


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type of an m-line: its codec, its feedback and its retransmission payload type."""

    payload_type: int
    codec: Codec
    feedback: tuple[str, ...] = ()
    rtx: int | None = None
    red: int | None = None
    """Payload type that carries this one redundantly (RFC 2198)."""


def parse(text: str, *, max_media: int = MAX_MEDIA) -> Description:
    """Return the description; BadSdp (or SdpTooLarge) is the only error, whatever the text is."""
    check_size(text, max_media)
    if CONTROL_CHARACTERS.search(text):
        raise BadSdp("a control character: what one parser takes for the end of a line, another one does not")
    session: list[Attribute] = []
    media: list[tuple[Media, list[Attribute]]] = []
    origin = ""
    for line in text.split("\n"):  # splitlines() would also split at characters that the limits do not count
        if line[1:2] != "=":
            if line.strip():
                raise BadSdp("a line is not TYPE=VALUE")
            continue
        kind, value = line[0], line[2:].strip()
        if kind == "m":
            media.append((_media_line(value), []))
        elif kind == "a":
            name, _, rest = value.partition(":")
            (media[-1][1] if media else session).append((name, rest))
        elif kind == "o":
            origin = value
    if not text.startswith("v=0"):
        raise BadSdp("no v=0 line")
    sections = tuple(replace(line, attributes=tuple(attributes)) for line, attributes in media)
    return Description(tuple(session), sections, origin)


def check_size(text: str, max_media: int = MAX_MEDIA) -> None:
    """Raise SdpTooLarge for a text over a limit; cheap, and before any parsing."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise SdpTooLarge(f"an SDP of more than {MAX_BYTES} bytes")
    if text.count("\n") > MAX_LINES:
        raise SdpTooLarge(f"an SDP of more than {MAX_LINES} lines")
    for prefix, most in (("m=", max_media), ("a=ssrc:", MAX_SSRC_LINES), ("a=candidate:", MAX_CANDIDATES)):
        if text.count("\n" + prefix) > most:
            raise SdpTooLarge(f"more than {most} {prefix} lines")


def _media_line(value: str) -> Media:
    parts = value.split()
    if len(parts) < 4:
        raise BadSdp("m= line")
    port = parts[1].partition("/")[0]
    if not is_number(port, 65535):
        raise BadSdp("port of an m= line")
    return Media(parts[0], int(port), parts[2], tuple(parts[3:]))


def is_number(text: str, most: int) -> bool:
    """Return whether the text is a plain decimal of at most `most` (int() alone takes signs, blanks, underscores)."""
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most


def formats(media: Media) -> list[Format]:
    """Return the codecs of an m-line in its order, each with its rtx; unknown or malformed ones are left out."""
    rates = dict(_numbered(media.all("rtpmap")))
    parameters = dict(_numbered(media.all("fmtp")))
    feedback = [value.partition(" ") for value in media.all("rtcp-fb")]
    rtx = {
        parameters.get(number, "").partition(";")[0].removeprefix("apt="): number
        for number, encoding in rates.items()
        if encoding.lower().startswith("rtx/")
    }
    red = {  # "111/111": every frame in it is of payload type 111
        parameters.get(number, "").partition("/")[0]: number
        for number, encoding in rates.items()
        if encoding.lower() == "red/48000/2" and len(set(parameters.get(number, "").split("/"))) == 1
    }
    found = []
    for number in dict.fromkeys(media.formats):
        codec = _codec(media.kind, rates.get(number, ""), parameters.get(number, ""))
        if codec is None or codec.name.lower() in ("rtx", "red") or not is_number(number, 127):
            continue
        own = tuple(dict.fromkeys(rest.strip() for who, _, rest in feedback if who in ("*", number)))
        repair, double = (int(by[number]) if number in by else None for by in (rtx, red))
        found.append(Format(int(number), codec, own, repair, double))
    return found


def _numbered(values: list[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        number, _, rest = value.partition(" ")
        if is_number(number, 127):
            yield number, rest.strip()


def _codec(kind: str, encoding: str, fmtp: str) -> Codec | None:
    name, _, rest = encoding.partition("/")
    rate, _, channels = rest.partition("/")
    if not is_number(rate, 1_000_000) or (channels and not is_number(channels, 255)):
        return None
    parameters = []
    for item in filter(None, (part.strip() for part in fmtp.split(";"))):
        key, equals, value = item.partition("=")
        parameters.append((key.strip(), value.strip()) if equals else ("", key))
    return Codec(name, kind, int(rate), int(channels or 1), tuple(parameters))


def extension_ids(media: Media) -> dict[str, int]:
    """Return header extension ids by URI; only ids 1 to 14, which fit the one-byte form."""
    found: dict[str, int] = {}
    for value in media.all("extmap"):
        number, _, rest = value.partition(" ")
        number = number.partition("/")[0]
        uri = rest.split(" ")[0]
        if is_number(number, 14) and int(number) and uri not in found:
            found[uri] = int(number)
    return found


@dataclass(frozen=True, slots=True)
class Sources:
    """SSRCs that an m-line announces, in order; `repairs` maps an RTX SSRC to the one it repairs."""

    ssrcs: tuple[int, ...] = ()
    repairs: dict[int, int] = field(default_factory=dict)


def sources(media: Media) -> Sources:
    """Return the announced SSRCs (RFC 5576): the primary ones, and what repairs them."""
    repairs: dict[int, int] = {}
    for value in media.all("ssrc-group"):
        parts = value.split()
        if len(parts) == 3 and parts[0] == "FID" and all(is_number(p, 0xFFFFFFFF) for p in parts[1:]):
            repairs[int(parts[2])] = int(parts[1])
    seen: dict[int, None] = {}
    for value in media.all("ssrc"):
        number = value.partition(" ")[0]
        if is_number(number, 0xFFFFFFFF):
            seen.setdefault(int(number))
    return Sources(tuple(ssrc for ssrc in seen if ssrc not in repairs), repairs)


MAX_RIDS = 4  # browsers send three


def simulcast_rids(media: Media) -> tuple[str, ...]:
    """Return the layers that an m-line offers to send, in its order; the first of alternatives, paused ones too."""
    offered = media.first("simulcast") or ""
    parts = offered.split()
    if "send" not in parts[:-1]:
        return ()
    streams = parts[parts.index("send") + 1].split(";")
    rids = [stream.split(",")[0].lstrip("~") for stream in streams][:MAX_RIDS]
    return tuple(rid for rid in rids if 0 < len(rid) <= 16 and rid.isalnum())


def fingerprints(description: Description) -> list[tuple[str, str]]:
    """Return (algorithm, value) of the first used section or the session; BadSdp without any."""
    for media in description.media:
        if not media.is_rejected and media.all("fingerprint"):
            return [_fingerprint(value) for value in media.all("fingerprint")]
    found = [_fingerprint(value) for key, value in description.attributes if key == "fingerprint"]
    if not found:
        raise BadSdp("no a=fingerprint")
    return found


def _fingerprint(value: str) -> tuple[str, str]:
    algorithm, _, digest = value.partition(" ")
    if not digest.strip() or len(digest) > 200:
        raise BadSdp("a=fingerprint")
    return algorithm.lower(), digest.strip().upper()


def write(attributes: list[Attribute], media: list[Media], origin: str) -> str:
    """Return the text of a description; `origin` is the o= value."""
    lines = ["v=0", f"o={origin}", "s=-", "t=0 0", *map(_attribute_line, attributes)]
    for section in media:
        lines.append(f"m={section.kind} {section.port} {section.protocol} {' '.join(section.formats)}")
        lines.append("c=IN IP4 0.0.0.0")
        lines += map(_attribute_line, section.attributes)
    return "\r\n".join(lines) + "\r\n"


def _attribute_line(attribute: Attribute) -> str:
    name, value = attribute
    return f"a={name}:{value}" if value else f"a={name}"
