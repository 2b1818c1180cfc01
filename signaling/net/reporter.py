"""RTCP both ways: what subscribers and publishers report, and what the relay reports to them."""

import time
from collections.abc import Collection

from signaling.media import rtcp
from signaling.media.rtcp import ReportBlock
from signaling.net.link import Link
from signaling.net.plane import Plane
from signaling.net.publication import Layer, Subscription, TrackKey
from signaling.net.records import Output, Stream
from signaling.net.room import DownLinkState, Room, UpLink

NTP_EPOCH_S = 2208988800
REPORT_S = 1.0  # RFC 4585 allows it at these rates; browsers do the same
# Without transport-wide feedback a publisher is told a ceiling (media.md §1: REMB needs an answer with goog-remb).
REMB_BPS = 3_000_000
FEEDBACK_S = 0.1  # libwebrtc reports every 50 to 250 ms, at 100 unless the rate asks for another
FIR_FORMAT = "ccm fir"


class Reporter:
    """The RTCP of one relay."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._open: set[Layer] = set()
        """Layers with a NACK or a key frame request under way."""
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
                case rtcp.Remb(bitrate, _) if down is not None:
                    down.remb = (float(bitrate), now)
                case rtcp.TransportFeedback(_, body):
                    self._plane.note_feedback(link.peer, body, now)
                case _:
                    pass

    @staticmethod
    def _note_sender_report(up: UpLink | None, report: rtcp.SenderReport, now: float) -> None:
        for publication in up.publications.values() if up else ():
            for layer in publication.layers.values():
                if layer.stream.terms.ssrc == report.ssrc:
                    layer.sender_report, layer.reported_at = report, now

    @staticmethod
    def _note_blocks(down: DownLinkState | None, blocks: tuple[ReportBlock, ...], now: float) -> None:
        if down is None:
            return
        by_ssrc = {subscription.sent.outgoing.ssrc: subscription for subscription in down.subscriptions.values()}
        known = [block for block in blocks if block.ssrc in by_ssrc]
        for block in known:
            by_ssrc[block.ssrc].note_block(block, now)
        if known:
            down.reported_at, down.loss = now, max(block.fraction_lost for block in known) / 256

    def _retransmit(self, link: Link, ssrc: int, sequences: tuple[int, ...], now: float) -> None:
        output = next((o for o in reversed(link.peer.outputs.get(ssrc, [])) if not o.waits), None)
        # Without RTX the same SRTP index would be encrypted again under another header extension, and two such tags
        # give AES-GCM's authentication key away (RFC 7714 §8.1). Such a peer asks for a key frame instead.
        if output is not None and output.terms.rtx_payload_type:
            self._count("nack_answered", self._plane.retransmit(output, sequences, now))

    def _request_keyframe(self, room: Room, link: Link, ssrc: int, now: float) -> None:
        for output in link.peer.outputs.get(ssrc, []):
            layer = layer_of(room, output.stream)
            if layer is not None:
                self.want_keyframe(layer, now)

    # To publishers

    def want_keyframe(self, layer: Layer, now: float) -> None:
        """A subscriber needs a key frame of this layer: ask for it, throttled."""
        if layer.publication.received.kind != "video":
            return
        self._open.add(layer)
        layer.stream.awaits_keyframe = True  # one that comes from now on; an earlier one is no answer
        if layer.throttle.wanted(now):
            self._ask_keyframe(layer)

    def want_keyframes(self, room: Room, down: DownLinkState, keys: Collection[TrackKey], now: float) -> None:
        """A subscriber needs key frames of these tracks, which it gets anew; of no others, since each one costs."""
        for publication in room.publications():
            subscription = down.subscriptions.get(publication.key) if publication.key in keys else None
            output = (subscription.waiting or subscription.output) if subscription is not None else None
            for layer in publication.layers.values():
                if output is not None and output.is_on and output.stream is layer.stream:
                    self.want_keyframe(layer, now)

    def _ask_keyframe(self, layer: Layer) -> None:
        layer.stream.awaits_keyframe = True
        publication, ssrc = layer.publication, layer.stream.terms.ssrc
        link, feedbacks = publication.link, publication.received.format.feedback
        if "nack pli" not in feedbacks and FIR_FORMAT in feedbacks:
            packet = rtcp.full_intra_request(link.ssrc, ssrc, layer.throttle.retries)
        else:
            packet = rtcp.picture_loss(link.ssrc, ssrc)
        self._plane.send_rtcp(link.peer, rtcp.receiver_report(link.ssrc, ()) + packet)
        self._count("keyframe_requests")

    def note_gap(self, room: Room, stream: Stream, now: float) -> None:
        """A stream skipped numbers: ask for them once they had time to come late."""
        layer = layer_of(room, stream)
        if layer is None:
            return
        skipped = stream.take_skipped()
        layer.note_gaps(skipped)
        if "nack" not in layer.publication.received.format.feedback:
            return
        if layer.nacks.missed(skipped, now):
            self._open.add(layer)
        else:
            self.want_keyframe(layer, now)

    def repair(self, now: float) -> None:
        """Send what is due every 25 ms: NACKs and repeated key frame requests, where some are open."""
        for layer in list(self._open):
            if layer not in layer.publication.layers.values():
                self._open.discard(layer)
                continue
            self._ask_again(layer, now)
            if not layer.stream.awaits_keyframe:
                layer.throttle.arrived()
            elif layer.throttle.handle_timer(now):
                self._ask_keyframe(layer)
            if not len(layer.nacks) and layer.throttle.open_since is None:
                self._open.discard(layer)

    def _ask_again(self, layer: Layer, now: float) -> None:
        nacks = layer.nacks
        for number in nacks.numbers():
            if layer.stream.has(number & 0xFFFF):
                nacks.arrived(number)
        asked = nacks.take(now, 0.1)
        if asked:
            link = layer.publication.link
            report = rtcp.receiver_report(link.ssrc, ())
            self._plane.send_rtcp(link.peer, report + rtcp.nack(link.ssrc, layer.stream.terms.ssrc, asked))
            self._count("nack_sent", len(asked))

    def report_up(self, up: UpLink, now: float) -> None:
        """Send the receiver report of a publisher, with REMB where transport-wide feedback was not agreed."""
        link = up.link
        if not link.is_secure:
            return
        blocks, videos = [], []
        for publication in up.publications.values():
            for layer in publication.layers.values():
                if layer.stream.base is not None:
                    blocks.append(self._block(layer, layer.stream.base, now))
                    if "goog-remb" in publication.received.format.feedback:
                        videos.append(layer.stream.terms.ssrc)
        packet = rtcp.receiver_report(link.ssrc, blocks) + rtcp.description(link.ssrc, "relay")
        if videos and not link.peer.wide_id:
            packet += rtcp.remb(link.ssrc, REMB_BPS, videos)
        self._plane.send_rtcp(link.peer, packet)

    @staticmethod
    def _block(layer: Layer, base: int, now: float) -> ReportBlock:
        """RFC 3550 A.3."""
        stream = layer.stream
        expected = stream.highest - base + 1
        before_expected, before_received = layer.prior
        # What came again in a later packet was lost on the line: the encoder protects its frames by what it is told.
        received = stream.received - stream.restored
        layer.prior = (expected, received)
        due = expected - before_expected
        lost = due - (received - before_received)
        fraction = min(255, 256 * lost // due) if due > 0 and lost > 0 else 0
        report = layer.sender_report
        last_sr = report.ntp >> 16 & 0xFFFFFFFF if report else 0
        delay = int((now - layer.reported_at) * 65536) & 0xFFFFFFFF if report else 0
        jitter = int(stream.jitter * stream.terms.clock_rate)
        total = expected - received
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
            layer = layer_of(room, output.stream) if output is not None else None
            if output is not None and layer is not None and output.packets:
                packet += self._sender_report(subscription, output, layer, now)
                packet += rtcp.description(output.terms.ssrc, layer.publication.seat)
        self._plane.send_rtcp(link.peer, packet or rtcp.receiver_report(link.ssrc, ()))

    @staticmethod
    def _sender_report(subscription: Subscription, output: Output, layer: Layer, now: float) -> bytes:
        """
        Tracks of one seat share their publisher's clock, so lips and voice stay together.

        Before its first sender report the relay's own clock stands in.
        """
        report, clock_rate = layer.sender_report, output.stream.terms.clock_rate
        if report is not None:
            elapsed = now - layer.reported_at
            ntp = report.ntp + int(elapsed * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
            timestamp = report.timestamp + int(elapsed * clock_rate) + output.timestamp_offset
        else:
            ntp = int((time.time() + NTP_EPOCH_S) * (1 << 32))
            timestamp = output.last_timestamp
        subscription.note_sent_report(ntp, now)
        ssrc = output.terms.ssrc
        octets = output.octets & 0xFFFFFFFF
        return rtcp.sender_report(rtcp.SenderReport(ssrc, ntp, timestamp & 0xFFFFFFFF, output.packets, octets))


def layer_of(room: Room, stream: Stream) -> Layer | None:
    """Return the layer that a stream carries, None when it has ended."""
    for publication in room.publications():
        for layer in publication.layers.values():
            if layer.stream is stream:
                return layer
    return None
