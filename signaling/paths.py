"""Changes of the network under a seat's media: the relay measures the silence, the page says what carries it now."""

from dataclasses import dataclass, replace

from signaling import effects as e
from signaling import messages as m
from signaling.clocks import earliest
from signaling.media import reports
from signaling.seats import Seat, Seats
from signaling.states import PRACTITIONER_SIDE

# After an ICE restart the page tells its path within a look (0.2 s) and a round trip; a page that is away never does.
WORD_WITHIN_S = 2.0
UNKNOWN = m.Network("unknown", "unknown", "unknown")


@dataclass(frozen=True, slots=True)
class _Move:
    """A change that the relay told, and the page not yet."""

    event: reports.PathChanged
    before: m.Network
    due: float


class Paths:
    """What carries each seat's media, and every change of it."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._known: dict[str, m.Network] = {}
        self._moves: list[_Move] = []

    def next_deadline(self) -> float | None:
        """Return when a change is told without the page's word; None when none waits."""
        return earliest(*(move.due for move in self._moves))

    def told(self, seat: Seat, network: m.Network) -> list[e.Effect]:
        """Take a page's word on what carries its media."""
        self._known[seat.id] = network
        return self._settle([move for move in self._moves if move.event.seat == seat.id])

    def moved(self, event: reports.PathChanged, now: float) -> list[e.Effect]:
        """Take the relay's word that a link's packets come another way."""
        if event.seat not in self._seats:
            return []
        # A NAT's change is none of the page's network: it has nothing new to tell.
        wait_s = WORD_WITHIN_S if event.cause == "restart" and event.seat in self._known else 0.0
        self._moves.append(_Move(event, self._known.get(event.seat, UNKNOWN), now + wait_s))
        return self.handle_timer(now)

    def handle_timer(self, now: float) -> list[e.Effect]:
        """Tell what has waited long enough."""
        return self._settle([move for move in self._moves if move.due <= now])

    def _settle(self, moves: list[_Move]) -> list[e.Effect]:
        self._moves = [move for move in self._moves if move not in moves]
        effects: list[e.Effect] = []
        for move in moves:
            event = move.event
            after = replace(self._known.get(event.seat, UNKNOWN), protocol=event.protocol)
            change = m.PathChanged(event.seat, event.direction, move.before, after, event.cause, event.gap_ms)
            told = [seat for seat in self._seats if seat.role in PRACTITIONER_SIDE or seat.id == event.seat]
            effects += [*self._seats.tell_all(change, told), e.StorePath(change)]
        return effects
