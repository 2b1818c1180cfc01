"""The wire protocol's messages as frozen values: what a client may say, what the server says. See README "Messages"."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signaling.clocks import DropStep, UnansweredStep
from signaling.media_messages import SOURCES as SOURCES
from signaling.media_messages import Answer as Answer
from signaling.media_messages import ClientQuality as ClientQuality
from signaling.media_messages import Demand as Demand
from signaling.media_messages import LayerChanged as LayerChanged
from signaling.media_messages import Layers as Layers
from signaling.media_messages import LayerSoon as LayerSoon
from signaling.media_messages import MediaStopped as MediaStopped
from signaling.media_messages import Mute as Mute
from signaling.media_messages import Network as Network
from signaling.media_messages import Offer as Offer
from signaling.media_messages import PathChanged as PathChanged
from signaling.media_messages import Publish as Publish
from signaling.media_messages import Published as Published
from signaling.media_messages import RelayLost as RelayLost
from signaling.media_messages import RelayMoves as RelayMoves
from signaling.media_messages import SeatQuality as SeatQuality
from signaling.media_messages import Source as Source
from signaling.media_messages import Speaker as Speaker
from signaling.media_messages import Subscribe as Subscribe
from signaling.recording_messages import RECORD_ACTIONS as RECORD_ACTIONS
from signaling.recording_messages import Consent as Consent
from signaling.recording_messages import Record as Record
from signaling.recording_messages import Recording as Recording
from signaling.sealed_messages import Encrypt as Encrypt
from signaling.sealed_messages import EncryptionChanged as EncryptionChanged
from signaling.sealed_messages import Identify as Identify
from signaling.sealed_messages import KeySent as KeySent
from signaling.sealed_messages import SendKey as SendKey
from signaling.states import Presence, Role, VisitState
from signaling.written_messages import ChatLine as ChatLine
from signaling.written_messages import ChatMessage as ChatMessage
from signaling.written_messages import ChatText as ChatText
from signaling.written_messages import Reading as Reading
from signaling.written_messages import Vitals as Vitals
from signaling.written_messages import VitalsMessage as VitalsMessage

# Client to server


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a page that lost its socket wants to go on."""

    key: str
    """From the last welcome."""
    ack: int
    """The highest server `seq` that the page saw."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message on a socket."""

    ticket: str = field(repr=False)
    resume: ResumePoint | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Keeps the socket alive and carries `ack`."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The practitioner calls the patient."""


@dataclass(frozen=True, slots=True)
class Accept:
    """The patient takes the call."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The practitioner puts the call on hold: nobody is heard or seen."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The practitioner takes the call off hold."""


@dataclass(frozen=True, slots=True)
class End:
    """The practitioner ends the call. Only they can."""


@dataclass(frozen=True, slots=True)
class Escalate:
    """The practitioner's red button: the visit is an emergency until handed over."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The practitioner sends a seat out of the room (never the patient's)."""

    seat: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The sender leaves on purpose. Does not end a call that has begun."""


ClientMessage = (
    Hello
    | Ping
    | Publish
    | Subscribe
    | Answer
    | Mute
    | ChatText
    | Vitals
    | Layers
    | ClientQuality
    | Network
    | Ring
    | Accept
    | Hold
    | Resume
    | End
    | Escalate
    | Remove
    | Record
    | Consent
    | Leave
    | Identify
    | Encrypt
    | SendKey
)


@dataclass(frozen=True, slots=True)
class ClientEnvelope:
    """One parsed frame."""

    message: ClientMessage
    id: str | None
    """The reply's `re`."""
    seq: int
    """The client's count of its journalled messages; 0 for others."""
    ack: int
    """The highest server `seq` that the client saw."""


# Server to client


@dataclass(frozen=True, slots=True)
class SeatView:
    """One seat as the others see it."""

    seat: str
    role: Role
    display: str = field(repr=False)
    presence: Presence
    muted: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    public_key: str | None = None
    """Of a page that can encrypt end to end."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to hello: who you are and everything you need to draw the page."""

    seat: str
    role: Role
    resume_key: str = field(repr=False)
    resumed: bool
    """True: the missed messages follow. False: this is the whole state, forget what you knew."""
    visit: str
    state: VisitState
    seats: tuple[SeatView, ...]
    links: Mapping[str, str]
    """`up` and `down` -> state of your media link at the relay; a missing one must be set up anew."""
    ice_servers: tuple[Mapping[str, object], ...] = field(repr=False)
    ice_ttl_s: int
    """How long their credentials hold; 0: for ever."""
    chat: tuple[ChatLine, ...]
    """The last 100."""
    admitted: bool
    """Whether you may publish and subscribe now."""
    encrypted: bool = False
    """Whether this call is end-to-end encrypted."""
    vitals: tuple[Reading, ...] = ()
    """The last 100."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to ping."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a command that has no other answer (`re` names it)."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The visit moved."""

    state: VisitState
    at: str
    admitted: bool
    """Whether the receiver may publish and subscribe now."""


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    """Who is here now."""

    seats: tuple[SeatView, ...]


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The patient's honest place. Not journalled: the next one replaces it."""

    position: int
    ahead: int
    wait_min: tuple[int, int] | None
    """Minutes, low and high; None when nothing can be promised."""
    may_be_overtaken: bool = True
    full: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A practitioner took the visit."""

    display: str
    registration_number: str


@dataclass(frozen=True, slots=True)
class Released:
    """The practitioner let go, or was lost before the call: same place, keep waiting."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The practitioner calls; answer with accept."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A side is lost: which seat, and what to do now (README "Drop")."""

    seat: str
    role: Role
    step: DropStep
    since_s: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The patient does not answer the ring: what the practitioner should do now."""

    step: UnansweredStep


@dataclass(frozen=True, slots=True)
class Emergency:
    """Call this number; the text says what to do."""

    number: str
    text: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The server closes the socket next."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A message was refused; type `error` on the wire."""

    code: str
    detail: str


ServerMessage = (
    Welcome
    | Pong
    | Done
    | StateChanged
    | SeatsChanged
    | QueuePlace
    | Claimed
    | Released
    | Ringing
    | Published
    | Offer
    | RelayLost
    | RelayMoves
    | ChatMessage
    | VitalsMessage
    | Drop
    | Unanswered
    | Speaker
    | SeatQuality
    | MediaStopped
    | LayerChanged
    | LayerSoon
    | Demand
    | PathChanged
    | Recording
    | Emergency
    | EncryptionChanged
    | KeySent
    | Bye
    | Failure
)


@dataclass(frozen=True, slots=True)
class ServerEnvelope:
    """One message on its way to a client."""

    message: ServerMessage
    seq: int = 0
    """Journal number; 0 when not journalled."""
    ack: int = 0
    """The highest client `seq` that is done with: what it asked for is stored."""
    re: str | None = None
    """The id of the message that this answers."""
