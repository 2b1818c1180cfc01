"""The messages about media: links, layers, paths, quality. Part of messages.py, which is where they are known from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from signaling.media.reports import LayerWish, Track

Source = Literal["microphone", "camera", "screen", "second_camera", "device"]
SOURCES: tuple[Source, ...] = ("microphone", "camera", "screen", "second_camera", "device")


# Client to server


@dataclass(frozen=True, slots=True)
class Publish:
    """The client's offer on its up link. A higher generation replaces a lower one."""

    generation: int
    sdp: str = field(repr=False)
    sources: Mapping[str, Source]
    """mid -> what it carries."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Asks for the relay's offer on the down link; `restart` for an ICE restart of it."""

    restart: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The client's answer to the offer of this generation."""

    generation: int
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mute:
    """The sender stops or resumes one of its own sources; the relay stops it too."""

    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class Layers:
    """How large the sender shows each track of its down link."""

    wishes: tuple[LayerWish, ...]


@dataclass(frozen=True, slots=True)
class ClientQuality:
    """The client's own statistics; names to numbers."""

    stats: Mapping[str, float]
    network: str | None = None
    """Kind of network, as the browser names it: wifi, cellular, ethernet, …"""


@dataclass(frozen=True, slots=True)
class Network:
    """What carries the sender's media now, by kind: README "Messages". Told at the start and at each change."""

    candidate: str
    protocol: str
    network: str


# Server to client


@dataclass(frozen=True, slots=True)
class Published:
    """The relay's answer to publish."""

    generation: int
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """The relay's offer on the down link; answer it with the same generation."""

    generation: int
    sdp: str = field(repr=False)
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class RelayLost:
    """The media relay is gone: publish and subscribe anew, now or with back-off while refused."""


@dataclass(frozen=True, slots=True)
class RelayMoves:
    """The room moves to another relay: publish and subscribe anew, and keep the old links until the new ones play."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks; None after silence."""

    seat: str | None


@dataclass(frozen=True, slots=True)
class SeatQuality:
    """How well a seat hears and is heard."""

    seat: str
    score: float
    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MediaStopped:
    """A seat's source went silent, or sounds again, although its link lives."""

    seat: str
    source: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class LayerChanged:
    """What the receiver gets of a picture now: high, mid, low or audio_only."""

    rung: str
    cause: str
    seat: str = ""
    """Who publishes the picture."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class LayerSoon:
    """The receiver's line is too thin for a picture: this rung comes next; None when it has recovered."""

    rung: str | None
    seat: str
    source: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What of the receiver's own source anybody has use for: send these layers and no more."""

    source: str
    rids: tuple[str, ...]
    """Simulcast layers; "" for a source without; none when nobody watches."""
    max_bps: int
    """Ceiling of a voice; 0 is none."""


@dataclass(frozen=True, slots=True)
class PathChanged:
    """A seat's media came another way from some moment on; told to practitioners and the seat itself."""

    seat: str
    link: Literal["up", "down"]
    before: Network
    after: Network
    cause: str
    """restart, migration, rebinding."""
    gap_ms: float | None
    """Silence around the change; None when nothing was flowing."""
