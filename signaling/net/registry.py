"""The relay's rooms and links, how a check finds its link, what web is told, and when down links are offered anew."""

import asyncio
from collections import deque

from signaling.media.errors import Draining, NoSuchLink, NoSuchRoom, RoomFull
from signaling.media.gaps import GapLog
from signaling.media.negotiation import Sent
from signaling.media.reports import LinkState, OfferReady, RelayDraining, RelayEvent, RoomClosed, Track, TracksChanged
from signaling.net.link import Link, LinkName, Surroundings
from signaling.net.reporter import Reporter
from signaling.net.room import MAX_LINKS, DownLinkState, Room
from signaling.net.tap import Taps

MAX_ROOMS = 1000  # far above what one core carries; bounds memory against a web gone wrong
MAX_EVENTS = 4096  # told to nobody while web is away: the snapshot replaces them


class Outbox:
    """The events that web has not been sent yet; the oldest go when nobody takes them."""

    def __init__(self) -> None:
        self.is_filled = asyncio.Event()
        self._events: deque[RelayEvent] = deque(maxlen=MAX_EVENTS)

    def tell(self, event: RelayEvent) -> None:
        """Put an event in."""
        self._events.append(event)
        self.is_filled.set()

    def take(self) -> list[RelayEvent]:
        """Return the events since the last call, in order."""
        events = list(self._events)
        self._events.clear()
        self.is_filled.clear()
        return events


class Registry:
    """All rooms of one relay."""

    def __init__(self, around: Surroundings) -> None:
        self.rooms: dict[str, Room] = {}
        self.ufrags: dict[str, Link] = {}
        self.around = around
        self.reporter = Reporter(around.plane)
        self.gaps = GapLog()
        self.taps = Taps(around, self.reporter)
        self.is_draining = False
        self.outbox = Outbox()
        self.tell = self.outbox.tell

    def room(self, name: str) -> Room:
        """Return the room, made if it is new; Draining or RoomFull when it may not be."""
        room = self.rooms.get(name)
        if room is None:
            if self.is_draining:
                raise Draining("this relay takes no new rooms; use another one")
            if len(self.rooms) >= MAX_ROOMS:
                raise RoomFull(f"{MAX_ROOMS} rooms on this relay")
            room = self.rooms[name] = Room(name, self.around.plane)
        room.empty_since = None
        return room

    def existing_room(self, name: str) -> Room:
        if name not in self.rooms:
            raise NoSuchRoom(name)
        return self.rooms[name]

    def down(self, room_name: str, link_id: str) -> tuple[Room, DownLinkState]:
        """Return a subscribing link and its room."""
        room = self.existing_room(room_name)
        if link_id not in room.downs:
            raise NoSuchLink(link_id)
        return room, room.downs[link_id]

    def new_link(self, room: Room, name: LinkName, now: float) -> Link:
        """Make a link; RoomFull when the room has all it may have."""
        if len(room.ups) + len(room.downs) >= MAX_LINKS:
            raise RoomFull(f"{MAX_LINKS} links in this room")
        link = Link(name, self.around, now)
        self.learn_ufrags(link)
        return link

    def learn_ufrags(self, link: Link) -> None:
        """Route checks of all the link's generations to it, and of no older ones."""
        for ufrag in [ufrag for ufrag, other in self.ufrags.items() if other is link]:
            del self.ufrags[ufrag]
        for credentials in link.ice.credentials():
            self.ufrags[credentials.ufrag] = link

    def forget(self, link: Link) -> None:
        """Close a link that is in no room (any more)."""
        link.close()
        for ufrag in [ufrag for ufrag, other in self.ufrags.items() if other is link]:
            del self.ufrags[ufrag]

    def drop_link(self, room: Room, link_id: str) -> None:
        """End a link of a room; the others' down links are offered without its tracks."""
        published = link_id in room.ups
        link = room.close_link(link_id)
        if link is None:
            return
        self.forget(link)
        self.tell(LinkState(room.name, link_id, link.name.seat, "closed"))
        if published:
            left = tuple(p.track() for p in room.publications() if p.seat == link.name.seat)
            self.tell(TracksChanged(room.name, link.name.seat, left))
            self.offer_all(room)

    def drop_room(self, room: Room) -> None:
        for link in room.links():
            room.close_link(link.name.link)
            self.forget(link)
            self.tell(LinkState(room.name, link.name.link, link.name.seat, "closed"))
        self.taps.close(room.name)
        del self.rooms[room.name]
        self.tell(RoomClosed(room.name))

    def offer_all(self, room: Room) -> None:
        """Offer anew to every down link whose tracks changed; WHEP links take what fits their free m-lines."""
        for down in room.downs.values():
            self.offer(room, down)

    def offer(self, room: Room, down: DownLinkState) -> None:
        """Send an offer when the tracks changed and no offer is open; an open one's answer comes back here."""
        outgoing = room.outgoing(down)
        if down.offers is None:
            room.fill_free(down, outgoing)
            return
        down.offers.set_tracks(outgoing)
        if down.offers.is_dirty and not down.offers.is_open:
            text = down.offers.offer(down.link.terms())
            name, generation = down.link.name, down.offers.generation
            self.tell(OfferReady(name.room, name.seat, name.link, generation, text, down.offers.tracks()))


def drain(registry: Registry) -> None:
    """Take no new room from now on, and tell web, which moves the others."""
    if not registry.is_draining:
        registry.is_draining = True
        registry.tell(RelayDraining())


def track_of(sent: Sent) -> Track:
    """Return a subscribed track as web is told it."""
    outgoing = sent.outgoing
    return Track(sent.mid, outgoing.seat, outgoing.kind, outgoing.source)  # type: ignore[arg-type]  # audio or video
