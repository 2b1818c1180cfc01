"""How good a line is: the E-model with burst loss (ITU-T G.107), and what the line is fit for. Pure."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

R0 = 94.768  # G.107 default, without impairments
PACKET_LOSS_ROBUSTNESS = 25.1  # Bpl of G.711 with concealment (G.113 table I.4); Opus conceals no worse
BUFFER_MS = 10.0  # decoder and sound card, beside twice the jitter
FAIR_MOS = 3.1  # "nearly all users satisfied" begins at 4.03, "many dissatisfied" below 3.1 (G.107 annex B)


class Verdict(enum.Enum):
    """The most demanding use that a line allows, best first."""

    SKIN_IMAGE = "skin_image"
    GAIT = "gait"
    CONVERSATION = "conversation"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Line:
    """One direction of a seat's line over some seconds."""

    loss: float
    """Share of packets lost, 0 to 1."""
    rtt_ms: float
    jitter_ms: float
    video_bps: int = 0
    """0 without a picture."""
    burst_ratio: float = 1.0
    """Mean length of loss runs over that of random loss, at least 1 (G.107 §7.3)."""
    is_silent: bool = False
    """No audio packet came although a microphone is there."""


def r_factor(line: Line) -> float:
    """Return the transmission rating, 0 to R0."""
    delay_ms = line.rtt_ms + 2 * line.jitter_ms + BUFFER_MS
    delay_impairment = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    percent = 100 * min(1.0, max(0.0, line.loss))
    loss_impairment = 95 * percent / (percent / max(1.0, line.burst_ratio) + PACKET_LOSS_ROBUSTNESS)
    return max(0.0, min(R0, R0 - delay_impairment - loss_impairment))


def mean_opinion(r: float) -> float:
    """Return the MOS of a rating, 1.0 to 4.5 (G.107 annex B)."""
    if r <= 6.5:  # below, the polynomial dips under 1
        return 1.0
    if r >= 100:
        return 4.5
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


def burst_ratio(runs: Sequence[int], received: int) -> float:
    """Return the burst ratio of loss runs (lengths) among `received` packets; 1.0 when losses are independent."""
    lost = sum(runs)
    if not runs or received <= 0:
        return 1.0
    expected = (lost + received) / received  # mean run of independent loss: 1 / (1 - p)
    return max(1.0, lost / len(runs) / expected)


# The picture that each use needs, and what the loss may be. Our own marks: 720p at 30/s needs 1.2 Mbit/s in VP8,
# 360p at 30/s 500 kbit/s; above 3 % loss retransmission no longer keeps a picture whole in time.
PICTURE = ((Verdict.SKIN_IMAGE, 1_200_000, 0.01), (Verdict.GAIT, 500_000, 0.03))


@dataclass(frozen=True, slots=True)
class Rating:
    """A line's score, verdict, and why it is not better."""

    score: float
    verdict: Verdict
    reasons: tuple[str, ...]


def rate(line: Line) -> Rating:
    """Rate one direction."""
    score = 1.0 if line.is_silent else mean_opinion(r_factor(line))
    if score < FAIR_MOS:
        verdict = Verdict.NONE
    else:
        fits = (use for use, bps, loss in PICTURE if line.video_bps >= bps and line.loss <= loss)
        verdict = next(fits, Verdict.CONVERSATION)
    return Rating(round(score, 2), verdict, _reasons(line))


def worst(a: Rating, b: Rating) -> Rating:
    """Return what holds for both directions together."""
    order = list(Verdict)
    verdict = max(a.verdict, b.verdict, key=order.index)
    return Rating(min(a.score, b.score), verdict, tuple(dict.fromkeys(a.reasons + b.reasons)))


def _reasons(line: Line) -> tuple[str, ...]:
    found = []
    if line.is_silent:
        found.append("no_sound")
    if line.loss > 0.02:
        found.append("loss")
    if line.burst_ratio > 2 and line.loss > 0.005:
        found.append("bursts")
    if line.rtt_ms > 300:
        found.append("delay")
    if line.jitter_ms > 35:  # telestroke over LTE: acceptable to about 35 ms (media.md §5)
        found.append("jitter")
    if line.video_bps < PICTURE[-1][1]:
        found.append("low_picture_rate")
    return tuple(found)
