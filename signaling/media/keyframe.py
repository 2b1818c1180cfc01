"""When a publisher is asked for a key frame: at most once per interval and source, and again until one comes. Pure."""

from dataclasses import dataclass

# Key frames cost bits: at 1.7/s the picture's quality collapsed (jitsi-videobridge#2448). Media.md §8: <= 1 per 2 s,
# here on average: who comes or changes the layer just after somebody else need not wait for the interval, and what is
# lost with its key frame is asked for anew after a round trip and an encoder's frame.
MIN_INTERVAL_S = 2.0
BURST = 2
BURST_GAP_S = 0.5
MAX_RETRIES = 5  # an encoder that gives none in 10 s is not helped by asking


@dataclass(slots=True)
class KeyframeThrottle:
    """The asking for one source. `wanted` and `handle_timer` return whether a PLI goes out now."""

    asked_at: tuple[float, ...] = (float("-inf"),) * BURST
    """The newest requests, oldest first."""
    open_since: float | None = None
    """When a subscriber first wanted the key frame that has not come yet."""
    retries: int = 0

    def wanted(self, now: float) -> bool:
        """A subscriber needs a key frame: ask now, or when the interval is over."""
        if self.open_since is None:
            self.open_since, self.retries = now, 0
        return self.handle_timer(now)

    def arrived(self) -> None:
        """A key frame came."""
        self.open_since = None

    def handle_timer(self, now: float) -> bool:
        """Return whether to ask now: something is wanted and the interval has passed."""
        if self.open_since is None or now - self.asked_at[-1] < BURST_GAP_S:
            return False
        if now - self.asked_at[0] < BURST * MIN_INTERVAL_S:
            return False
        if self.retries > MAX_RETRIES:
            self.open_since = None
            return False
        self.asked_at, self.retries = (*self.asked_at[1:], now), self.retries + 1
        return True
