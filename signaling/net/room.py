"""One room: who publishes what, who gets it, and the wiring of the packet plane between them."""

import secrets
from dataclasses import dataclass, field

from signaling.media import codecs, rtp
from signaling.media.downlink import DownLink
from signaling.media.keyframe import KeyframeThrottle
from signaling.media.nack import NackList
from signaling.media.negotiation import Outgoing, Received, Sent
from signaling.media.reports import Track
from signaling.media.rtcp import ReportBlock, SenderReport
from signaling.net.link import Link
from signaling.net.plane import Plane
from signaling.net.records import Output, OutputTerms, Stream, StreamTerms

# 24 seats with an up and a down link, and some devices.
MAX_LINKS = 64
# SSRCs one link may bring: 8 m-lines with three layers and their repair streams.
MAX_SSRCS = 48
MAX_RUNS = 1000  # gaps in 5 s; more do not change the verdict
MAX_SENT_REPORTS = 8  # sender reports whose answers may still come

TrackKey = tuple[str, str]  # seat, source


@dataclass(slots=True)
class Publication:
    """One source of a seat, as its up link sends it."""

    seat: str
    source: str
    received: Received
    link: Link
    stream: Stream | None = None
    throttle: KeyframeThrottle = field(default_factory=KeyframeThrottle)
    nacks: NackList = field(default_factory=NackList)
    sender_report: SenderReport | None = None
    reported_at: float = 0.0
    """When that sender report came."""
    is_silent: bool = False
    loss_runs: list[int] = field(default_factory=list)
    """Lengths of the gaps since quality was last told."""
    prior: tuple[int, int] = (0, 0)
    """Packets expected and received at the last report (RFC 3550 A.3)."""

    @property
    def key(self) -> TrackKey:
        return (self.seat, self.source)

    def note_gaps(self, skipped: list[int]) -> None:
        """Take skipped numbers (rising) into the loss runs."""
        for place, number in enumerate(skipped):
            if place and number == skipped[place - 1] + 1:
                self.loss_runs[-1] += 1
            elif len(self.loss_runs) < MAX_RUNS:
                self.loss_runs.append(1)

    def take_runs(self) -> list[int]:
        """Return the loss runs since the last call."""
        runs, self.loss_runs = self.loss_runs, []
        return runs

    def track(self) -> Track:
        return Track(self.received.mid, self.seat, self.received.kind, self.source)  # type: ignore[arg-type]  # audio or video


@dataclass(slots=True)
class Subscription:
    """One track as one subscriber's link gets it; the output is there while both ends are."""

    sent: Sent
    output: Output | None = None
    report: ReportBlock | None = None
    rtt_s: float = 0.0
    sent_reports: dict[int, float] = field(default_factory=dict)
    """Middle of a sender report's NTP time -> when it was sent."""
    is_paused: bool = False

    @property
    def key(self) -> TrackKey:
        return (self.sent.outgoing.seat, self.sent.outgoing.source)

    def note_sent_report(self, ntp: int, now: float) -> None:
        """Remember a sender report, to know the round trip when it is answered."""
        self.sent_reports[ntp >> 16 & 0xFFFFFFFF] = now
        if len(self.sent_reports) > MAX_SENT_REPORTS:
            del self.sent_reports[next(iter(self.sent_reports))]

    def note_block(self, block: ReportBlock, now: float) -> None:
        """Take what the subscriber reports (RFC 3550 §6.4.1: the round trip)."""
        self.report = block
        sent_at = self.sent_reports.get(block.last_sr)
        if sent_at is not None:
            self.rtt_s = max(0.0, now - sent_at - block.delay_since_sr / 65536)


@dataclass(slots=True)
class UpLink:
    """A link that publishes."""

    link: Link
    remote_ufrag: str = ""
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


