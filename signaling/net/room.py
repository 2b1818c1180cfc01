"""One room: who publishes what, who gets it, and the wiring of the packet plane between them."""

import secrets
from dataclasses import dataclass, field

from signaling.media import codecs, frames, rtp
from signaling.media.downlink import DownLink
from signaling.media.exchange import Exchange
from signaling.media.negotiation import Outgoing, Received, Sent
from signaling.net.link import Link
from signaling.net.plane import Plane
from signaling.net.publication import Layer, Publication, Subscription, TrackKey
from signaling.net.records import Stream, StreamTerms
from signaling.net.wiring import Wiring

# 24 seats with an up and a down link, and some devices.
MAX_LINKS = 64
# SSRCs one link may bring: 8 m-lines with three layers and their repair streams.
MAX_SSRCS = 48


@dataclass(slots=True)
class UpLink:
    """A link that publishes."""

    link: Link
    remote_ufrag: str = ""
    role: str = ""
    """Of its seat, as web says: what it may send over its data channel."""
    publications: dict[str, Publication] = field(default_factory=dict)
    """By mid."""


@dataclass(slots=True)
class DownLinkState:
    """A link that subscribes; `offers` is None for WHEP, where the client offered."""

    link: Link
    offers: DownLink | None
    subscriptions: dict[TrackKey, Subscription] = field(default_factory=dict)
    free: list[Received] = field(default_factory=list)
    """M-lines of a WHEP offer that wait for a track."""
    outgoing: dict[TrackKey, Outgoing] = field(default_factory=dict)
    remb: tuple[float, float] = (0.0, 0.0)
    """Bit/s and when; 0 for none."""
    reported_at: float = 0.0
    """When the last receiver report came."""
    loss: float = 0.0
    """In it, 0 to 1."""
    network: str = ""
    """Kind of the client's network, as it told; empty until then."""


