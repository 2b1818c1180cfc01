"""Every media link of a consultation: made, found, given back after a restart of web, ended (README "Media")."""

from signaling import effects as e
from signaling import messages as m
from signaling.errors import RelayRefused
from signaling.links import Link, link_id
from signaling.media import reports
from signaling.seats import Seat, Seats
from signaling.states import MediaLinkState, Role


class RoomLinks:
    """Whose links there are, as far as this process and the relay know."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._orphans: dict[str, reports.LinkSnapshot] = {}  # links of seats that have not come back yet
        self._known: set[str] = set()  # every link id that an earlier web process gave out

    @property
    def is_empty(self) -> bool:
        """The relay has no link of this visit, as far as is known."""
        return not self._orphans and not any(seat.links for seat in self._seats)

    def find(self, link: str) -> tuple[Seat, Link] | None:
        """Return whose link it is."""
        return next(((seat, own) for seat in self._seats for own in seat.links.values() if own.id == link), None)

    def take(self, seat: Seat, direction: str) -> Link:
        """Return the seat's link in a direction, a new one when it has none that lives."""
        link = seat.links.get(direction)
        if link is None or link.state is MediaLinkState.CLOSED:
            link = seat.links[direction] = Link(self._fresh_id(seat, direction), direction)
        return link

    def existing(self, seat: Seat, direction: str) -> Link:
        """Return the seat's link in a direction. Raises RelayRefused when it has none."""
        link = seat.links.get(direction)
        if link is None:
            raise RelayRefused("no_such_link")
        return link

    def adopt(self, seat: Seat) -> None:
        """Give a page back the links that outlived the web process."""
        for orphan in self._orphans_of(seat):
            seat.links[orphan.direction] = _revived(orphan)
            if orphan.direction == "up":
                seat.sources = tuple(track.source for track in orphan.tracks)

    def abandon(self, seat: Seat) -> list[e.Effect]:
        """End every link of a seat: its page is gone for good."""
        ended = [link.id for link in seat.links.values()] + [orphan.link for orphan in self._orphans_of(seat)]
        seat.links.clear()
        if seat.sources:
            seat.sources, self._seats.is_changed = (), True
        return [e.RelayCloseLink(link) for link in ended]

    def close_room(self) -> list[e.Effect]:
        """End all media of the visit."""
        self._forget_links()
        self._orphans.clear()
        return [e.RelayCloseRoom()]

    def orphan_moved(self, event: reports.LinkState) -> None:
        """Forget a link that closed before its page came back for it."""
        if event.state == "closed":
            self._orphans.pop(event.link, None)

    def room_closed(self) -> None:
        """The relay ended the room by itself, a minute after its last link."""
        self._orphans.clear()
        self._forget_links()

    def lose_relay(self) -> list[e.Effect]:
        """The relay died: every page sets its links up anew."""
        affected = [seat for seat in self._seats if seat.links]
        self._forget_links()
        self._orphans.clear()
        return self._seats.tell_all(m.RelayLost(), affected)

    def restore(self, snapshot: reports.RoomSnapshot) -> list[e.Effect]:
        """Compare with what the relay still has: adopt strangers, and have lost links set up anew."""
        alive = {link.link: link for link in snapshot.links if link.state != "closed"}
        self._known.update(alive)
        affected = []
        for seat in self._seats:
            gone = [name for name, link in seat.links.items() if link.id not in alive and _was_up(link)]
            for name in gone:
                del seat.links[name]
            affected += [seat] if gone else []
        own = {link.id for seat in self._seats for link in seat.links.values()}
        self._orphans = {name: link for name, link in alive.items() if name not in own}
        for name in own & set(alive):
            self._retake(alive[name])
        return self._seats.tell_all(m.RelayLost(), affected)

    # Own

    def _fresh_id(self, seat: Seat, direction: str) -> str:
        while True:
            seat.links_made += 1
            name = link_id(seat.id, direction, seat.links_made)
            if name not in self._known:
                return name

    def _orphans_of(self, seat: Seat) -> list[reports.LinkSnapshot]:
        own = [link for link in self._orphans.values() if link.seat == seat.id]
        for link in own:
            del self._orphans[link.link]
        return own

    def _retake(self, snapshot: reports.LinkSnapshot) -> None:
        found = self.find(snapshot.link)
        if found is not None:
            found[1].state = MediaLinkState(snapshot.state)
            found[1].generation = max(found[1].generation, snapshot.generation)

    def _forget_links(self) -> None:
        for seat in list(self._seats):
            seat.links.clear()
            self._seats.is_changed |= bool(seat.sources)
            seat.sources = ()
            if seat.role is Role.DEVICE:
                self._seats.drop(seat.id)


def _revived(snapshot: reports.LinkSnapshot) -> Link:
    return Link(snapshot.link, snapshot.direction, MediaLinkState(snapshot.state), snapshot.generation)


def _was_up(link: Link) -> bool:
    """Tell whether the relay knew the link; one whose request is under way is not in a snapshot yet."""
    return link.state is not MediaLinkState.NEW
