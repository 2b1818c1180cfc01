"""What of a source anybody has use for: its page sends no layer that nobody watches, no too rich speech. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

ALL = 99
# A tile that is scrolled away for a moment or a tab that is looked at costs less than stopping and starting an encoder.
STOP_AFTER_S = 8.0
# The page's socket may be away when it is told; a layer that is wanted and does not come is asked for again.
REPEAT_S = 2.0
MAX_REPEATS = 4  # a phone too slow for the layer is not helped by asking

# (below this estimate of the worst subscriber's line, ceiling for each voice): Opus is wide-band speech from 9 kbit/s
# (RFC 6716 §2.1.1), and with a copy and all headers 10 kbit/s of it are 49 on the wire.
SPEECH_STEPS = ((100_000.0, 10_000), (250_000.0, 16_000))
SPEECH_UP_AFTER_S = 20.0


@dataclass(slots=True)
class Demand:
    """How many of a picture's layers its page is told to send, cheapest first. `receive` every quarter second."""

    told: int = ALL
    _unwatched_since: float | None = None
    _most: int = 0
    """That was wanted since then."""
    _repeat_at: float = 0.0
    _repeats: int = MAX_REPEATS

    def receive(self, wanted: int, there: int, now: float, *, is_missing: bool = False) -> bool:
        """
        Take how many layers of those that are there somebody has use for; return whether the page must be told.

        `is_missing`: a layer that it was told to send does not come.
        """
        wanted = ALL if wanted >= there else wanted
        if wanted > self.told:
            self.told, self._unwatched_since = wanted, None
            self._repeats, self._repeat_at = 0, now + REPEAT_S
            return True
        if wanted < self.told:
            return self._stop(wanted, now)
        self._unwatched_since = None
        if not is_missing or self._repeats >= MAX_REPEATS or now < self._repeat_at or not self.told:
            return False
        self._repeats, self._repeat_at = self._repeats + 1, now + REPEAT_S
        return True

    def _stop(self, wanted: int, now: float) -> bool:
        if self._unwatched_since is None:
            self._unwatched_since, self._most = now, wanted
        self._most = max(self._most, wanted)
        if now - self._unwatched_since < STOP_AFTER_S:
            return False
        self.told, self._unwatched_since = self._most, None
        return True


@dataclass(slots=True)
class SpeechCeiling:
    """The rate that a voice is told to keep to; 0 is no ceiling. `receive` every quarter second."""

    told: int = 0
    _since: float | None = None

    def receive(self, estimates_bps: Sequence[float], now: float) -> bool:
        """Take what the listeners' lines carry; return whether the page must be told, down at once, up later."""
        worst = min(estimates_bps, default=float("inf"))
        wanted = next((ceiling for below, ceiling in SPEECH_STEPS if worst < below), 0)
        if wanted == self.told:
            self._since = None
            return False
        if not self.told or 0 < wanted < self.told:
            self.told, self._since = wanted, None
            return True
        if self._since is None:
            self._since = now
        if now - self._since < SPEECH_UP_AFTER_S:
            return False
        self.told, self._since = wanted, None
        return True
