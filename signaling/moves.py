"""A room that moves to another relay: its pages set new links up there while the old ones play; then those end."""

from signaling import effects as e
from signaling import messages as m
from signaling.seats import Seat, Seats
from signaling.states import Role

# Once every new link stands, the pages take over within a second: they wait for a picture, which needs a key frame.
GRACE_S = 3.0
# A page that does not come along keeps the others' old links no longer than this; it then sets up anew.
MOST_S = 10.0


class Moves:
    """The move of one room, if one is under way."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._wanted: set[tuple[str, str]] = set()
        self._leave_at: float | None = None

    def begin(self, now: float) -> list[e.Effect]:
        """Have every page with media set it up at the new relay; devices begin anew when their old session ends."""
        affected: list[Seat] = []
        for seat in list(self._seats):
            if seat.role is Role.DEVICE:
                self._seats.drop(seat.id)
            elif seat.links:
                affected.append(seat)
                self._wanted |= {(seat.id, direction) for direction in seat.links}
                seat.links.clear()
                seat.sources = ()  # told again with the new link, with the mutes that the new relay needs
        self._leave_at = now + MOST_S
        return self._seats.tell_all(m.RelayMoves(), affected)

    def next_deadline(self) -> float | None:
        """Return when the old relay is left; None without a move."""
        return self._leave_at

    def handle_timer(self, now: float) -> list[e.Effect]:
        """Leave the old relay when every new link stands and the pages had time to take over."""
        if self._leave_at is None:
            return []
        if self._wanted and all(self._stands(*link) for link in self._wanted):
            self._wanted.clear()
            self._leave_at = min(self._leave_at, now + GRACE_S)
        if now < self._leave_at:
            return []
        self._wanted.clear()
        self._leave_at = None
        return [e.RelayLeave()]

    def _stands(self, seat: str, direction: str) -> bool:
        """Tell whether the link flows at the new relay; who is gone is not waited for."""
        if seat not in self._seats or not self._seats[seat].is_connected:
            return True
        link = self._seats[seat].links.get(direction)
        return link is not None and link.is_flowing
