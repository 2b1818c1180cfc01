"""Each subscriber's line estimated, its pictures chosen every quarter second, probes where a step up is in reach."""

from dataclasses import dataclass, field

from signaling.media.bandwidth import UPDATE_S, Estimator, PathSample
from signaling.media.layers import PAUSED, Change, Ladder, Picture, rung
from signaling.media.red import Protection
from signaling.media.reports import LayerChanged
from signaling.net.publication import Layer, Subscription
from signaling.net.records import PathReport
from signaling.net.registry import Registry
from signaling.net.room import DownLinkState, Room

PROBE_INTERVAL_S = 5.0
MAX_PROBE_PACKETS = 60  # 60 kB in a quarter second, about 2 Mbit/s
PROBE_PACKET_BYTES = 1000
# Heights by rank, lowest first, for a tile's size: each layer has half the lines of the one above, the top one 720.
HEIGHTS = (90, 180, 360, 720)


@dataclass(slots=True)
class LineState:
    """One subscriber's estimate and ladder."""

    estimator: Estimator = field(default_factory=Estimator)
    ladder: Ladder = field(default_factory=Ladder)
    protection: Protection = field(default_factory=Protection)
    probed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of the allocator."""

    now: float
    registry: Registry


@dataclass(slots=True)
class RoomAllocator:
    """The subscribers of one room."""

    _lines: dict[str, LineState] = field(default_factory=dict)

    def allocate(self, room: Room, now: float, registry: Registry) -> None:
        """Measure layers, estimate lines, change layers."""
        for publication in room.publications():
            for layer in publication.layers.values():
                layer.measure(UPDATE_S)
        self._lines = {link: line for link, line in self._lines.items() if link in room.downs}
        for link, down in room.downs.items():
            if down.link.is_secure and down.subscriptions:
                self._serve(room, down, self._lines.setdefault(link, LineState()), now, registry)

    def _serve(self, room: Room, down: DownLinkState, line: LineState, now: float, registry: Registry) -> None:
        path: PathReport = down.link.peer.take_path()
        if path.received or path.lost:
            line.estimator.receive(sample_of(path), now)
        protect(down, line.protection, path, now)
        ranked = {p.key: p.ranked(now) for p in room.publications() if p.received.kind == "video"}
        pictures = []
        for key, subscription in down.subscriptions.items():
            room.wiring.settle(subscription)
            if ranked.get(key):
                pictures.append(picture_of(subscription, ranked[key]))
        if not pictures or not any(s.sent.has_transport_cc for s in down.subscriptions.values()):
            return
        voices = len(down.subscriptions) - len(pictures)
        for change in line.ladder.receive(line.estimator.estimate_bps, pictures, voices, now):
            self._change(room, down, change, ranked[change.key], Turn(now, registry))  # type: ignore[index]  # as above
        self._probe(down, line, pictures, now, registry)

    def _change(self, room: Room, down: DownLinkState, change: Change, layers: list[Layer], turn: Turn) -> None:
        now, registry = turn.now, turn.registry
        subscription = down.subscriptions[change.key]  # type: ignore[index]  # our own keys come back
        was_shed, subscription.is_shed = subscription.is_shed, change.layer == PAUSED and change.cause == "line"
        subscription.set_on()
        if change.layer != PAUSED:
            layer = layers[min(change.layer, len(layers) - 1)]
            if room.wiring.switch(down.link.peer, subscription, layer) or was_shed:
                registry.reporter.want_keyframe(layer, now)
        if change.cause != "start":
            name = down.link.name
            registry.tell(LayerChanged(name.room, name.seat, name.link, rung(change.layer, len(layers)), change.cause))

    def _probe(
        self, down: DownLinkState, line: LineState, pictures: list[Picture], now: float, registry: Registry
    ) -> None:
        """Send old packets again, as RTX, to learn whether the next layer would fit."""
        places = line.ladder.layers()
        steps = [
            p.rates_bps[places[p.key] + 1]
            for p in pictures
            if places.get(p.key, 99) < min(p.most, len(p.rates_bps) - 1)
        ]
        if not steps or now - line.probed_at < PROBE_INTERVAL_S:
            return
        extra = line.estimator.probe_bps(min(steps)) - line.estimator.estimate_bps
        if extra <= 0:
            return
        line.probed_at = now
        count = min(MAX_PROBE_PACKETS, int(extra * UPDATE_S / 8 / PROBE_PACKET_BYTES))
        for subscription in down.subscriptions.values():
            output = subscription.output
            if output is not None and output.terms.rtx_payload_type and output.packets and count:
                last = output.last_sequence
                registry.around.plane.retransmit(output, tuple((last - n) & 0xFFFF for n in range(count)), now)
                return


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


def picture_of(subscription: Subscription, layers: list[Layer]) -> Picture:
    """Return a track as the ladder sees it; one layer alone is left out only when the line is really poor."""
    rates = tuple(layer.rate_bps for layer in layers)
    most = len(layers) - 1
    if subscription.is_paused:
        most = PAUSED
    elif subscription.max_height is not None and len(layers) > 1:
        heights = HEIGHTS[-len(layers) :]
        enough = (rank for rank, height in enumerate(heights) if height >= subscription.max_height)
        most = next(enough, most)
    return Picture(subscription.key, rates, most, -1 if subscription.sent.outgoing.source == "screen" else 0)
