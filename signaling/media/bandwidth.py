"""
How much a subscriber's line takes, estimated by the sender from loss and delay (media.md §2 "BWE down"). Pure.

Delay without loss is held before it is believed: a radio handover buffers packets for a second and loses none, and a
cut there would cost the picture for ten.
"""

import enum
from dataclasses import dataclass, field

START_BPS = 1_200_000  # a 720p picture's floor; a bad line is known within two seconds
MIN_BPS = 50_000  # speech at 50 kbit/s is the last thing to go (media.md §8)
MAX_BPS = 20_000_000
UPDATE_S = 0.25
GROWTH = 1.05  # an update, while the line is really used
USED_SHARE = 0.75  # below, growth would only be a guess
LOW_LOSS, HIGH_LOSS = 0.02, 0.10
QUEUE_S = 0.080  # standing delay above the line's own minimum
HOLD_S = 1.5  # a handover's spike: mean 2.3 times, some over a second (media.md §5)
DECAY = 0.93  # an update, once the delay has stayed
MINIMUM_MEMORY_S = 15.0  # how long the least delay is remembered; routes and clocks drift
AFTER_CUT = 0.9  # of what arrived, so that the queue drains


class Line(enum.Enum):
    """What the last update saw."""

    UNKNOWN = "unknown"
    CLEAN = "clean"
    LOSSY = "lossy"  # between the two loss bounds: stay
    HELD = "held"  # delay without loss, not believed yet
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class PathSample:
    """One update's feedback."""

    received: int
    lost: int
    acked_bps: float
    delay_s: float | None
    """Mean time from sending to arrival, by two clocks; None without transport-wide feedback."""


@dataclass(slots=True)
class Estimator:
    """One subscriber's line. `receive` every UPDATE_S in which feedback came."""

    estimate_bps: float = START_BPS
    line: Line = Line.UNKNOWN
    cap_bps: float = MAX_BPS
    """REMB of an old peer."""
    good_bps: float = 0.0
    """The last estimate that held for a while; a probe goes straight there after a cut."""
    _minimums: list[tuple[float, float]] = field(default_factory=list)
    _queued_since: float | None = None

    def receive(self, sample: PathSample, now: float) -> float:
        """Take one update and return the estimate in bit/s."""
        total = sample.received + sample.lost
        if not total:
            return self.estimate_bps
        loss = sample.lost / total
        queued = self._note_delay(sample.delay_s, now) > QUEUE_S
        if loss > HIGH_LOSS:
            self._cut(max(MIN_BPS, self.estimate_bps * (1 - loss / 2)), sample)
        elif queued:
            self._hold_or_decay(sample, loss, now)
        elif loss < LOW_LOSS:
            self._grow(sample)
        else:
            self.line = Line.LOSSY
        if not queued:
            self._queued_since = None
        self.estimate_bps = min(max(self.estimate_bps, MIN_BPS), self.cap_bps, MAX_BPS)
        return self.estimate_bps

    def receive_report(self, loss: float, sent_bps: float, now: float) -> float:
        """Take a receiver report of a subscriber without transport-wide feedback; `cap_bps` is its REMB, if any."""
        return self.receive(PathSample(round(1000 * (1 - loss)), round(1000 * loss), sent_bps * (1 - loss), None), now)

    def begin_path(self, start_bps: float) -> None:
        """Forget what belonged to another network; go on with what is remembered of this one."""
        self.estimate_bps = min(max(start_bps, MIN_BPS), MAX_BPS)
        self.line, self.good_bps = Line.UNKNOWN, 0.0
        self._minimums, self._queued_since = [], None

    def _note_delay(self, delay_s: float | None, now: float) -> float:
        """Return the delay above the least of the last seconds."""
        if delay_s is None:
            return 0.0
        self._minimums = [(at, value) for at, value in self._minimums if now - at < MINIMUM_MEMORY_S]
        self._minimums = [(at, value) for at, value in self._minimums if value < delay_s]
        self._minimums.append((now, delay_s))
        return delay_s - self._minimums[0][1]

    def _hold_or_decay(self, sample: PathSample, loss: float, now: float) -> None:
        if self._queued_since is None:
            self._queued_since = now
        if now - self._queued_since < HOLD_S and loss < LOW_LOSS:
            self.line = Line.HELD
            return
        self._cut(self.estimate_bps * DECAY, sample)

    def _cut(self, estimate: float, sample: PathSample) -> None:
        if self.line is Line.CLEAN:
            self.good_bps = self.estimate_bps
        self.line = Line.CUT
        arrived = sample.acked_bps * AFTER_CUT
        self.estimate_bps = min(self.estimate_bps, max(estimate, arrived))

    def _grow(self, sample: PathSample) -> None:
        self.line = Line.CLEAN
        if sample.acked_bps >= USED_SHARE * self.estimate_bps:
            self.estimate_bps = max(self.estimate_bps * GROWTH, sample.acked_bps)

    def probe_bps(self, wanted_bps: float) -> float:
        """Return the rate that a probe should reach for a layer of `wanted_bps`; 0 when the line is not clean."""
        if self.line is not Line.CLEAN:
            return 0.0
        return min(self.cap_bps, max(wanted_bps * 1.25, min(self.good_bps, 2 * self.estimate_bps)))
