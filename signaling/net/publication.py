"""What a seat publishes and what a subscriber gets of it, with what is known of each layer."""

from dataclasses import dataclass, field

from signaling.media.demand import Demand, SpeechCeiling
from signaling.media.keyframe import KeyframeThrottle
from signaling.media.layers import Order
from signaling.media.nack import NackList
from signaling.media.negotiation import Received, Sent
from signaling.media.reports import Track
from signaling.media.rtcp import ReportBlock, SenderReport
from signaling.net.link import Link
from signaling.net.records import Output, Stream

MAX_RUNS = 1000  # gaps in 5 s; more do not change the verdict
MAX_SENT_REPORTS = 8  # sender reports whose answers may still come
RATE_SMOOTHING = 0.3  # of the newest quarter second; a key frame must not look like a dearer layer
WAKE_S = 5.0  # a layer that was asked for comes within a round trip; after this it counts as gone
LAYER_GONE_S = 2.0  # a publisher stops its upper layers when its own line or processor is short

TrackKey = tuple[str, str]  # seat, source


@dataclass(slots=True, eq=False)
class Layer:
    """One SSRC of a publication: the only one, or one of its simulcast layers."""

    rid: str
    stream: Stream
    publication: "Publication"
    throttle: KeyframeThrottle = field(default_factory=KeyframeThrottle)
    nacks: NackList = field(default_factory=NackList)
    sender_report: SenderReport | None = None
    reported_at: float = 0.0
    """When that sender report came."""
    loss_runs: list[int] = field(default_factory=list)
    """Lengths of the gaps since quality was last told."""
    prior: tuple[int, int] = (0, 0)
    """Packets expected and received at the last report (RFC 3550 A.3)."""
    height: int | None = None
    """Of the picture that it began with, where its first packet says so."""
    rate_bps: float = 0.0
    """While it is sent; a layer that sleeps keeps its last one."""
    is_asleep: bool = False
    """Its page was told that nobody watches it."""
    woken_at: float = float("-inf")
    _octets: int = 0

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

    def measure(self, interval_s: float) -> None:
        """Take what came in the last interval into the layer's rate."""
        octets = self.stream.octets
        newest = max(0, octets - self._octets) * 8 / interval_s
        self._octets = octets
        if not newest:
            return
        self.rate_bps = newest if not self.rate_bps else self.rate_bps + RATE_SMOOTHING * (newest - self.rate_bps)

    def is_alive(self, now: float) -> bool:
        return self.stream.received > 0 and now - self.stream.last_arrival < LAYER_GONE_S

    def is_there(self, now: float) -> bool:
        """Return whether it is sent, or would be when somebody wanted it."""
        return self.is_asleep or now - self.woken_at < WAKE_S or self.is_alive(now)


@dataclass(slots=True, eq=False)
class Publication:
    """One source of a seat, as its up link sends it."""

    seat: str
    source: str
    received: Received
    link: Link
    layers: dict[str, Layer] = field(default_factory=dict)
    """By rid; "" for a source without simulcast. Empty until its SSRC is known."""
    is_silent: bool = False
    order: Order = field(default_factory=Order)
    demand: Demand = field(default_factory=Demand)
    speech: SpeechCeiling = field(default_factory=SpeechCeiling)

    @property
    def key(self) -> TrackKey:
        return (self.seat, self.source)

    def track(self) -> Track:
        return Track(self.received.mid, self.seat, self.received.kind, self.source)  # type: ignore[arg-type]  # audio or video

    def ranked(self, now: float) -> list[Layer]:
        """Return the layers that are or can be sent, lowest first; all of them when none is yet."""
        rids = self.received.rids
        declared = sorted(self.layers.values(), key=lambda layer: rids.index(layer.rid) if layer.rid in rids else -1)
        flowing = [layer for layer in declared if layer.is_alive(now)]
        sizes = [layer.height for layer in declared if layer.height is not None]
        if len(set(sizes)) > 1:
            self.order.is_highest_first = sizes[0] > sizes[-1]
        elif len(flowing) > 1:
            self.order.receive(flowing[0].rate_bps, flowing[-1].rate_bps, now)
        if self.order.is_highest_first:
            declared.reverse()
        return [layer for layer in declared if layer.is_there(now)] or declared


@dataclass(slots=True, eq=False)
class Subscription:
    """One track as one subscriber's link gets it; the output is there while both ends are."""

    sent: Sent
    output: Output | None = None
    waiting: Output | None = None
    """The next layer's output, until its key frame comes."""
    report: ReportBlock | None = None
    rtt_s: float = 0.0
    sent_reports: dict[int, float] = field(default_factory=dict)
    """Middle of a sender report's NTP time -> when it was sent."""
    is_paused: bool = False
    """By the subscriber's word."""
    max_height: int | None = None
    is_shed: bool = False
    """By the ladder: the line takes sound alone."""
    is_beyond: bool = False
    """There are more faces than are sent at once."""
    resumed_at: float = 0.0

    @property
    def key(self) -> TrackKey:
        return (self.sent.outgoing.seat, self.sent.outgoing.source)

    @property
    def is_wanted(self) -> bool:
        return not (self.is_paused or self.is_shed or self.is_beyond)

    def watched(self, ranked: list[Layer]) -> int:
        """Return how many of the layers, cheapest first, are needed for what this subscriber gets or waits for."""
        if not self.is_wanted:
            return 0
        streams = [output.stream for output in (self.output, self.waiting) if output is not None]
        return max((rank + 1 for rank, layer in enumerate(ranked) if layer.stream in streams), default=1)

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
