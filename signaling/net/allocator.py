"""Each subscriber's line estimated, its pictures chosen every quarter second, probes where a step up is in reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signaling.media.bandwidth import MAX_BPS, START_BPS, UPDATE_S, Estimator, Line, PathSample
from signaling.media.layers import PAUSED, Change, Ladder, Picture, Soon, rung
from signaling.media.red import Protection
from signaling.media.reports import LayerChanged, LayerSoon
from signaling.media.speaker import last_n
from signaling.net.audience import Audience
from signaling.net.publication import Layer, Subscription, TrackKey
from signaling.net.records import PathReport
from signaling.net.registry import Registry
from signaling.net.room import DownLinkState, Room

PROBE_INTERVAL_S = 5.0
MAX_PROBE_PACKETS = 60  # 60 kB in a quarter second, about 2 Mbit/s
PROBE_PACKET_BYTES = 1000
# Heights by rank, lowest first, for a tile's size: each layer has half the lines of the one above, the top one 720.
HEIGHTS = (90, 180, 360, 720)
REMB_LASTS_S = 10.0  # libwebrtc repeats it every second
MAX_REMEMBERED = 64  # estimates: seats times kinds of network

Ranked = Mapping[TrackKey, list[Layer]]


@dataclass(slots=True)
class LineState:
    """One subscriber's estimate and ladder."""

    estimator: Estimator = field(default_factory=Estimator)
    ladder: Ladder = field(default_factory=Ladder)
    protection: Protection = field(default_factory=Protection)
    probed_at: float = 0.0
    network: str = ""
    report_at: float = 0.0
    """Of the last receiver report that was taken."""
    octets: int = 0
    """Sent until then."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of the allocator over a room."""

    room: Room
    ranked: Ranked
    """The pictures' layers, cheapest first."""
    now: float
    registry: Registry


@dataclass(slots=True)
class RoomAllocator:
    """The subscribers of one room."""

    _lines: dict[str, LineState] = field(default_factory=dict)
    _remembered: dict[tuple[str, str], float] = field(default_factory=dict)
    """Seat and kind of network -> the last estimate there."""

    def allocate(self, room: Room, now: float, registry: Registry) -> None:
        """Measure layers, estimate lines, change layers, tell the publishers what nobody watches."""
        for publication in room.publications():
            for layer in publication.layers.values():
                layer.measure(UPDATE_S)
        pictures = {p.key: p.ranked(now) for p in room.publications() if p.received.kind == "video"}
        turn = Turn(room, pictures, now, registry)
        self._lines = {link: line for link, line in self._lines.items() if link in room.downs}
        for link, down in room.downs.items():
            if down.link.is_secure and down.subscriptions:
                self._serve(down, self._line(link, down), turn)
        estimates = {link: line.estimator.estimate_bps for link, line in self._lines.items()}
        Audience(room, pictures, estimates, registry).tell(now)

    def _line(self, link: str, down: DownLinkState) -> LineState:
        """Return a link's line; another kind of network is another line, known from before or not."""
        line = self._lines.setdefault(link, LineState())
        seat = down.link.name.seat
        if line.network != down.network:
            known = self._remembered.get((seat, down.network))
            if line.network or (known is not None and line.estimator.line is not Line.CUT):
                line.estimator.begin_path(known or START_BPS)
            line.network = down.network
        if line.estimator.line is not Line.UNKNOWN:
            self._remembered[seat, line.network] = line.estimator.estimate_bps
            if len(self._remembered) > MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return line

    def _serve(self, down: DownLinkState, line: LineState, turn: Turn) -> None:
        path: PathReport = down.link.peer.take_path()
        if path.received or path.lost:
            line.estimator.receive(sample_of(path), turn.now)
        protect(down, line.protection, path, turn.now)
        has_feedback = any(s.sent.has_transport_cc for s in down.subscriptions.values())
        if not has_feedback:
            take_report(down, line, turn.now)
        follow_last_n(down, turn)
        pictures = []
        for key, subscription in down.subscriptions.items():
            turn.room.wiring.settle(subscription)
            turn.room.wiring.hurry(subscription, turn.now)
            if turn.ranked.get(key):
                pictures.append(picture_of(subscription, turn.ranked[key]))
                find(subscription, line.ladder, turn)
        if not pictures or not (has_feedback or line.report_at):
            return
        voices = len(down.subscriptions) - len(pictures)
        for change in line.ladder.receive(line.estimator.estimate_bps, pictures, voices, turn.now):
            match change:
                case Change():
                    apply(down, change, turn)
                case Soon():
                    warn(down, change, turn)
        leave_dead_layers(down, line.ladder, turn)
        if has_feedback:
            self._probe(down, line, pictures, turn)

    def _probe(self, down: DownLinkState, line: LineState, pictures: list[Picture], turn: Turn) -> None:
        """Send old packets again, as RTX, to learn whether the next layer would fit."""
        places = line.ladder.layers()
        steps = [
            p.rates_bps[places[p.key] + 1]
            for p in pictures
            if places.get(p.key, 99) < min(p.most, len(p.rates_bps) - 1)
        ]
        if not steps or turn.now - line.probed_at < PROBE_INTERVAL_S:
            return
        extra = line.estimator.probe_bps(min(steps)) - line.estimator.estimate_bps
        if extra <= 0:
            return
        line.probed_at = turn.now
        count = min(MAX_PROBE_PACKETS, int(extra * UPDATE_S / 8 / PROBE_PACKET_BYTES))
        for subscription in down.subscriptions.values():
            output = subscription.output
            if output is not None and output.terms.rtx_payload_type and output.packets and count:
                last = output.last_sequence
                plane = turn.registry.around.plane
                plane.retransmit(output, tuple((last - n) & 0xFFFF for n in range(count)), turn.now)
                return


