"""What the consultation asks its caller to do, in order. Effects are data; server/rooms.py carries them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signaling.fitness import LineRecord
from signaling.media.reports import LayerWish
from signaling.messages import PathChanged, ServerEnvelope
from signaling.states import Role, Trigger, VisitState


@dataclass(frozen=True, slots=True)
class Send:
    """Put one message into the seat's socket queue."""

    seat: str
    envelope: ServerEnvelope


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close the seat's socket after what is queued for it."""

    seat: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Transition:
    """
    Store a change of the visit, then tell `Stored`, `Deferred`, `NotStored` or, when it was stale, `VisitChanged`.

    Nothing is announced before. One is under way at a time.
    """

    trigger: Trigger
    before: VisitState
    after: VisitState
    actor: str
    """Seat id, or `system` for a clock."""
    cause: str
    """A stable word: command, lost, clock, rejoined, …"""
    may_wait: bool
    """False: refuse the command when the database is away; True: go on and store it later, in order."""


@dataclass(frozen=True, slots=True)
class StoreChat:
    """Store a chat message, then tell `ChatStored` or `NotStored`. Waits while the database is away."""

    seat: str
    role: str
    text: str = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True)
class StoreReading:
    """Store a reading, then tell `ReadingStored` or `NotStored`. Waits while the database is away."""

    seat: str
    role: str
    values: Mapping[str, float] = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True)
class StorePath:
    """Keep a change of path with the visit's events. Nothing is told back; while the database is away it is lost."""

    change: PathChanged


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Renew the practitioner's claim: their socket lives."""


@dataclass(frozen=True, slots=True)
class RelayPublish:
    """Ask the relay to answer this offer, then tell `LinkAnswered` or `LinkRefused`. `re` comes back with it."""

    seat: str
    link: str
    generation: int
    sdp: str = field(repr=False)
    sources: Mapping[str, str]
    re: str | None = None
    role: str = ""
    """Of the seat: what it may send over its data channel."""


@dataclass(frozen=True, slots=True)
class RelaySubscribe:
    """Ask the relay for an offer, then tell `LinkOffered` or `LinkRefused`."""

    seat: str
    link: str
    restart: bool
    re: str | None = None


@dataclass(frozen=True, slots=True)
class RelaySubscribeOffer:
    """Ask the relay to answer a recvonly offer (WHEP), then tell `LinkAnswered` or `LinkRefused`."""

    seat: str
    link: str
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """Hand the client's answer to the relay, then tell `LinkTook` or `LinkRefused`."""

    seat: str
    link: str
    generation: int
    sdp: str = field(repr=False)
    re: str | None = None


@dataclass(frozen=True, slots=True)
class RelayMute:
    """Stop or resume a seat's source at the relay."""

    seat: str
    source: str
    muted: bool


@dataclass(frozen=True, slots=True)
class RelayLayers:
    """Tell the relay how large a seat shows each track, then tell `LinkTook` or `LinkRefused`."""

    seat: str
    link: str
    wishes: tuple[LayerWish, ...]
    re: str | None = None


@dataclass(frozen=True, slots=True)
class RelayNetwork:
    """Tell the relay over which kind of network a link goes."""

    link: str
    network: str


@dataclass(frozen=True, slots=True)
class RelayCloseLink:
    """End one media link."""

    link: str


@dataclass(frozen=True, slots=True)
class RelayCloseRoom:
    """End all media of the visit."""


@dataclass(frozen=True, slots=True)
class RelayLeave:
    """End what the visit still has at the relay that it moved away from."""


@dataclass(frozen=True, slots=True)
class DeviceAnswered:
    """Answer a device's HTTP request with this description (WHIP, WHEP)."""

    link: str
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRefused:
    """Answer a device's HTTP request with this problem."""

    link: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class TellQueue:
    """Presence or state changed in a way that the staff's queue shows."""


@dataclass(frozen=True, slots=True)
class StoreLines:
    """Store what the call's lines were fit for. Waits while the database is away."""

    lines: tuple[LineRecord, ...]


@dataclass(frozen=True, slots=True)
class StoreConsent:
    """Store a word about the recording, then tell `ConsentStored` if it was a yes. Waits while the database is away."""

    seat: str
    role: Role
    given: bool
    text_version: str


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """Store that a recording begins and start its recorder, then tell `RecorderReady` or `RecorderFailed`."""

    actor: str


@dataclass(frozen=True, slots=True)
class RecordMedia:
    """Let the relay hand media to the recorder, or no more."""

    on: bool


@dataclass(frozen=True, slots=True)
class SealRecording:
    """End the recorder and store that the recording is over; one that wrote nothing is forgotten."""


RecordingEffect = StoreConsent | OpenRecording | RecordMedia | SealRecording
RelayEffect = (
    RelayPublish
    | RelaySubscribe
    | RelaySubscribeOffer
    | RelayAnswer
    | RelayMute
    | RelayLayers
    | RelayNetwork
    | RelayCloseLink
    | RelayCloseRoom
    | RelayLeave
)
StoreEffect = Transition | StoreChat | StoreReading | StorePath | RenewLease | StoreLines
Effect = Send | CloseSocket | StoreEffect | RelayEffect | DeviceAnswered | DeviceRefused | TellQueue | RecordingEffect