class Room:
    """The links of one consultation. Every seat's tracks go to every other seat."""

    def __init__(self, name: str, plane: Plane) -> None:
        self.name = name
        self.ups: dict[str, UpLink] = {}
        self.downs: dict[str, DownLinkState] = {}
        self.muted: set[TrackKey] = set()
        self.empty_since: float | None = None
        self.exchange = Exchange(secrets.token_hex(8))
        self.speakers: list[str] = []
        """Who spoke, latest first."""
        self.wiring = Wiring(plane)
        self._plane = plane

    def links(self) -> list[Link]:
        return [up.link for up in self.ups.values()] + [down.link for down in self.downs.values()]

    def publications(self) -> list[Publication]:
        return [p for up in self.ups.values() for p in up.publications.values()]

    # Publishing

    def take_publications(self, up: UpLink, taken: tuple[Received, ...], sources: dict[str, str]) -> None:
        """Make the link's publications those of its newest offer; sources that stay keep their stream."""
        now_there = {received.mid: received for received in taken}
        for mid in [mid for mid in up.publications if mid not in now_there]:
            self._end(up.publications.pop(mid))
        for mid, received in now_there.items():
            source = sources.get(mid) or {"audio": "microphone", "video": "camera"}[received.kind]
            old = up.publications.get(mid)
            if old is not None and (old.source, old.received.format) == (source, received.format):
                old.received = received
            else:
                if old is not None:
                    self._end(old)
                up.publications[mid] = Publication(up.link.name.seat, source, received, up.link)
            self._announce_streams(up.publications[mid])
        wide = next((r.extensions[codecs.TRANSPORT_CC] for r in taken if r.has_transport_cc), 0)
        up.link.peer.wide_id = wide

    def _announce_streams(self, publication: Publication) -> None:
        """Take the SSRCs that the SDP names; others (simulcast ones always) are learned from their first packet."""
        received, peer = publication.received, publication.link.peer
        for ssrc in received.ssrcs[:1] if not received.rids else ():
            if ssrc not in peer.streams:
                self._add_layer(publication, ssrc, "")
        for ssrc, repaired in received.repairs.items():
            if ssrc not in peer.streams and repaired in peer.streams:
                self._add_repair(publication, ssrc, "")

    def _add_layer(self, publication: Publication, ssrc: int, rid: str) -> Stream:
        """A publication's packets of this layer have this SSRC from now on: move its subscribers over."""
        received = publication.received
        codec = received.format.codec
        number = received.format.payload_type
        red = received.format.red or 0
        terms = StreamTerms(
            ssrc, received.kind, codec.name, codec.clock_rate, number, received.extensions, red_payload_type=red
        )
        old = publication.layers.get(rid)
        stream = self._plane.table.add_stream(publication.link.peer, terms)
        stream.is_muted = publication.key in self.muted
        publication.layers[rid] = Layer(rid, stream, publication)
        self._wire(publication)
        if old is not None:
            self._replace(old, publication.layers[rid])
        return stream

    def _replace(self, old: Layer, new: Layer) -> None:
        for down in self.downs.values():
            subscription = down.subscriptions.get(new.publication.key)
            output = subscription.output if subscription is not None else None
            if subscription is not None and output is not None and output.stream is old.stream:
                self.wiring.connect(down.link.peer, subscription, new.stream)
        self._plane.table.remove(old.stream)

    def _add_repair(self, publication: Publication, ssrc: int, rid: str) -> Stream | None:
        layer = publication.layers.get(rid)
        if layer is None:
            return None
        received = publication.received
        codec, number = received.format.codec, received.format.payload_type
        terms = StreamTerms(
            ssrc, received.kind, codec.name, codec.clock_rate, number, received.extensions, layer.stream
        )
        return self._plane.table.add_stream(publication.link.peer, terms)

    def learn_stream(self, up: UpLink, packet: bytes) -> Stream | None:
        """
        Return the stream that a packet of an unknown SSRC belongs to: by its mid and rid, else by its payload type.

        None when it fits nothing, or when the link already brought MAX_SSRCS: a peer can not fill our tables.
        """
        if len(up.link.peer.streams) >= MAX_SSRCS:
            return None
        try:
            header = rtp.parse_header(packet)
        except rtp.BadRtp:
            return None
        if header.ssrc in up.link.peer.streams:
            return up.link.peer.streams[header.ssrc]  # learned from an earlier packet of the same burst
        publication = self._publication_of(up, packet, header)
        if publication is None:
            return None
        received = publication.received
        is_repair = header.payload_type == received.format.rtx
        if not is_repair and header.payload_type not in (received.format.payload_type, received.format.red):
            return None
        rid = ""
        if received.rids:
            number = received.extensions.get(codecs.REPAIRED_RID if is_repair else codecs.RID, 0)
            rid = (rtp.find_extension(packet, header, number) or b"").decode("ascii", "replace") if number else ""
            if rid not in received.rids:
                return None
        if is_repair:
            return self._add_repair(publication, header.ssrc, rid)
        stream = self._add_layer(publication, header.ssrc, rid)
        payload = packet[header.payload_at : header.payload_end]
        publication.layers[rid].height = frames.picture_height(received.format.codec.name, payload)
        return stream

    @staticmethod
    def _publication_of(up: UpLink, packet: bytes, header: rtp.Header) -> Publication | None:
        for publication in up.publications.values():
            number = publication.received.extensions.get(codecs.MID, 0)
            mid = rtp.find_extension(packet, header, number) if number else None
            if mid is not None:
                return up.publications.get(mid.decode("ascii", "replace"))
        fitting = [
            p
            for p in up.publications.values()
            if header.payload_type in (p.received.format.payload_type, p.received.format.rtx, p.received.format.red)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _end(self, publication: Publication) -> None:
        for down in self.downs.values():
            subscription = down.subscriptions.pop(publication.key, None)
            if subscription is not None:
                self.wiring.disconnect(subscription)
        peer = publication.link.peer
        ended = [layer.stream for layer in publication.layers.values()]
        for stream in [s for s in peer.streams.values() if s in ended or s.repaired in ended]:
            self._plane.table.remove(stream)
        publication.layers.clear()

    # Subscribing

    def outgoing(self, down: DownLinkState) -> list[Outgoing]:
        """Return the tracks that this link should get; a track keeps its SSRCs as long as its format lasts."""
        wanted: dict[TrackKey, Outgoing] = {}
        for publication in self.publications():
            if publication.seat == down.link.name.seat:
                continue
            old = down.outgoing.get(publication.key)
            codec = publication.received.format.codec
            if old is not None and old.codec == codec:
                wanted[publication.key] = old
                continue
            ssrc, rtx = secrets.randbits(31) | 1, secrets.randbits(31) & ~1 or 2
            kind = publication.received.kind
            wanted[publication.key] = Outgoing(publication.seat, publication.source, kind, codec, ssrc, rtx)
        down.outgoing = wanted
        return list(wanted.values())

    def take_subscriptions(self, down: DownLinkState, sent: tuple[Sent, ...]) -> list[TrackKey]:
        """Make the link's subscriptions those that its description agreed on; return which are new."""
        agreed = {(s.outgoing.seat, s.outgoing.source): s for s in sent}
        for key in list(down.subscriptions):
            old = down.subscriptions[key]
            if agreed.get(key) != old.sent:
                self.wiring.disconnect(down.subscriptions.pop(key))
        fresh = [key for key in agreed if key not in down.subscriptions]
        for key in fresh:
            down.subscriptions[key] = Subscription(agreed[key])
        for publication in self.publications():
            self._wire(publication)
        return fresh

    def fill_free(self, down: DownLinkState, tracks: list[Outgoing]) -> None:
        """Send tracks on m-lines that a WHEP client left open: its answer named no SSRC, so the mid must tell."""
        sent = [subscription.sent for subscription in down.subscriptions.values()]
        there = {(s.outgoing.seat, s.outgoing.source) for s in sent}
        for track in tracks:
            free = next((f for f in down.free if codecs.is_same(track.codec, f.format.codec)), None)
            if (track.seat, track.source) not in there and free is not None:
                down.free.remove(free)
                sent.append(Sent(free.mid, track, free.format, free.extensions))
        alive = {(t.seat, t.source) for t in tracks}
        for gone in [s for s in sent if (s.outgoing.seat, s.outgoing.source) not in alive]:
            sent.remove(gone)
            empty = Received(gone.mid, gone.outgoing.kind, gone.format, gone.extensions, (), {})
            down.free.append(empty)
        self.take_subscriptions(down, tuple(sent))

    def _wire(self, publication: Publication) -> None:
        """Let a publication reach every subscriber that agreed to it; the ladder then chooses among its layers."""
        first = next(iter(publication.layers.values()), None)
        if first is None:
            return
        for down in self.downs.values():
            subscription = down.subscriptions.get(publication.key)
            if subscription is not None and subscription.output is None:
                self.wiring.connect(down.link.peer, subscription, first.stream)

    def set_muted(self, seat: str, source: str, muted: bool) -> None:
        """Stop or resume the forwarding of one source."""
        (self.muted.add if muted else self.muted.discard)((seat, source))
        for publication in self.publications():
            if publication.key == (seat, source):
                for layer in publication.layers.values():
                    layer.stream.is_muted = muted

    # Ending

    def close_link(self, link_id: str) -> Link | None:
        """End one link; returns it, None when there is none of that id."""
        up = self.ups.pop(link_id, None)
        if up is not None:
            for publication in list(up.publications.values()):
                self._end(publication)
            up.link.close()
            return up.link
        down = self.downs.pop(link_id, None)
        if down is not None:
            down.link.close()
            return down.link
        return None
