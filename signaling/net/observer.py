"""What a room's media says about people and lines: active speaker and quality, told to web."""

from collections.abc import Callable
from dataclasses import dataclass, field

from signaling.media import quality
from signaling.media.quality import Line, Rating
from signaling.media.reports import ActiveSpeaker, Quality, RelayEvent
from signaling.media.speaker import SpeakerDetector
from signaling.net.publication import Layer, Subscription
from signaling.net.room import Room

QUALITY_S = 5.0
MAX_SPEAKERS = 24  # more than are shown, in a room of any size
SILENT_S = 3.0  # no audio packet at all; DTX still sends one every 0.4 s


@dataclass(slots=True)
class Reading:
    """A stream's or output's counters at the last look, and what changed since."""

    expected: int = 0
    received: int = 0
    octets: int = 0

    def step(self, expected: int, received: int, octets: int) -> tuple[int, int, int]:
        """Return the differences and keep the new counters; a counter that went back began anew."""
        before = (self.expected, self.received, self.octets)
        self.expected, self.received, self.octets = expected, received, octets
        return (max(0, expected - before[0]), max(0, received - before[1]), max(0, octets - before[2]))


@dataclass(slots=True)
class RoomObserver:
    """The memory of one room's observations."""

    speaker: SpeakerDetector = field(default_factory=SpeakerDetector)
    readings: dict[object, Reading] = field(default_factory=dict)
    quality_at: float = 0.0

    def observe(self, room: Room, now: float, tell: Callable[[RelayEvent], None]) -> None:
        """Look at a room, every quarter second."""
        self._observe_speaker(room, now, tell)
        if now - self.quality_at >= QUALITY_S:
            self.quality_at = now
            self._observe_quality(room, now, tell)

    def _observe_speaker(self, room: Room, now: float, tell: Callable[[RelayEvent], None]) -> None:
        levels: dict[str, float] = {}
        for publication in room.publications():
            for layer in publication.layers.values() if publication.received.kind == "audio" else ():
                total, count = layer.stream.take_level()
                if count and not layer.stream.is_muted:
                    levels[publication.seat] = max(levels.get(publication.seat, 0.0), total / count)
        if self.speaker.receive(levels, now):
            seat = self.speaker.speaker
            if seat is not None:
                room.speakers = [seat, *(other for other in room.speakers if other != seat)][:MAX_SPEAKERS]
            tell(ActiveSpeaker(room.name, seat))

    def _observe_quality(self, room: Room, now: float, tell: Callable[[RelayEvent], None]) -> None:
        seats = {link.name.seat for link in room.links() if link.is_secure}
        alive: set[object] = set()
        for seat in sorted(seats):
            layers = [layer for p in room.publications() if p.seat == seat for layer in p.layers.values()]
            up = [self._up_line(layer, now, alive) for layer in layers]
            down = [
                self._down_line(s, alive)
                for d in room.downs.values()
                if d.link.name.seat == seat
                for s in d.subscriptions.values()
                if s.output is not None
            ]
            line_up, line_down = merge(up), merge(down)
            if line_up is None and line_down is None:
                continue
            tell(quality_event(room.name, seat, line_up, line_down))
        self.readings = {key: reading for key, reading in self.readings.items() if key in alive}

    def _up_line(self, layer: Layer, now: float, alive: set[object]) -> Line:
        stream = layer.stream
        alive.add(stream)
        expected = stream.highest - stream.base + 1 if stream.base is not None else 0
        reading = self.readings.setdefault(stream, Reading())
        due, got, octets = reading.step(expected, stream.received, stream.octets)
        is_audio = stream.terms.kind == "audio"
        silent = is_audio and stream.base is not None and now - stream.last_arrival > SILENT_S
        return Line(
            loss=max(0.0, 1 - got / due) if due else 0.0,
            rtt_ms=0.0,
            jitter_ms=stream.jitter * 1000 if is_audio else 0.0,
            video_bps=0 if is_audio else int(octets * 8 / QUALITY_S),
            burst_ratio=quality.burst_ratio(layer.take_runs(), got),
            is_silent=silent,
        )

    def _down_line(self, subscription: Subscription, alive: set[object]) -> Line:
        output, report = subscription.output, subscription.report
        assert output is not None  # the caller looks
        alive.add(output)
        reading = self.readings.setdefault(output, Reading())
        _, _, octets = reading.step(output.packets, output.packets, output.octets)
        is_audio = subscription.sent.outgoing.kind == "audio"
        rate = output.stream.terms.clock_rate
        return Line(
            loss=report.fraction_lost / 256 if report else 0.0,
            rtt_ms=subscription.rtt_s * 1000,
            jitter_ms=report.jitter / rate * 1000 if report and is_audio else 0.0,
            video_bps=0 if is_audio else int(octets * 8 / QUALITY_S),
        )


def merge(lines: list[Line]) -> Line | None:
    """Return one direction of a seat: its worst loss, delay and jitter, its best picture."""
    if not lines:
        return None
    return Line(
        max(line.loss for line in lines),
        max(line.rtt_ms for line in lines),
        max(line.jitter_ms for line in lines),
        max(line.video_bps for line in lines),
        max(line.burst_ratio for line in lines),
        any(line.is_silent for line in lines),
    )


def quality_event(room: str, seat: str, up: Line | None, down: Line | None) -> Quality:
    """Return what web is told of a seat; the direction that is worse decides."""
    ratings = [_prefixed(quality.rate(line), name) for line, name in ((up, "up"), (down, "down")) if line is not None]
    rating = ratings[0] if len(ratings) == 1 else quality.worst(ratings[0], ratings[1])
    loss = max(line.loss for line in (up, down) if line is not None)
    rtt_ms = down.rtt_ms if down is not None and down.rtt_ms else None
    rate = down.video_bps if down is not None else 0
    return Quality(room, seat, rating.score, rating.verdict.value, rating.reasons, round(loss, 4), rtt_ms, rate)


def _prefixed(rating: Rating, direction: str) -> Rating:
    return Rating(rating.score, rating.verdict, tuple(f"{direction}_{reason}" for reason in rating.reasons))
