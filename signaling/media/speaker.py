"""Who speaks, from the audio levels that publishers put into their packets (RFC 6464). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Levels here are 127 + dBov: 0 silence, 127 the loudest. Speech at a desk is about -20 to -40 dBov; noise below -55.
SPEECH_LEVEL = 77.0
LOUDER_BY = 6.0  # another must be twice as loud to take over, so that two who speak at once do not flap
TAKE_OVER_S = 0.6  # and for so long: a cough is shorter
SILENCE_S = 4.0  # pauses between sentences are shorter
SMOOTHING = 0.5  # of the newest quarter second


# Faces that one subscriber gets at once: three by three are as many as can be told apart on a tablet.
LAST_N = 9


def last_n(seats: Sequence[str], speakers: Sequence[str], most: int = LAST_N) -> set[str]:
    """Return the seats whose faces are sent: who spoke last (latest first), then in order of arrival."""
    ordered = dict.fromkeys([*(seat for seat in speakers if seat in seats), *seats])
    return set(list(ordered)[:most])


@dataclass(slots=True)
class SpeakerDetector:
    """The speaker of one room. `receive` every quarter second."""

    speaker: str | None = None
    _levels: dict[str, float] = field(default_factory=dict)
    _heard_at: float = 0.0
    _candidate: str | None = None
    _since: float = 0.0

    def receive(self, levels: Mapping[str, float], now: float) -> bool:
        """Take each seat's mean level since the last call (missing: silent); return whether the speaker changed."""
        for seat in {*self._levels, *levels}:
            before = self._levels.get(seat, 0.0)
            self._levels[seat] = before + SMOOTHING * (levels.get(seat, 0.0) - before)
        self._levels = {seat: level for seat, level in self._levels.items() if seat in levels or level > 1.0}
        loudest = max(self._levels, key=self._levels.__getitem__, default=None)
        if loudest is None or self._levels[loudest] < SPEECH_LEVEL:
            return self._be_silent(now)
        if self._levels.get(self.speaker or "", 0.0) >= SPEECH_LEVEL:
            self._heard_at = now
        if loudest == self.speaker or not self._is_clearly_louder(loudest):
            self._candidate = None
            return False
        if self._candidate != loudest:
            self._candidate, self._since = loudest, now
        if self.speaker is not None and now - self._since < TAKE_OVER_S:
            return False
        self.speaker, self._candidate, self._heard_at = loudest, None, now
        return True

    def _is_clearly_louder(self, seat: str) -> bool:
        return self._levels[seat] >= self._levels.get(self.speaker or "", 0.0) + LOUDER_BY

    def _be_silent(self, now: float) -> bool:
        self._candidate = None
        if self.speaker is None or now - self._heard_at < SILENCE_S:
            return False
        self.speaker = None
        return True
