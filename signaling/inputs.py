"""What the shell tells the consultation besides messages: arrivals, store results, relay results, devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from signaling.media.reports import RelayEvent, RoomSnapshot, Track
from signaling.messages import ChatLine, Reading, ResumePoint
from signaling.states import Role, Trigger, VisitState


@dataclass(frozen=True, slots=True)
class Practitioner:
    """Who claimed the visit."""

    seat: str
    """Their seat, taken or not yet."""
    display: str = field(repr=False, default="")
    registration_number: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class VisitView:
    """What the consultation needs of the stored visit."""

    id: str
    state: VisitState
    practitioner: Practitioner | None = None
    has_rung: bool = False
    """The practitioner rang in this claim."""
    at: str = ""
    """When it last changed: RFC 3339, UTC."""
    version: int = 0
    """Counts every change of the row."""
    recording_consent: bool = False
    """The patient agreed to a recording: the visit's newest answer."""


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What holds for the whole life of a room and comes from settings."""

    emergency_number: str = ""
    emergency_text: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An authenticated page takes its seat."""

    seat: str
    role: Role
    display: str = field(repr=False)
    fresh_key: str = field(repr=False)
    """The resume key to use when this turns out to be a new page; drawn by the shell."""
    resume: ResumePoint | None = None
    re: str | None = None
    """The hello's id."""
    ice_servers: tuple[Mapping[str, object], ...] = field(repr=False, default=())
    """RTCIceServer objects with credentials of this moment."""
    ice_ttl_s: int = 0
    """How long they hold; 0: for ever."""


# Store results


@dataclass(frozen=True, slots=True)
class Stored:
    """The transition is in the database."""

    view: VisitView
    at: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The database is away; the shell keeps the transition and stores it later, in order."""

    trigger: Trigger
    at: str


@dataclass(frozen=True, slots=True)
class NotStored:
    """The transition, chat message or reading is given up; nothing of it is kept."""

    trigger: Trigger | None
    because: str
    key: str | None = None
    """Of the chat message or reading."""
    seat: str | None = None
    is_reading: bool = False


@dataclass(frozen=True, slots=True)
class VisitChanged:
    """The visit was changed elsewhere (HTTP, another node): this is what the database says now."""

    view: VisitView


@dataclass(frozen=True, slots=True)
class ChatStored:
    """A chat message has its number."""

    line: ChatLine


@dataclass(frozen=True, slots=True)
class ReadingStored:
    """A reading has its number."""

    reading: Reading


StoreResult = Stored | Deferred | NotStored | VisitChanged | ChatStored | ReadingStored


# Relay results


@dataclass(frozen=True, slots=True)
class LinkAnswered:
    """The relay answered a publish, or a WHEP offer."""

    link: str
    generation: int
    sdp: str = field(repr=False)
    tracks: tuple[Track, ...]
    re: str | None = None


@dataclass(frozen=True, slots=True)
class LinkOffered:
    """The relay answered a subscribe with its offer."""

    link: str
    generation: int
    sdp: str = field(repr=False)
    tracks: tuple[Track, ...]
    re: str | None = None


@dataclass(frozen=True, slots=True)
class LinkTook:
    """The relay took the client's answer or wishes."""

    link: str
    re: str | None = None


@dataclass(frozen=True, slots=True)
class LinkRefused:
    """The relay refused, or is away (code relay_lost)."""

    link: str
    code: str
    detail: str
    re: str | None = None


@dataclass(frozen=True, slots=True)
class RelayGone:
    """The relay that held the room is lost: its media is over."""

    room: str


@dataclass(frozen=True, slots=True)
class RelayMoved:
    """The room's relay is told to stop: another one has the room from now on, and no link yet."""

    room: str


@dataclass(frozen=True, slots=True)
class RelayBack:
    """Web has the room's relay again; `links` is what the relay still has of the room."""

    room: str
    links: RoomSnapshot


# The recorder's words


@dataclass(frozen=True, slots=True)
class ConsentStored:
    """A word about the recording is kept."""

    seat: str
    given: bool


@dataclass(frozen=True, slots=True)
class RecorderReady:
    """The recorder runs and its row is stored: RecordMedia may come."""


@dataclass(frozen=True, slots=True)
class RecorderGap:
    """The recorder gets nothing from the relay, or again something."""

    is_gap: bool


@dataclass(frozen=True, slots=True)
class RecorderFailed:
    """There is no recorder (any more); what it wrote is kept."""


RecordingInput = ConsentStored | RecorderReady | RecorderGap | RecorderFailed
RelayInput = LinkAnswered | LinkOffered | LinkTook | LinkRefused | RelayGone | RelayBack | RelayMoved | RelayEvent


# Devices (WHIP, WHEP): the shell holds their HTTP request open until DeviceAnswered or DeviceRefused


@dataclass(frozen=True, slots=True)
class DeviceOffer:
    """A device wants to publish (whip) or to receive (whep)."""

    kind: Literal["whip", "whep"]
    link: str
    """Drawn by the shell; the same again is an ICE restart or renegotiation."""
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceLeft:
    """A device deleted its resource."""

    link: str


DeviceInput = DeviceOffer | DeviceLeft
