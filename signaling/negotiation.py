"""The media of a consultation: whose turn it is to describe, which description is newest. README "Media"."""

from signaling import effects as e
from signaling import messages as m
from signaling.errors import RelayRefused, StaleGeneration
from signaling.inputs import LinkAnswered, LinkOffered, LinkRefused, LinkTook
from signaling.links import Link, link_id
from signaling.media import reports
from signaling.seats import Seat, Seats
from signaling.states import MediaLinkState, Role

# The relay has no such link or is gone itself: only a new link helps.
_LINK_IS_GONE = frozenset({"no_such_link", "no_such_room", "relay_lost"})


class Negotiation:
    """Who publishes and receives what, over which links."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._orphans: dict[str, reports.LinkSnapshot] = {}  # links of seats that have not come back yet
        self._known: set[str] = set()  # every link id that an earlier web process gave out
        self._is_held = False

    # What a page asks

    def publish(self, seat: Seat, message: m.Publish, re: str | None) -> list[e.Effect]:
        """Pass an offer on; a lower generation than the last is refused."""
        link = self._link(seat, "up")
        if message.generation < link.generation:
            raise StaleGeneration
        link.generation = message.generation
        return [e.RelayPublish(seat.id, link.id, message.generation, message.sdp, message.sources, re)]

    def subscribe(self, seat: Seat, message: m.Subscribe, re: str | None) -> list[e.Effect]:
        """Ask the relay for its offer."""
        return [e.RelaySubscribe(seat.id, self._link(seat, "down").id, message.restart, re)]

    def answer(self, seat: Seat, message: m.Answer, re: str | None) -> list[e.Effect]:
        """Pass an answer on; only to the newest offer."""
        link = self._existing(seat, "down")
        if message.generation != link.generation:
            raise StaleGeneration
        return [e.RelayAnswer(seat.id, link.id, message.generation, message.sdp, re)]

    def mute(self, seat: Seat, message: m.Mute) -> list[e.Effect]:
        """Stop or resume a source of the sender, at the relay too."""
        (seat.muted.add if message.muted else seat.muted.discard)(message.source)
        self._seats.is_changed = True
        if self._is_held or message.source not in seat.sources:
            return []  # a held room is silent anyway; an unpublished source is muted when it comes
        return [e.RelayMute(seat.id, message.source, message.muted)]

    def layers(self, seat: Seat, message: m.Layers, re: str | None) -> list[e.Effect]:
        """Pass on how large the sender shows what it receives."""
        return [e.RelayLayers(seat.id, self._existing(seat, "down").id, message.wishes, re)]

    # What happens to a whole seat or room

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

    def hold(self, is_held: bool) -> list[e.Effect]:
        """Silence everything that is published, or restore what its owner did not mute."""
        if is_held is self._is_held:
            return []
        self._is_held = is_held
        return [effect for seat in self._seats for effect in self._silenced(seat)]

    def close_room(self) -> list[e.Effect]:
        """End all media of the visit."""
        self._forget_links()
        self._orphans.clear()
        self._is_held = False
        return [e.RelayCloseRoom()]

    def lose_relay(self) -> list[e.Effect]:
        """The relay died: every page sets its links up anew."""
        affected = [seat for seat in self._seats if seat.links]
        self._forget_links()
        self._orphans.clear()
        return self._seats.tell_all(m.RelayLost(), affected)

    def find(self, link: str) -> tuple[Seat, Link] | None:
        """Return whose link it is."""
        return next(((seat, own) for seat in self._seats for own in seat.links.values() if own.id == link), None)

    # What the relay says

    def receive_result(self, result: LinkAnswered | LinkOffered | LinkTook | LinkRefused) -> list[e.Effect]:
        """Take the relay's answer to one of our effects; a link that was abandoned meanwhile is ignored."""
        found = self.find(result.link)
        if found is None:
            return []
        seat, link = found
        match result:
            case LinkAnswered():
                return self._published(seat, link, result)
            case LinkOffered():
                return self.offer(seat, link, result, result.re)
            case LinkTook():
                return self._seats.tell(seat, m.Done(), result.re) if result.re else []
            case LinkRefused():
                return self._refused(seat, link, result)

    def offer(
        self, seat: Seat, link: Link, offered: LinkOffered | reports.OfferReady, re: str | None = None
    ) -> list[e.Effect]:
        """Pass the relay's offer on, unless a newer one was."""
        if offered.generation < link.generation:
            return []
        link.generation = offered.generation
        _describe(link)
        return self._seats.tell(seat, m.Offer(offered.generation, offered.sdp, offered.tracks), re)

    def tracks_changed(self, event: reports.TracksChanged) -> list[e.Effect]:
        """Note what a seat publishes now; silence what it or a hold has muted."""
        if event.seat not in self._seats:
            return []
        seat = self._seats[event.seat]
        before, seat.sources = set(seat.sources), tuple(track.source for track in event.tracks)
        self._seats.is_changed |= set(seat.sources) != before
        return self._silenced(seat, set(seat.sources) - before)

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

    def _link(self, seat: Seat, direction: str) -> Link:
        link = seat.links.get(direction)
        if link is None or link.state is MediaLinkState.CLOSED:
            link = seat.links[direction] = Link(self._fresh_id(seat, direction), direction)
        return link

    def _fresh_id(self, seat: Seat, direction: str) -> str:
        while True:
            seat.links_made += 1
            name = link_id(seat.id, direction, seat.links_made)
            if name not in self._known:
                return name

    def _existing(self, seat: Seat, direction: str) -> Link:
        link = seat.links.get(direction)
        if link is None:
            raise RelayRefused("no_such_link")
        return link

    def _published(self, seat: Seat, link: Link, result: LinkAnswered) -> list[e.Effect]:
        _describe(link)
        if result.generation < link.generation:
            return []  # a newer offer is on its way to the relay; its answer follows
        told = self._seats.tell(seat, m.Published(result.generation, result.sdp), result.re)
        return told + self.tracks_changed(reports.TracksChanged("", seat.id, result.tracks))

    def _refused(self, seat: Seat, link: Link, result: LinkRefused) -> list[e.Effect]:
        if result.code in _LINK_IS_GONE:
            seat.links.pop(link.direction, None)
        if result.code == "stale_generation":
            return self._seats.tell(seat, m.Failure(StaleGeneration.code, StaleGeneration().detail), result.re)
        refusal = RelayRefused(result.code)
        return self._seats.tell(seat, m.Failure(refusal.code, refusal.detail), result.re)

    def _silenced(self, seat: Seat, sources: set[str] | None = None) -> list[e.Effect]:
        """Return the mutes that the relay needs for these sources; for a new source only when it is silent."""
        if sources is None:
            return [e.RelayMute(seat.id, s, self._is_held or s in seat.muted) for s in sorted(seat.sources)]
        return [e.RelayMute(seat.id, s, True) for s in sorted(sources) if self._is_held or s in seat.muted]

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


def _describe(link: Link) -> None:
    """The relay knows the link now; a connected one stays so through a renegotiation."""
    if link.state is MediaLinkState.NEW:
        link.move(MediaLinkState.CONNECTING)


def _was_up(link: Link) -> bool:
    """Tell whether the relay knew the link; one whose request is under way is not in a snapshot yet."""
    return link.state is not MediaLinkState.NEW
