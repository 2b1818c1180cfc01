"""Send-side estimation and the ladder over a line in virtual time: a queue, random loss, handovers."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.bandwidth import MIN_BPS, START_BPS, UPDATE_S, Estimator, Line, PathSample
from signaling.media.layers import PAUSED, Change, Ladder, Picture, allocate, rung

RATES = (150_000.0, 500_000.0, 1_700_000.0)


@dataclass
class Bottleneck:
    """A line of a rate with a queue of 300 ms, random loss and an extra delay that a test sets."""

    rate_bps: float
    loss: float = 0.0
    extra_s: float = 0.0
    queue_s: float = 0.0
    seed: int = 7

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def carry(self, sent_bps: float) -> PathSample:
        """What an update sees when so much is sent."""
        self.queue_s = max(0.0, self.queue_s + (sent_bps - self.rate_bps) / self.rate_bps * UPDATE_S)
        overflow = max(0.0, self.queue_s - 0.3)
        self.queue_s -= overflow
        sent = max(1, round(sent_bps * UPDATE_S / 8 / 1000))
        dropped = round(sent * min(1.0, overflow * self.rate_bps / max(1.0, sent_bps * UPDATE_S)))
        dropped += sum(self._random.random() < self.loss for _ in range(sent - dropped))
        delay = 5000.0 + 0.02 + self.queue_s + self.extra_s
        got = sent - dropped
        return PathSample(got, dropped, min(sent_bps, self.rate_bps) * got / sent, delay)


def drive(
    line: Bottleneck, seconds: float, estimator: Estimator, ladder: Ladder, start: float = 0.0
) -> list[tuple[float, Change]]:
    """A subscriber of one picture in three layers; probes as the relay does."""
    changes: list[tuple[float, Change]] = []
    probe = 0.0
    for step in range(int(seconds / UPDATE_S)):
        now = start + step * UPDATE_S
        layer = ladder.layers().get("camera", 0)
        media = 40_000 + (RATES[layer] if layer >= 0 else 0)
        estimator.receive(line.carry(max(media, probe)), now)
        told = ladder.receive(estimator.estimate_bps, [Picture("camera", RATES)], 1, now)
        changes += [(now, c) for c in told if isinstance(c, Change)]
        layer = ladder.layers()["camera"]
        probe = estimator.probe_bps(RATES[layer + 1]) if layer < 2 and step % 20 == 19 else 0.0
    return changes


class TestEstimator:
    @pytest.mark.parametrize("rate", [300_000, 900_000, 3_000_000])
    def test_settles_below_the_lines_rate_without_a_standing_queue(self, rate: float) -> None:
        line, estimator = Bottleneck(rate), Estimator()
        for step in range(240):
            estimator.receive(line.carry(estimator.estimate_bps), step * UPDATE_S)
        found = []
        for step in range(240, 480):
            found.append(estimator.receive(line.carry(estimator.estimate_bps), step * UPDATE_S))
        assert 0.6 * rate < sum(found) / len(found) < 1.15 * rate

    def test_delay_spike_without_loss_is_held(self) -> None:
        """A handover: 400 ms more for a second, nothing lost."""
        line, estimator = Bottleneck(5_000_000), Estimator()
        for step in range(10):
            estimator.receive(line.carry(estimator.estimate_bps * 0.9), step * UPDATE_S)
        before, line.extra_s = estimator.estimate_bps, 0.4
        for step in range(10, 14):
            estimator.receive(line.carry(before * 0.9), step * UPDATE_S)
            assert (estimator.line, estimator.estimate_bps) == (Line.HELD, before)
        line.extra_s = 0.0
        estimator.receive(line.carry(before * 0.9), 14 * UPDATE_S)
        assert estimator.estimate_bps >= before

    def test_delay_that_stays_is_believed(self) -> None:
        line, estimator = Bottleneck(5_000_000), Estimator()
        for step in range(8):
            estimator.receive(line.carry(START_BPS), step * UPDATE_S)
        before, line.extra_s = estimator.estimate_bps, 0.4
        for step in range(8, 24):
            estimator.receive(line.carry(100_000), step * UPDATE_S)
        assert estimator.estimate_bps < 0.6 * before

    def test_unused_line_is_not_guessed_upwards(self) -> None:
        estimator = Estimator()
        for step in range(100):
            estimator.receive(PathSample(10, 0, 100_000, 1.0), step * UPDATE_S)
        assert estimator.estimate_bps == START_BPS

    @given(
        st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(0, 1e8), st.floats(-9, 9)), max_size=60)
    )
    def test_never_leaves_its_bounds(self, samples: list[tuple[int, int, float, float]]) -> None:
        estimator = Estimator(cap_bps=2_000_000)
        for step, sample in enumerate(samples):
            assert MIN_BPS <= estimator.receive(PathSample(*sample), step * UPDATE_S) <= 2_000_000


class TestLadder:
    def test_good_line_reaches_high_and_stays(self) -> None:
        changes = drive(Bottleneck(5_000_000), 60, Estimator(), Ladder())
        assert [c.layer for _, c in changes][-1] == 2
        assert len(changes) <= 3

    def test_bad_line_ends_at_sound_alone_and_comes_back(self) -> None:
        line, estimator, ladder = Bottleneck(5_000_000), Estimator(), Ladder()
        drive(line, 40, estimator, ladder)
        line.rate_bps = 90_000
        changes = drive(line, 40, estimator, ladder, 40.0)
        assert changes[-1][1].layer == PAUSED
        line.rate_bps = 5_000_000
        changes = drive(line, 120, estimator, ladder, 80.0)
        assert changes[-1][1].layer == 2

    @pytest.mark.parametrize("rate", [250_000, 450_000, 700_000, 1_500_000])
    @pytest.mark.parametrize("loss", [0.0, 0.03, 0.05])
    def test_steady_line_does_not_flap(self, rate: float, loss: float) -> None:
        line, estimator, ladder = Bottleneck(rate, loss), Estimator(), Ladder()
        drive(line, 30, estimator, ladder)
        ups = [at for at, change in drive(line, 120, estimator, ladder, 30.0) if change.layer > 0]
        assert all(b - a >= 10 for a, b in zip(ups, ups[1:], strict=False))

    def test_wish_is_followed_at_once_and_hidden_picture_costs_nothing(self) -> None:
        ladder = Ladder()
        ladder.receive(5e6, [Picture("camera", RATES)], 1, 0.0)
        assert ladder.receive(5e6, [Picture("camera", RATES, most=0)], 1, 0.1) == [Change("camera", 0, "wish")]
        assert ladder.receive(5e6, [Picture("camera", RATES, most=PAUSED)], 1, 0.2) == [
            Change("camera", PAUSED, "wish")
        ]

    def test_screen_goes_before_faces_and_everybody_gets_a_little_first(self) -> None:
        pictures = [Picture("face", RATES), Picture("screen", (200_000.0, 900_000.0), priority=-1)]
        assert allocate(1_300_000, pictures) == {"face": 0, "screen": 1}
        assert allocate(200_000, pictures) == {"face": PAUSED, "screen": 0}

    @pytest.mark.parametrize(
        ("layer", "count", "name"),
        [(-1, 3, "audio_only"), (0, 3, "low"), (1, 3, "mid"), (2, 3, "high"), (0, 1, "high")],
    )
    def test_rungs(self, layer: int, count: int, name: str) -> None:
        assert rung(layer, count) == name
