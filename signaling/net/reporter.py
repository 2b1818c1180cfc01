"""RTCP both ways: what subscribers and publishers report, and what the relay reports to them."""

import time

from signaling.media import rtcp
from signaling.media.rtcp import ReportBlock
from signaling.net.link import Link
from signaling.net.plane import Plane
from signaling.net.records import Output, Stream
from signaling.net.room import DownLinkState, Publication, Room, Subscription, UpLink

NTP_EPOCH_S = 2208988800
REPORT_S = 1.0  # RFC 4585 allows it at these rates; browsers do the same
# Without transport-wide feedback a publisher is told a ceiling (media.md §1: REMB needs an answer with goog-remb).
REMB_BPS = 3_000_000
FEEDBACK_S = 0.075  # libwebrtc reports every 50 to 250 ms
FIR_FORMAT = "ccm fir"


class Reporter:
    """The RTCP of one relay."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._open: dict[int, Publication] = {}
        """Publications with a NACK or a key frame request under way."""
        self.counters: dict[str, int] = {}

    def _count(self, what: str, amount: int = 1) -> None:
        self.counters[what] = self.counters.get(what, 0) + amount

    # From peers

    def receive(self, room: Room, link: Link, data: bytes, now: float) -> None:
        """Act on one compound of a link."""
        try:
            packets = rtcp.parse(data)
        except rtcp.BadRtcp:
            self._count("dropped_rtcp")
            return
        down = room.downs.get(link.name.link)
        for packet in packets:
            match packet:
                case rtcp.SenderReport():
                    self._note_sender_report(room.ups.get(link.name.link), packet, now)
                case rtcp.ReceiverReport(_, blocks):
                    self._note_blocks(down, blocks, now)
                case rtcp.Nack(ssrc, sequences):
                    self._retransmit(link, ssrc, sequences, now)
                case rtcp.KeyframeRequest(ssrc):
                    self._request_keyframe(room, link, ssrc, now)
                case rtcp.TransportFeedback(_, body):
                    self._plane.note_feedback(link.peer, body, now)
                case _:
                    pass

    @staticmethod
    def _note_sender_report(up: UpLink | None, report: rtcp.SenderReport, now: float) -> None:
        for publication in up.publications.values() if up else ():
            if publication.stream is not None and publication.stream.terms.ssrc == report.ssrc:
                publication.sender_report, publication.reported_at = report, now

    @staticmethod
    def _note_blocks(down: DownLinkState | None, blocks: tuple[ReportBlock, ...], now: float) -> None:
        for subscription in down.subscriptions.values() if down else ():
            for block in blocks:
                if block.ssrc == subscription.sent.outgoing.ssrc:
                    subscription.note_block(block, now)

    def _retransmit(self, link: Link, ssrc: int, sequences: tuple[int, ...], now: float) -> None:
        output = link.peer.outputs.get(ssrc)
        if output is not None:
            self._count("nack_answered", self._plane.retransmit(output, sequences, now))

    def _request_keyframe(self, room: Room, link: Link, ssrc: int, now: float) -> None:
        output = link.peer.outputs.get(ssrc)
        if output is not None:
            self.want_keyframe(publication_of(room, output.stream), now)

    # To publishers

    def want_keyframe(self, publication: Publication | None, now: float) -> None:
        """A subscriber needs a key frame of this publication: ask for it, throttled."""
        if publication is None or publication.stream is None or publication.received.kind != "video":
            return
        self._open[id(publication)] = publication
        if publication.throttle.wanted(now):
            self._ask_keyframe(publication)

    def _ask_keyframe(self, publication: Publication) -> None:
        assert publication.stream is not None  # checked by both callers
        publication.stream.awaits_keyframe = True
        link, ssrc = publication.link, publication.stream.terms.ssrc
        feedbacks = publication.received.format.feedback
        if "nack pli" not in feedbacks and FIR_FORMAT in feedbacks:
            packet = rtcp.full_intra_request(link.ssrc, ssrc, publication.throttle.retries)
        else:
            packet = rtcp.picture_loss(link.ssrc, ssrc)
        self._plane.send_rtcp(link.peer, rtcp.receiver_report(link.ssrc, ()) + packet)
        self._count("keyframe_requests")

    def note_gap(self, room: Room, stream: Stream, now: float) -> None:
        """A stream skipped numbers: ask for them once they had time to come late."""
        publication = publication_of(room, stream)
        if publication is None:
            return
        skipped = stream.take_skipped()
        publication.note_gaps(skipped)
        if "nack" not in publication.received.format.feedback:
            return
        if publication.nacks.missed(skipped, now):
            self._open[id(publication)] = publication
        else:
            self.want_keyframe(publication, now)

    def repair(self, now: float) -> None:
        """Send what is due every 25 ms: NACKs and repeated key frame requests, where some are open."""
        for key, publication in list(self._open.items()):
            if publication.stream is None:
                del self._open[key]
                continue
            self._ask_again(publication, publication.stream, now)
            if not publication.stream.awaits_keyframe:
                publication.throttle.arrived()
            elif publication.throttle.handle_timer(now):
                self._ask_keyframe(publication)
            if not len(publication.nacks) and publication.throttle.open_since is None:
                del self._open[key]

    def _ask_again(self, publication: Publication, stream: Stream, now: float) -> None:
        nacks = publication.nacks
        for number in nacks.numbers():
            if stream.has(number & 0xFFFF):
                nacks.arrived(number)
        asked = nacks.take(now, 0.1)
        if asked:
            link = publication.link
            report = rtcp.receiver_report(link.ssrc, ())
            self._plane.send_rtcp(link.peer, report + rtcp.nack(link.ssrc, stream.terms.ssrc, asked))
            self._count("nack_sent", len(asked))

    def send_wide_feedback(self, up: UpLink) -> None:
        """Report a publisher's numbered packets, every FEEDBACK_S."""
        peer = up.link.peer
        if not peer.wide_id:
            return
        media = next((s.terms.ssrc for s in peer.streams.values() if s.terms.kind == "video"), 0)
        self._plane.send_feedback(peer, media or next(iter(peer.streams), 0))

    def report_up(self, up: UpLink, now: float) -> None:
        """Send the receiver report of a publisher, with REMB where transport-wide feedback was not agreed."""
        link = up.link
        if not link.is_secure:
            return
        blocks, videos = [], []
        for publication in up.publications.values():
            if publication.stream is not None and publication.stream.base is not None:
                blocks.append(self._block(publication, publication.stream, now))
                if "goog-remb" in publication.received.format.feedback:
                    videos.append(publication.stream.terms.ssrc)
        packet = rtcp.receiver_report(link.ssrc, blocks) + rtcp.description(link.ssrc, "relay")
        if videos and not link.peer.wide_id:
            packet += rtcp.remb(link.ssrc, REMB_BPS, videos)
        self._plane.send_rtcp(link.peer, packet)

    @staticmethod
    def _block(publication: Publication, stream: Stream, now: float) -> ReportBlock:
        """RFC 3550 A.3."""
        assert stream.base is not None  # the caller reports streams that have begun
        expected = stream.highest - stream.base + 1
        before_expected, before_received = publication.prior
        publication.prior = (expected, stream.received)
        due = expected - before_expected
        lost = due - (stream.received - before_received)
        fraction = min(255, 256 * lost // due) if due > 0 and lost > 0 else 0
        report = publication.sender_report
        last_sr = report.ntp >> 16 & 0xFFFFFFFF if report else 0
        delay = int((now - publication.reported_at) * 65536) & 0xFFFFFFFF if report else 0
        jitter = int(stream.jitter * stream.terms.clock_rate)
        total = expected - stream.received
        return ReportBlock(stream.terms.ssrc, fraction, total, stream.highest & 0xFFFFFFFF, jitter, last_sr, delay)

    # To subscribers

    def report_down(self, room: Room, down: DownLinkState, now: float) -> None:
        """Send the sender reports of a subscriber's tracks: the publisher's clock, in our numbers."""
        link = down.link
        if not link.is_secure:
            return
        packet = b""
        for subscription in down.subscriptions.values():
            output = subscription.output
            publication = publication_of(room, output.stream) if output is not None else None
            if output is not None and publication is not None and output.packets:
                packet += self._sender_report(subscription, output, publication, now)
                packet += rtcp.description(output.terms.ssrc, publication.seat)
        self._plane.send_rtcp(link.peer, packet or rtcp.receiver_report(link.ssrc, ()))

    @staticmethod
    def _sender_report(subscription: Subscription, output: Output, publication: Publication, now: float) -> bytes:
        """
        Tracks of one seat share their publisher's clock, so lips and voice stay together.

        Before its first sender report the relay's own clock stands in.
        """
        report, clock_rate = publication.sender_report, output.stream.terms.clock_rate
        if report is not None:
            elapsed = now - publication.reported_at
            ntp = report.ntp + int(elapsed * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
            timestamp = report.timestamp + int(elapsed * clock_rate) + output.timestamp_offset
        else:
            ntp = int((time.time() + NTP_EPOCH_S) * (1 << 32))
            timestamp = output.last_timestamp
        subscription.note_sent_report(ntp, now)
        ssrc = output.terms.ssrc
        octets = output.octets & 0xFFFFFFFF
        return rtcp.sender_report(rtcp.SenderReport(ssrc, ntp, timestamp & 0xFFFFFFFF, output.packets, octets))


def publication_of(room: Room, stream: Stream) -> Publication | None:
    """Return the publication that a stream belongs to, None when it has ended."""
    for publication in room.publications():
        if publication.stream is stream:
            return publication
    return None

