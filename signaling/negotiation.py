"""The media of a consultation: whose turn it is to describe, which description is newest. README "Media"."""

from dataclasses import dataclass

from signaling import effects as e
from signaling import messages as m
from signaling.errors import RelayRefused, StaleGeneration
from signaling.inputs import LinkAnswered, LinkOffered, LinkRefused, LinkTook
from signaling.links import Link
from signaling.media import reports
from signaling.room_links import RoomLinks
from signaling.seats import Seat, Seats
from signaling.states import MediaLinkState

# The relay has no such link: only a new one helps. A relay that is away may still have it; what it has when it is back,
# or that it is gone, is told to the pages whose links are known here (room_links.py).
_LINK_IS_GONE = frozenset({"no_such_link", "no_such_room"})


@dataclass(frozen=True, slots=True)
class Media:
    """The media of one consultation: its links, and what is said over them."""

    links: RoomLinks
    negotiation: "Negotiation"


class Negotiation:
    """Who publishes and receives what, over which links."""

    def __init__(self, seats: Seats, links: RoomLinks) -> None:
        self._seats, self._links = seats, links
        self._is_held = False

    # What a page asks

    def publish(self, seat: Seat, message: m.Publish, re: str | None) -> list[e.Effect]:
        """Pass an offer on; a lower generation than the last is refused."""
        link = self._links.take(seat, "up")
        if message.generation < link.generation:
            raise StaleGeneration
        link.generation = message.generation
        role = seat.role.value
        return [e.RelayPublish(seat.id, link.id, message.generation, message.sdp, message.sources, re, role)]

    def subscribe(self, seat: Seat, message: m.Subscribe, re: str | None) -> list[e.Effect]:
        """Ask the relay for its offer."""
        return [e.RelaySubscribe(seat.id, self._links.take(seat, "down").id, message.restart, re)]

    def answer(self, seat: Seat, message: m.Answer, re: str | None) -> list[e.Effect]:
        """Pass an answer on; only to the newest offer."""
        link = self._links.existing(seat, "down")
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
        return [e.RelayLayers(seat.id, self._links.existing(seat, "down").id, message.wishes, re)]

    def network(self, seat: Seat, name: str | None) -> list[e.Effect]:
        """Pass on over which kind of network the sender receives, when it is another one."""
        link = seat.links.get("down")
        if link is None or not name or name == link.network or link.state is MediaLinkState.NEW:
            return []
        link.network = name
        return [e.RelayNetwork(link.id, name)]

    def hold(self, is_held: bool) -> list[e.Effect]:
        """Silence everything that is published, or restore what its owner did not mute."""
        if is_held is self._is_held:
            return []
        self._is_held = is_held
        return [effect for seat in self._seats for effect in self._silenced(seat)]

    # What the relay says

    def receive_result(self, result: LinkAnswered | LinkOffered | LinkTook | LinkRefused) -> list[e.Effect]:
        """Take the relay's answer to one of our effects; a link that was abandoned meanwhile is ignored."""
        found = self._links.find(result.link)
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
        """Pass the relay's offer on; when a newer one was, that answers the page, which waits for its `re`."""
        if offered.generation < link.generation:
            return self._seats.tell(seat, link.offer, re) if link.offer is not None and re is not None else []
        link.generation, link.offer = offered.generation, m.Offer(offered.generation, offered.sdp, offered.tracks)
        _describe(link)
        return self._seats.tell(seat, link.offer, re)

    def tracks_changed(self, event: reports.TracksChanged) -> list[e.Effect]:
        """Note what a seat publishes now; silence what it or a hold has muted."""
        if event.seat not in self._seats:
            return []
        seat = self._seats[event.seat]
        before, seat.sources = set(seat.sources), tuple(track.source for track in event.tracks)
        self._seats.is_changed |= set(seat.sources) != before
        return self._silenced(seat, set(seat.sources) - before)

    # Own

    def _published(self, seat: Seat, link: Link, result: LinkAnswered) -> list[e.Effect]:
        _describe(link)
        if result.generation < link.generation:
            return []  # a newer offer is on its way to the relay; its answer follows
        told = self._seats.tell(seat, m.Published(result.generation, result.sdp), result.re)
        return told + self.tracks_changed(reports.TracksChanged("", seat.id, result.tracks))

    def _refused(self, seat: Seat, link: Link, result: LinkRefused) -> list[e.Effect]:
        never_made = link.state is MediaLinkState.NEW and result.code == "relay_lost"
        if never_made or result.code in _LINK_IS_GONE:
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


def _describe(link: Link) -> None:
    """The relay knows the link now; a connected one stays so through a renegotiation."""
    if link.state is MediaLinkState.NEW:
        link.move(MediaLinkState.CONNECTING)
