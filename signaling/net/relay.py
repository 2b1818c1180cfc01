"""What web asks of the relay: publish, subscribe, answer, mute, close. Each call returns at once."""

import time
from collections.abc import Sequence

from signaling.media import negotiation, sdp
from signaling.media.downlink import DownLink
from signaling.media.errors import BadRequest, BadSdp, NoSuchLink, NoSuchRoom
from signaling.media.reports import Answered, LayerWish, Offered, TracksChanged
from signaling.net.link import Link, LinkName
from signaling.net.registry import Registry, track_of
from signaling.net.room import DownLinkState, UpLink


class Relay:
    """The requests of the control channel, on one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def publish(self, name: LinkName, text: str, sources: dict[str, str], *, role: str = "") -> Answered:
        """
        Answer a client's offer on its up link; the same link again renegotiates or restarts ICE.

        `role` is the seat's: what it may send over a data channel; without one, nothing.
        """
        offer = sdp.parse(text)
        ufrag, prints = negotiation.peer_ufrag(offer), sdp.fingerprints(offer)
        is_client = negotiation.peer_setup(offer) == "passive"
        registry = self._registry
        room = registry.room(name.room)
        up = room.ups.get(name.link)
        if up is not None and not up.link.is_same_peer(prints):
            registry.drop_link(room, name.link)  # another page under the same link id: it begins anew
            up = None
        if up is None:
            up = UpLink(registry.new_link(room, name, time.monotonic()), ufrag)
        elif ufrag != up.remote_ufrag:
            self._restart(up.link)
        try:
            answer, taken = negotiation.answer_publisher(offer, up.link.terms())
        except BadSdp:
            if name.link not in room.ups:
                registry.forget(up.link)
            raise
        up.remote_ufrag = ufrag
        up.link.ice.learn_remote(ufrag, negotiation.peer_password(offer))
        room.ups[name.link] = up
        up.role = role
        up.link.set_peer(prints, is_client=is_client, data_port=negotiation.data_port(offer))
        room.take_publications(up, taken, sources)
        tracks = tuple(p.track() for p in up.publications.values())
        registry.tell(TracksChanged(name.room, name.seat, tracks))
        registry.offer_all(room)
        return Answered(answer, tracks)

    def subscribe(self, name: LinkName, *, restart: bool) -> Offered:
        """Return an offer for a down link; a new one each time, which supersedes the open one."""
        room = self._registry.room(name.room)
        down = room.downs.get(name.link)
        if down is None:
            down = DownLinkState(self._registry.new_link(room, name, time.monotonic()), DownLink())
            room.downs[name.link] = down
        elif restart:
            self._restart(down.link)
        offers = self._offers(down)
        offers.set_tracks(room.outgoing(down))
        text = offers.offer(down.link.terms())
        return Offered(name.link, offers.generation, text, offers.tracks())

    def answer(self, room_name: str, link_id: str, generation: int, text: str) -> None:
        """Take the client's answer to the open offer of a down link; offers again when tracks changed meanwhile."""
        room, down = self._registry.down(room_name, link_id)
        offers = self._offers(down)
        answer = offers.parse_answer(text, generation)
        prints = sdp.fingerprints(answer)
        if not down.link.is_same_peer(prints):
            raise BadSdp("another certificate than before: subscribe with a new link id")
        down.link.ice.learn_remote(negotiation.peer_ufrag(answer), negotiation.peer_password(answer))
        down.link.set_peer(prints, is_client=negotiation.peer_setup(answer) == "passive")
        fresh = room.take_subscriptions(down, offers.take_answer(answer))
        self._registry.reporter.want_keyframes(room, down, fresh, time.monotonic())
        self._registry.offer(room, down)

    def subscribe_offer(self, name: LinkName, text: str) -> Answered:
        """Answer a recvonly offer (WHEP); the same link id again replaces the link."""
        offer = sdp.parse(text)
        prints, is_client = sdp.fingerprints(offer), negotiation.peer_setup(offer) == "passive"
        ufrag, password = negotiation.peer_ufrag(offer), negotiation.peer_password(offer)
        registry = self._registry
        room = registry.room(name.room)
        registry.drop_link(room, name.link)
        down = DownLinkState(registry.new_link(room, name, time.monotonic()), None)
        try:
            tracks = room.outgoing(down)
            answer, sent, free = negotiation.answer_subscriber(offer, down.link.terms(), tracks)
            down.free = list(free)
        except BadSdp:
            registry.forget(down.link)
            raise
        room.downs[name.link] = down
        down.link.ice.learn_remote(ufrag, password)
        down.link.set_peer(prints, is_client=is_client)
        fresh = room.take_subscriptions(down, sent)
        registry.reporter.want_keyframes(room, down, fresh, time.monotonic())
        return Answered(answer, tuple(track_of(s) for s in sent))

    def set_muted(self, room_name: str, seat: str, source: str, muted: bool) -> None:
        """Stop or resume a seat's source; its subscribers get a key frame when it comes back."""
        room = self._registry.existing_room(room_name)
        room.set_muted(seat, source, muted)
        for publication in room.publications():
            for layer in publication.layers.values() if publication.key == (seat, source) and not muted else ():
                self._registry.reporter.want_keyframe(layer, time.monotonic())

    def set_layers(self, room_name: str, link_id: str, wishes: Sequence[LayerWish], network: str = "") -> None:
        """Pause, resume and size the tracks of a down link by its word; the ladder follows within 250 ms."""
        room, down = self._registry.down(room_name, link_id)
        down.network = network or down.network
        by_mid, now = {wish.mid: wish for wish in wishes}, time.monotonic()
        resumed = set()
        for key, subscription in down.subscriptions.items():
            wish = by_mid.get(subscription.sent.mid)
            if wish is not None:
                subscription.is_paused, subscription.max_height = wish.paused, wish.max_height
                if room.wiring.follow_wish(subscription, now):
                    resumed.add(key)
        self._registry.reporter.want_keyframes(room, down, resumed, now)

    def record(self, room_name: str, channel: str) -> None:
        """Hand a room's media to the recorder of this channel too; an empty name ends that."""
        room = self._registry.existing_room(room_name)
        if channel:
            self._registry.taps.open(room, channel, time.monotonic())
        else:
            self._registry.taps.close(room_name)

    def close_link(self, room_name: str, link_id: str) -> None:
        """End one link."""
        room = self._registry.existing_room(room_name)
        if link_id not in room.ups and link_id not in room.downs:
            raise NoSuchLink(link_id)
        self._registry.drop_link(room, link_id)

    def close_room(self, room_name: str) -> None:
        """End a room; none of that name is no error, so that web may say it twice."""
        room = self._registry.rooms.get(room_name)
        if room is not None:
            self._registry.drop_room(room)

    def check_fragment(self, room_name: str, link_id: str, fragment: str) -> None:
        """Take a trickled fragment: ICE-lite learns addresses from checks, so only its size and link are checked."""
        room = self._registry.rooms.get(room_name)
        if room is None:
            raise NoSuchRoom(room_name)
        if link_id not in room.ups and link_id not in room.downs:
            raise NoSuchLink(link_id)
        sdp.check_size(fragment)

    def _restart(self, link: Link) -> None:
        link.restart_ice(time.monotonic())
        self._registry.learn_ufrags(link)

    @staticmethod
    def _offers(down: DownLinkState) -> DownLink:
        if down.offers is None:
            raise BadRequest("this link was made by the client's own offer (WHEP)")
        return down.offers
