"""What people write or measure in a consultation: told to everyone once it is stored, each entry once."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from signaling import effects as e
from signaling import messages as m
from signaling.errors import NotAllowed, TryAgain
from signaling.inputs import ChatStored, NotStored, ReadingStored
from signaling.seats import Seat, Seats
from signaling.states import Role

HISTORY = 100  # what a page that comes back is shown; older lines are in the record
# More than a room of 16 can write while the database restarts; beyond it the sender keeps the text and is told.
MAX_UNSTORED = 64
# Whoever has the patient before them, and the practitioner who writes down what the patient reads out.
MEASURES = frozenset({Role.PATIENT, Role.CAREGIVER, Role.DOCTOR})

Entry = TypeVar("Entry", m.ChatLine, m.Reading)


@dataclass(frozen=True, slots=True)
class _Unstored:
    seat: str
    re: str | None
    seq: int


class Kept(Generic[Entry]):
    """Entries under way to the store, and the last ones that are there."""

    def __init__(self, seats: Seats, history: Iterable[Entry]) -> None:
        self._seats = seats
        self._entries: deque[Entry] = deque(history, maxlen=HISTORY)
        self._unstored: dict[tuple[str, str], _Unstored] = {}

    @property
    def history(self) -> tuple[Entry, ...]:
        """The last stored entries, oldest first."""
        return tuple(self._entries)

    def keep(self, seat: Seat, store: e.StoreChat | e.StoreReading, envelope: m.ClientEnvelope) -> list[e.Effect]:
        """Take an entry to be stored; one that is already stored is told to its sender again."""
        known = next((entry for entry in self._entries if (entry.seat, entry.key) == (seat.id, store.key)), None)
        if known is not None:
            return self._seats.tell(seat, _told(known), envelope.id)
        if len(self._unstored) >= MAX_UNSTORED:
            raise TryAgain("the database is away and too many messages wait")
        before = self._unstored.get((seat.id, store.key))
        self._unstored[seat.id, store.key] = _Unstored(seat.id, envelope.id, envelope.seq)
        seat.received.wait_for(envelope.seq)
        if before is None:
            return [store]
        seat.received.settle(before.seq)  # sent twice: the later one holds the acknowledgement for both
        return []

    def stored(self, entry: Entry) -> list[e.Effect]:
        """Tell everyone, the sender with the id that it asked under."""
        asked = self._unstored.pop((entry.seat, entry.key), None)
        if asked is None and any((one.seat, one.key) == (entry.seat, entry.key) for one in self._entries):
            return []  # it came by HTTP too, from a page that was closed: everyone has it
        self._entries.append(entry)
        effects: list[e.Effect] = []
        for seat in self._seats:
            is_sender = asked is not None and seat.id == asked.seat
            if is_sender and asked is not None:
                seat.received.settle(asked.seq)
            effects += self._seats.tell(seat, _told(entry), asked.re if asked and is_sender else None)
        return effects

    def not_stored(self, result: NotStored) -> list[e.Effect]:
        """Tell the sender that the entry is not kept, so that the page sends it again; nothing, if it is not ours."""
        asked = self._unstored.pop((result.seat or "", result.key or ""), None)
        if asked is None or asked.seat not in self._seats:
            return []
        refusal = TryAgain(result.because)
        seat = self._seats[asked.seat]
        seat.received.settle(asked.seq)
        return self._seats.tell(seat, m.Failure(refusal.code, refusal.detail), asked.re)


class Chat:
    """The chat and the readings of a consultation."""

    def __init__(self, seats: Seats, history: Iterable[m.ChatLine | m.Reading] = ()) -> None:
        entries = tuple(history)
        self._lines = Kept(seats, [entry for entry in entries if isinstance(entry, m.ChatLine)])
        self._readings = Kept(seats, [entry for entry in entries if isinstance(entry, m.Reading)])

    @property
    def lines(self) -> tuple[m.ChatLine, ...]:
        """The last chat lines."""
        return self._lines.history

    @property
    def readings(self) -> tuple[m.Reading, ...]:
        """The last readings."""
        return self._readings.history

    def receive(self, seat: Seat, message: m.ChatText | m.Vitals, envelope: m.ClientEnvelope) -> list[e.Effect]:
        """Take what a seat wrote or measured. Raises NotAllowed, TryAgain."""
        role = seat.role.value
        match message:
            case m.ChatText(text, key):
                return self._lines.keep(seat, e.StoreChat(seat.id, role, text, key), envelope)
            case m.Vitals(values, key):
                if seat.role not in MEASURES:
                    raise NotAllowed("vitals")
                return self._readings.keep(seat, e.StoreReading(seat.id, role, values, key), envelope)

    def receive_store(self, result: ChatStored | ReadingStored | NotStored) -> list[e.Effect]:
        """Take the store's word."""
        match result:
            case ChatStored(line):
                return self._lines.stored(line)
            case ReadingStored(reading):
                return self._readings.stored(reading)
            case NotStored():
                kept = self._readings if result.is_reading else self._lines
                return kept.not_stored(result)


def _told(entry: m.ChatLine | m.Reading) -> m.ServerMessage:
    return m.ChatMessage(entry) if isinstance(entry, m.ChatLine) else m.VitalsMessage(entry)
