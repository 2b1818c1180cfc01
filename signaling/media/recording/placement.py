"""
Where a packet stands on the recording's clock, by sender reports (RFC 3550 §6.4.1). Pure.

A publisher's tracks share its wall clock, so lips and voice stay together to the accuracy of its reports. Two
publishers' wall clocks do not agree: each is tied to the relay's clock by its first report.
"""

from dataclasses import dataclass

NTP_UNIT = 1 << 32
# Reports jitter by a few milliseconds. The line through the first one is kept until it is off by more: a track whose
# every second begins with a small jump would crackle.
TOLERANCE_S = 0.015
# A publisher's wall clock was set, or its device slept: its tie to our clock begins anew.
CLOCK_STEP_S = 2.0


class PublisherClock:
    """One publisher's wall clock against ours."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def note(self, ntp_s: float, arrived_at: float) -> None:
        """Take one report's time and when it came; the first one ties the two."""
        offset = arrived_at - ntp_s
        if self._offset is None or abs(offset - self._offset) > CLOCK_STEP_S:
            self._offset = offset

    def ours(self, ntp_s: float) -> float:
        """Return our time of one of its times; `note` must have been called."""
        assert self._offset is not None, "a report came first"
        return ntp_s + self._offset


@dataclass(frozen=True, slots=True)
class _Anchor:
    timestamp: int
    """Extended."""
    at: float
    """On our clock."""


class TrackClock:
    """One track's RTP timestamps on our clock."""

    def __init__(self, rate: int, publisher: PublisherClock) -> None:
        self._rate, self._publisher = rate, publisher
        self._anchor: _Anchor | None = None
        self._newest: int | None = None
        self.is_placed_by_report = False

    def note_report(self, ntp: int, timestamp: int, arrived_at: float) -> None:
        """Take a sender report: 64-bit NTP time, the track's timestamp at that time, when it came."""
        ntp_s = ntp / NTP_UNIT
        self._publisher.note(ntp_s, arrived_at)
        extended, at = self._extend(timestamp), self._publisher.ours(ntp_s)
        if not self.is_placed_by_report or abs(self._at(extended) - at) > TOLERANCE_S:
            self._anchor = _Anchor(extended, at)
        self.is_placed_by_report = True

    def restart(self) -> None:
        """Another run of timestamps begins: a page was loaded again, a layer changed."""
        self._anchor, self._newest, self.is_placed_by_report = None, None, False

    def place(self, timestamp: int, arrived_at: float) -> float:
        """Return when a packet was captured; before the first report, by the first packet's arrival."""
        extended = self._extend(timestamp)
        self._newest = extended if self._newest is None else max(self._newest, extended)
        if self._anchor is None:
            self._anchor = _Anchor(extended, arrived_at)
        return self._at(extended)

    def _at(self, extended: int) -> float:
        assert self._anchor is not None, "the first packet or report sets it"
        return self._anchor.at + (extended - self._anchor.timestamp) / self._rate

    def _extend(self, timestamp: int) -> int:
        near = self._newest if self._newest is not None else self._anchor.timestamp if self._anchor else timestamp
        return near + ((timestamp - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000