def apply(down: DownLinkState, change: Change, turn: Turn) -> None:
    """Let a picture have another layer, or none."""
    key: TrackKey = change.key  # type: ignore[assignment]  # our own keys come back
    subscription, layers = down.subscriptions[key], turn.ranked[key]
    subscription.is_shed = change.layer == PAUSED and change.cause == "line"
    resumed = turn.room.wiring.follow_wish(subscription, turn.now)
    if change.layer != PAUSED:
        layer = layers[min(change.layer, len(layers) - 1)]
        if turn.room.wiring.switch(down.link.peer, subscription, layer) or resumed:
            turn.registry.reporter.want_keyframe(layer, turn.now)
    tell_layer(down, key, rung(change.layer, len(layers)), change.cause, turn)


def find(subscription: Subscription, ladder: Ladder, turn: Turn) -> None:
    """Layers come and go, by their page's choice or for want of rate: tell the ladder where the present one is now."""
    current = subscription.waiting or subscription.output
    streams = [layer.stream for layer in turn.ranked[subscription.key]]
    if current is not None and current.stream in streams:
        ladder.found_at(subscription.key, streams.index(current.stream))


def leave_dead_layers(down: DownLinkState, ladder: Ladder, turn: Turn) -> None:
    """Give who is on a layer that is not sent any more the one that stands in its place."""
    for key, place in ladder.layers().items():
        subscription, layers = down.subscriptions[key], turn.ranked[key]  # type: ignore[index]  # our own keys come back
        current = subscription.waiting or subscription.output
        if place == PAUSED or current is None or current.stream in [layer.stream for layer in layers]:
            continue
        layer = layers[min(place, len(layers) - 1)]
        if turn.room.wiring.switch(down.link.peer, subscription, layer):
            turn.registry.reporter.want_keyframe(layer, turn.now)


def tell_layer(down: DownLinkState, key: TrackKey, name: str, cause: str, turn: Turn) -> None:
    """Tell a subscriber's page what it gets of a picture now."""
    link = down.link.name
    turn.registry.tell(LayerChanged(link.room, link.seat, link.link, name, cause, *key))


def warn(down: DownLinkState, soon: Soon, turn: Turn) -> None:
    """Tell a subscriber's page what comes next on this line, before it comes."""
    link = down.link.name
    key: TrackKey = soon.key  # type: ignore[assignment]  # our own keys come back
    name = None if soon.layer is None else rung(soon.layer, len(turn.ranked[key]))
    turn.registry.tell(LayerSoon(link.room, link.seat, name, *key))


def follow_last_n(down: DownLinkState, turn: Turn) -> None:
    """In a room of many seats, send the faces of those who spoke last; screens and devices always."""
    faces = {key: s for key, s in down.subscriptions.items() if key[1] == "camera"}
    shown = last_n([seat for (seat, _), s in faces.items() if not s.is_paused], turn.room.speakers)
    for key, subscription in faces.items():
        beyond = not subscription.is_paused and key[0] not in shown
        if beyond is subscription.is_beyond:
            continue
        subscription.is_beyond = beyond
        if turn.room.wiring.follow_wish(subscription, turn.now):
            turn.registry.reporter.want_keyframes(turn.room, down, {key}, turn.now)
        if beyond:
            tell_layer(down, key, rung(PAUSED, 1), "last_n", turn)


def take_report(down: DownLinkState, line: LineState, now: float) -> None:
    """Estimate the line of a subscriber without transport-wide feedback from its receiver reports and its REMB."""
    if down.reported_at <= line.report_at:
        return
    octets = sum(s.output.octets for s in down.subscriptions.values() if s.output is not None)
    elapsed = max(UPDATE_S, down.reported_at - line.report_at)
    sent_bps = max(0, octets - line.octets) * 8 / elapsed if line.report_at else 0.0
    bitrate, at = down.remb
    line.estimator.cap_bps = bitrate if bitrate and now - at < REMB_LASTS_S else MAX_BPS
    line.estimator.receive_report(down.loss, sent_bps, now)
    line.report_at, line.octets = down.reported_at, octets


def protect(down: DownLinkState, protection: Protection, path: PathReport, now: float) -> None:
    """Let speech carry its earlier frames again while the line loses packets, where the subscriber reads that."""
    voices = [s for s in down.subscriptions.values() if s.output is not None and s.output.terms.red_payload_type]
    if not voices:
        return
    total = path.received + path.lost
    told = max((s.report.fraction_lost / 256 for s in voices if s.report is not None), default=0.0)
    copies = protection.receive(path.lost / total if total else told, now)
    for voice in voices:
        assert voice.output is not None  # as above
        voice.output.copies = copies


def sample_of(path: PathReport) -> PathSample:
    """Return an update's feedback as the estimator takes it."""
    delay = path.delay_sum / path.received if path.received else None
    return PathSample(path.received, path.lost, path.acked_bytes * 8 / UPDATE_S, delay)


def picture_of(subscription: Subscription, layers: Sequence[Layer]) -> Picture:
    """Return a track as the ladder sees it; one layer alone is left out only when the line is really poor."""
    rates = tuple(layer.rate_bps for layer in layers)
    most = len(layers) - 1
    if subscription.is_paused or subscription.is_beyond:
        most = PAUSED
    elif subscription.max_height is not None and len(layers) > 1:
        heights = HEIGHTS[-len(layers) :]
        enough = (rank for rank, height in enumerate(heights) if height >= subscription.max_height)
        most = next(enough, most)
    return Picture(subscription.key, rates, most, -1 if subscription.sent.outgoing.source == "screen" else 0)