class Room:
    """The links of one consultation. Every seat's tracks go to every other seat."""

    def __init__(self, name: str, plane: Plane) -> None:
        self.name = name
        self.ups: dict[str, UpLink] = {}
        self.downs: dict[str, DownLinkState] = {}
        self.muted: set[TrackKey] = set()
        self.empty_since: float | None = None
        self._plane = plane

    def links(self) -> list[Link]:
        return [entry.link for entry in (*self.ups.values(), *self.downs.values())]

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
        """Take the SSRCs that the SDP names; others are learned from their first packet."""
        received, peer = publication.received, publication.link.peer
        for ssrc in received.ssrcs[:1]:
            if ssrc not in peer.streams:
                self._add_stream(publication, ssrc)
        for ssrc, repaired in received.repairs.items():
            if ssrc not in peer.streams and repaired in peer.streams:
                self._add_repair(publication, ssrc)

    def _add_stream(self, publication: Publication, ssrc: int) -> Stream:
        """A publication's packets have this SSRC from now on: move its subscribers over."""
        received = publication.received
        codec = received.format.codec
        number = received.format.payload_type
        terms = StreamTerms(ssrc, received.kind, codec.name, codec.clock_rate, number, received.extensions)
        old = publication.stream
        publication.stream = self._plane.table.add_stream(publication.link.peer, terms)
        publication.stream.is_muted = publication.key in self.muted
        publication.nacks, publication.prior = NackList(), (0, 0)
        if old is not None:
            self._plane.table.remove(old)
        self.wire(publication)
        return publication.stream

    def _add_repair(self, publication: Publication, ssrc: int) -> Stream | None:
        if publication.stream is None:
            return None
        received = publication.received
        codec, number = received.format.codec, received.format.payload_type
        terms = StreamTerms(
            ssrc, received.kind, codec.name, codec.clock_rate, number, received.extensions, publication.stream
        )
        return self._plane.table.add_stream(publication.link.peer, terms)

    def learn_stream(self, up: UpLink, packet: bytes) -> Stream | None:
        """
        Return the stream that a packet of an unknown SSRC belongs to, by its mid, else by its payload type.

        None when it fits nothing, or when the link already brought MAX_SSRCS: a peer can not fill our tables.
        """
        if len(up.link.peer.streams) >= MAX_SSRCS:
            return None
        try:
            header = rtp.parse_header(packet)
        except rtp.BadRtp:
            return None
        publication = self._publication_of(up, packet, header)
        if publication is None:
            return None
        if header.payload_type == publication.received.format.rtx:
            return self._add_repair(publication, header.ssrc)
        if header.payload_type == publication.received.format.payload_type:
            return self._add_stream(publication, header.ssrc)
        return None

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
            if header.payload_type in (p.received.format.payload_type, p.received.format.rtx)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _end(self, publication: Publication) -> None:
        for down in self.downs.values():
            subscription = down.subscriptions.pop(publication.key, None)
            if subscription is not None and subscription.output is not None:
                self._plane.table.remove(subscription.output)
        peer = publication.link.peer
        for stream in [s for s in peer.streams.values() if publication.stream in (s, s.repaired)]:
            self._plane.table.remove(stream)
        publication.stream = None

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

    def take_subscriptions(self, down: DownLinkState, sent: tuple[Sent, ...]) -> None:
        """Make the link's subscriptions those that its description agreed on."""
        agreed = {(s.outgoing.seat, s.outgoing.source): s for s in sent}
        for key in list(down.subscriptions):
            old = down.subscriptions[key]
            if agreed.get(key) != old.sent:
                del down.subscriptions[key]
                if old.output is not None:
                    self._plane.table.remove(old.output)
        for key, one in agreed.items():
            down.subscriptions.setdefault(key, Subscription(one))
        for publication in self.publications():
            self.wire(publication)

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

    def wire(self, publication: Publication) -> None:
        """Let a publication's stream reach every subscriber that agreed to it."""
        if publication.stream is None:
            return
        for down in self.downs.values():
            subscription = down.subscriptions.get(publication.key)
            if subscription is None:
                continue
            output = subscription.output
            if output is not None and output.stream is publication.stream:
                continue
            subscription.output = self._add_output(publication.stream, down, subscription.sent, output)
            subscription.output.is_on = not subscription.is_paused

    def _add_output(self, stream: Stream, down: DownLinkState, sent: Sent, old: Output | None) -> Output:
        chosen = sent.format
        rtx = sent.outgoing.rtx_ssrc if chosen.rtx is not None else 0
        ids = dict(sent.extensions)
        if not sent.has_transport_cc:
            ids.pop(codecs.TRANSPORT_CC, None)
        terms = OutputTerms(sent.outgoing.ssrc, chosen.payload_type, rtx, chosen.rtx or 0, sent.mid, ids)
        output = self._plane.table.add_output(stream, down.link.peer, terms)
        if old is not None:
            output.follow(old)
            self._plane.table.remove(old)
            down.link.peer.outputs[terms.ssrc] = output
        return output

    def set_muted(self, seat: str, source: str, muted: bool) -> None:
        """Stop or resume the forwarding of one source."""
        (self.muted.add if muted else self.muted.discard)((seat, source))
        for publication in self.publications():
            if publication.key == (seat, source) and publication.stream is not None:
                publication.stream.is_muted = muted

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
