"""The seats of a consultation: who they are, whether they are there, what was sent to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from signaling import messages as m
from signaling.clocks import RECONNECTING_S
from signaling.effects import Effect, Send
from signaling.errors import NotAllowed, RoomFull
from signaling.inputs import Arrival
from signaling.journal import Journal, Received
from signaling.links import Link
from signaling.states import PRESENCE_TRANSITIONS, Presence, PresenceTrigger, Role

# A case conference has about eight people; twice that. Each costs a journal of 256 messages at most.
MAX_SEATS = 16


@dataclass(slots=True)
class Seat:
    """One place in the consultation."""

    id: str
    role: Role
    display: str = field(repr=False, default="")
    key: str = field(repr=False, default="")
    """The resume key of the page that holds the seat."""
    is_connected: bool = False
    """A socket is open."""
    presence: Presence = Presence.AWAY
    lost_at: float | None = None
    """Since when neither socket nor media is there; None while one is."""
    journal: Journal = field(default_factory=Journal)
    received: Received = field(default_factory=Received)
    muted: set[str] = field(default_factory=set)
    sources: tuple[str, ...] = ()
    links: dict[str, Link] = field(default_factory=dict)
    """`up` and `down`; a device has one under its own link id."""
    links_made: int = 0
    public_key: str | None = None
    """Of the page that holds the seat, when it can encrypt end to end."""

    @property
    def is_reachable(self) -> bool:
        """A socket, or media that flows."""
        return self.is_connected or any(link.is_flowing for link in self.links.values())

    def view(self) -> m.SeatView:
        """Return the seat as the others see it."""
        return m.SeatView(
            self.id, self.role, self.display, self.presence, tuple(sorted(self.muted)), tuple(sorted(self.sources)),
            self.public_key,
        )  # fmt: skip

    def move(self, trigger: PresenceTrigger) -> bool:
        """Take the trigger if the table has it in this state; tell whether it changed the presence."""
        target = PRESENCE_TRANSITIONS[self.presence].get(trigger)
        if target is None:
            return False
        self.presence = target
        return True

    def note_reach(self, now: float) -> bool:
        """Bring presence in line with socket and media; tell whether it changed."""
        if self.is_reachable:
            self.lost_at = None
            return self.move(PresenceTrigger.LOSE if self._is_shaky() else PresenceTrigger.ARRIVE)
        if self.lost_at is None:
            self.lost_at = now
        return self.move(PresenceTrigger.LOSE)

    def _is_shaky(self) -> bool:
        return any(link.is_broken for link in self.links.values()) and not any(
            link.is_flowing for link in self.links.values()
        )

    def give_up_at(self) -> float | None:
        """Return when the seat counts as away; None while it does not run."""
        if self.lost_at is None or self.presence is not Presence.RECONNECTING:
            return None
        return self.lost_at + RECONNECTING_S


class Seats:
    """All seats of one consultation."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._removed: set[str] = set()
        self.is_changed = False
        """Someone came, went, muted: `seats` is due."""

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats.values())

    def __getitem__(self, seat: str) -> Seat:
        return self._seats[seat]

    def __contains__(self, seat: object) -> bool:
        return seat in self._seats

    def take(self, arrival: Arrival) -> tuple[Seat, bool]:
        """
        Return the seat of an arriving page, and whether the page is one that the seat knows.

        A page is known when its resume key is the seat's, or when the seat has none: then the server lost its
        memory, not the page.

        Raises:
            RoomFull, NotAllowed: no seat is left, or the practitioner removed this one.
        """
        if arrival.seat in self._removed:
            raise NotAllowed("come back: the practitioner removed it")
        seat = self._seats.get(arrival.seat)
        if seat is None:
            if sum(seat.role is not Role.DEVICE for seat in self) >= MAX_SEATS:
                raise RoomFull
            seat = self._seats[arrival.seat] = Seat(arrival.seat, arrival.role)
        is_same_page = arrival.resume is not None and seat.key in ("", arrival.resume.key)
        seat.display, seat.role = arrival.display, arrival.role
        if not is_same_page:
            seat.journal, seat.received, seat.public_key = Journal(), Received(), None
        if arrival.resume is None or arrival.resume.key != seat.key:
            seat.key = arrival.fresh_key
        return seat, is_same_page

    def add_device(self, seat: Seat) -> None:
        """Add a device's seat; devices are bounded by the relay's links."""
        self._seats.setdefault(seat.id, seat)
        self.is_changed = True

    def drop(self, seat: str, *, for_good: bool = False) -> None:
        """Forget a seat; for good: it cannot be taken again."""
        self._seats.pop(seat, None)
        if for_good:
            self._removed.add(seat)
        self.is_changed = True

    def tell(self, seat: Seat, message: m.ServerMessage, re: str | None = None) -> list[Effect]:
        """Return the effects that send a message: kept in the journal, sent when a socket is there."""
        if seat.role is Role.DEVICE:
            return []
        envelope = seat.journal.number(message, re)
        return [self.send(seat, envelope)] if seat.is_connected else []

    def send(self, seat: Seat, envelope: m.ServerEnvelope) -> Send:
        """Return the effect that sends an envelope with what is acknowledged by now."""
        return Send(seat.id, replace(envelope, ack=seat.received.ack))

    def tell_all(self, message: m.ServerMessage, among: Iterable[Seat] | None = None) -> list[Effect]:
        """Return the effects that send a message to every seat, or to those named."""
        seats = list(self) if among is None else among
        return [effect for seat in seats for effect in self.tell(seat, message)]

    def views(self) -> tuple[m.SeatView, ...]:
        """Return every seat as the others see it."""
        return tuple(seat.view() for seat in self)
