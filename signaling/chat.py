"""The chat of a consultation: told to everyone once it is stored, each message once."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from signaling import effects as e
from signaling import messages as m
from signaling.errors import TryAgain
from signaling.inputs import ChatStored, NotStored
from signaling.seats import Seat, Seats

HISTORY = 100  # what a page that comes back is shown; older lines are in the record
# More than a room of 16 can write while the database restarts; beyond it the sender keeps the text and is told.
MAX_UNSTORED = 64


@dataclass(frozen=True, slots=True)
class _Unstored:
    seat: str
    re: str | None
    seq: int


class Chat:
    """Messages under way to the store, and the last ones that are there."""

    def __init__(self, seats: Seats, history: Iterable[m.ChatLine] = ()) -> None:
        self._seats = seats
        self._lines: deque[m.ChatLine] = deque(history, maxlen=HISTORY)
        self._unstored: dict[tuple[str, str], _Unstored] = {}

    @property
    def history(self) -> tuple[m.ChatLine, ...]:
        """The last stored lines, oldest first."""
        return tuple(self._lines)

    def receive(self, seat: Seat, message: m.ChatText, envelope: m.ClientEnvelope) -> list[e.Effect]:
        """Take a message to be stored; one that is already stored is told to its sender again."""
        known = next((line for line in self._lines if (line.seat, line.key) == (seat.id, message.key)), None)
        if known is not None:
            return self._seats.tell(seat, m.ChatMessage(known), envelope.id)
        if len(self._unstored) >= MAX_UNSTORED:
            raise TryAgain("the database is away and too many messages wait")
        is_under_way = (seat.id, message.key) in self._unstored
        self._unstored[seat.id, message.key] = _Unstored(seat.id, envelope.id, envelope.seq)
        seat.received.wait_for(envelope.seq)
        return [] if is_under_way else [e.StoreChat(seat.id, seat.role.value, message.text, message.key)]

    def stored(self, result: ChatStored) -> list[e.Effect]:
        """Tell everyone, the sender with the id that it asked under."""
        line = result.line
        asked = self._unstored.pop((line.seat, line.key), None)
        self._lines.append(line)
        effects: list[e.Effect] = []
        for seat in self._seats:
            is_sender = asked is not None and seat.id == asked.seat
            if is_sender and asked is not None:
                seat.received.settle(asked.seq)
            effects += self._seats.tell(seat, m.ChatMessage(line), asked.re if asked and is_sender else None)
        return effects

    def not_stored(self, result: NotStored) -> list[e.Effect]:
        """Tell the sender that the message is not kept, so that the page sends it again."""
        asked = self._unstored.pop((result.seat or "", result.chat_key or ""), None)
        if asked is None or asked.seat not in self._seats:
            return []
        refusal = TryAgain(result.because)
        seat = self._seats[asked.seat]
        seat.received.settle(asked.seq)
        return self._seats.tell(seat, m.Failure(refusal.code, refusal.detail), asked.re)
