"""What the relay tells: its answers, its events and its snapshot, as frozen values that cross the control channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from signaling.media.gaps import PathGaps

Kind = Literal["audio", "video"]
PathCause = Literal["restart", "migration", "rebinding"]
LinkStatus = Literal["connecting", "connected", "shaky", "lost", "closed"]


@dataclass(frozen=True, slots=True)
class Track:
    """One media stream of a seat, as it stands in a link's SDP."""

    mid: str
    """The m-line's identification in this link (RFC 9143); stable for the life of the link."""
    seat: str
    """Who publishes it."""
    kind: Kind
    source: str
    """microphone, camera, screen, second_camera or device."""


@dataclass(frozen=True, slots=True)
class LayerWish:
    """What a subscriber wants of one track on its down link."""

    mid: str
    max_height: int | None = None
    """Pixels of the tile that shows it; None is no limit."""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The relay's answer to a client's offer."""

    sdp: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The relay's offer on a down link; the client's answer goes to `answer` with the same generation."""

    link: str
    generation: int
    sdp: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link's life: connecting, connected, shaky (nothing valid for 5 s), lost (for 30 s, RFC 7675), closed."""

    room: str
    link: str
    seat: str
    state: LinkStatus


@dataclass(frozen=True, slots=True)
class OfferReady:
    """The tracks of a down link changed (or ICE restarts): send this offer to the seat's client."""

    room: str
    seat: str
    link: str
    generation: int
    sdp: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class TracksChanged:
    """The tracks that a seat publishes now."""

    room: str
    seat: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class MediaStopped:
    """No packet of a seat's track for 10 s although its link lives (or again one: `stopped` false)."""

    room: str
    seat: str
    source: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one seat is heard and hears, every 5 s."""

    room: str
    seat: str
    score: float
    """E-model as MOS, 1.0 to 4.5 (ITU-T G.107)."""
    verdict: str
    """conversation, gait, skin_image or none: the best use that this line allows."""
    reasons: tuple[str, ...]
    loss: float
    """Share of packets lost, 0 to 1."""
    rtt_ms: float | None
    rate_bps: int
    """Media that the seat receives."""


@dataclass(frozen=True, slots=True)
class ActiveSpeaker:
    """Who speaks (loudest for a while); None after silence."""

    room: str
    seat: str | None


@dataclass(frozen=True, slots=True)
class PathChanged:
    """A link's packets took another way; addresses are never told, only what kind of change it was."""

    room: str
    link: str
    seat: str
    cause: PathCause
    """restart: new credentials; migration: a check nominated another path; rebinding: a NAT gave us a new address."""
    direction: Literal["up", "down"]
    gap_ms: float | None
    """Silence between the last authenticated packet before the change and the first one after it; None when nothing
    was flowing. Up: of what the seat publishes. Down: of its reports on what it gets, ten a second."""
    protocol: Literal["udp", "tcp"] = "udp"
    """Of the new path."""


@dataclass(frozen=True, slots=True)
class LayerChanged:
    """A subscriber gets another rung of the ladder for one picture: high, mid, low, audio_only (no picture)."""

    room: str
    seat: str
    link: str
    rung: str
    cause: str
    """line, wish (its own), last_n (too many faces) or start (the picture is back)."""
    of: str = ""
    """The seat that publishes the picture."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class LayerSoon:
    """A subscriber's line is too thin for a picture: this rung comes next, None when it recovered."""

    room: str
    seat: str
    rung: str | None
    of: str
    source: str


@dataclass(frozen=True, slots=True)
class SourceDemand:
    """What of a seat's source anybody has use for: its page sends these layers and no more."""

    room: str
    seat: str
    source: str
    rids: tuple[str, ...]
    """Of its simulcast layers; "" for a source without; none when nobody watches."""
    max_bps: int = 0
    """Ceiling of a voice; 0 is none."""


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """A room is gone: closed by web, or 60 s after its last link ended."""

    room: str


@dataclass(frozen=True, slots=True)
class RelayDraining:
    """The relay takes no new room and ends when the last one has gone, or after a minute; of no room."""

    room: str = ""


RelayEvent = (
    LinkState
    | OfferReady
    | TracksChanged
    | MediaStopped
    | Quality
    | ActiveSpeaker
    | PathChanged
    | LayerChanged
    | LayerSoon
    | SourceDemand
    | RoomClosed
    | RelayDraining
)


@dataclass(frozen=True, slots=True)
class LinkSnapshot:
    """One link as it is now."""

    link: str
    seat: str
    direction: Literal["up", "down"]
    state: LinkStatus
    generation: int
    tracks: tuple[Track, ...]
    packets_in: int
    packets_out: int


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    room: str
    links: tuple[LinkSnapshot, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that web needs after its restart, and /metrics always."""

    index: int
    draining: bool
    rooms: tuple[RoomSnapshot, ...]
    counters: Mapping[str, int] = field(default_factory=dict)
    """Monotonic totals: packets_in, packets_out, dropped_<cause>, nack_answered, keyframe_requests, …"""
    path_gaps: tuple[PathGaps, ...] = ()
    """Silence when a link took another way, by bucket of GAP_BUCKETS_S."""
    path_gap_ms: Mapping[str, float] = field(default_factory=dict)
    """up_p50, up_p95, up_p99, down_p50, … of the newest thousand."""
