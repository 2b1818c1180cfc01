"""
Which layer of each picture a subscriber gets: high, mid, low, or sound alone. Pure.

Speech is never given up for a picture, and no layer changes often: down when the line says so, up after a dwell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

AUDIO_BPS = 40_000  # Opus with header and RED share, for each voice
UP_SHARE = 7 / 8  # of the estimate: a layer that just fits would fall again (Galene)
FAR_OVER = 1.5  # the layer costs so much more than the line takes: no waiting
DOWN_AFTER_S = 2.0
AUDIO_ONLY_AFTER_S = 3.0  # the last picture is held a little longer, and is warned of
DWELL_S = 10.0  # media.md §8: layer changes at least 10 s apart in steady loss
PAUSED = -1
CLEARLY = 2.0  # times the rate: the outer layers of a simulcast differ by four and more in pixels
LEARN_AFTER_S = 1.0
TURN_AFTER_S = 10.0  # what was once plain does not change in a call; a page may publish anew in another order


@dataclass(frozen=True, slots=True)
class Picture:
    """One video track as it could be sent."""

    key: object
    rates_bps: tuple[float, ...]
    """Of its layers, lowest first."""
    most: int = 99
    """The highest layer that the subscriber has use for (its tile's size); PAUSED when it shows none."""
    priority: int = 0
    """Lower first: a shared screen before a face."""


@dataclass(frozen=True, slots=True)
class Change:
    """Send this layer from its next key frame on; PAUSED stops the picture."""

    key: object
    layer: int
    cause: str
    """start, line or wish."""


@dataclass(frozen=True, slots=True)
class Soon:
    """The line is too thin for the layer: this one comes next unless it recovers; None when it has."""

    key: object
    layer: int | None


def allocate(budget_bps: float, pictures: Sequence[Picture]) -> dict[object, int]:
    """Return a layer for each picture that fits the budget together: all get their lowest before one gets more."""
    chosen = {picture.key: PAUSED for picture in pictures}
    ordered = sorted((p for p in pictures if p.most != PAUSED and p.rates_bps), key=lambda p: p.priority)
    left = budget_bps
    deepest = max((len(p.rates_bps) for p in ordered), default=0)
    for layer in range(deepest):
        for picture in ordered:
            if layer > min(picture.most, len(picture.rates_bps) - 1) or chosen[picture.key] != layer - 1:
                continue
            cost = picture.rates_bps[layer] - (picture.rates_bps[layer - 1] if layer else 0)
            if cost <= left:
                left -= cost
                chosen[picture.key] = layer
    return chosen


@dataclass(slots=True)
class Order:
    """
    Whether a simulcast's layers are declared lowest first or highest first; RFC 8853 says neither.

    Told by the rates of the outer two while both flow, and not at every moment: an encoder that is short of rate or
    has just begun gives its upper layer less than the lower one for a while.
    """

    is_highest_first: bool = False
    _is_known: bool = False
    _against_since: float | None = None

    def receive(self, first_bps: float, last_bps: float, now: float) -> bool:
        """Take the rates of the first and the last declared layer; return whether the first is the highest."""
        low, high = (last_bps, first_bps) if self.is_highest_first else (first_bps, last_bps)
        if high > CLEARLY * low:
            self._is_known = True
        if low <= CLEARLY * high:
            self._against_since = None
            return self.is_highest_first
        if self._against_since is None:
            self._against_since = now
        if now - self._against_since >= (TURN_AFTER_S if self._is_known else LEARN_AFTER_S):
            self.is_highest_first, self._is_known = not self.is_highest_first, True
            self._against_since = None
        return self.is_highest_first


@dataclass(slots=True)
class _Place:
    layer: int
    since: float
    over_since: float | None = None
    is_warned: bool = False
    by_wish: bool = False
    is_capped: bool = False
    """By the tile's size, not by the line: a larger tile need not wait."""


@dataclass(slots=True)
class Ladder:
    """One subscriber's pictures."""

    _places: dict[object, _Place] = field(default_factory=dict)

    def layers(self) -> Mapping[object, int]:
        """Return the layer of each picture now."""
        return {key: place.layer for key, place in self._places.items()}

    def found_at(self, key: object, layer: int) -> None:
        """Take where the layer that a picture has now stands among those that there are: others came, or went."""
        place = self._places.get(key)
        if place is not None and place.layer != PAUSED:
            place.layer = layer

    def receive(self, estimate_bps: float, pictures: Sequence[Picture], voices: int, now: float) -> list[Change | Soon]:
        """Take the estimate and what could be sent; return what changes or soon will. Call every quarter second."""
        budget = max(0.0, estimate_bps - voices * AUDIO_BPS)
        known = {picture.key for picture in pictures}
        self._places = {key: place for key, place in self._places.items() if key in known}
        fits, easily = allocate(budget, pictures), allocate(budget * UP_SHARE, pictures)
        barely = allocate(budget * FAR_OVER, pictures)
        changes: list[Change | Soon] = []
        for picture in pictures:
            key = picture.key
            place = self._places.get(key)
            if place is None or (place.by_wish and picture.most != PAUSED):
                start = max(fits[key], 0) if picture.most != PAUSED else PAUSED
                changes.append(self._put(key, start, now, "start"))
                self._places[key].since = now - DWELL_S  # the first step up need not wait
                continue
            layer = self._next(place, picture, (barely[key], fits[key], easily[key]), now)
            place.is_capped = layer == picture.most < len(picture.rates_bps) - 1
            if layer != place.layer:
                wished = layer == picture.most or (place.layer == PAUSED and layer >= 0 and picture.most == PAUSED)
                changes.append(self._put(key, layer, now, "wish" if wished and layer < place.layer else "line"))
                self._places[key].is_capped = place.is_capped
            elif place.is_warned is (place.over_since is None):
                place.is_warned = not place.is_warned
                below = max(fits[key], 0) if place.layer else PAUSED
                changes.append(Soon(key, below if place.is_warned else None))
        return changes

    def _put(self, key: object, layer: int, now: float, cause: str) -> Change:
        self._places[key] = _Place(layer, now, by_wish=layer == PAUSED and cause != "line")
        return Change(key, layer, cause)

    @staticmethod
    def _next(place: _Place, picture: Picture, bounds: tuple[int, int, int], now: float) -> int:
        barely, fits, easily = bounds
        if place.layer > picture.most:
            return picture.most
        if place.layer <= fits:
            place.over_since = None
            if place.is_capped and easily > place.layer:
                return easily
            rested = now - place.since >= DWELL_S
            return place.layer + 1 if easily > place.layer and rested else place.layer
        if place.over_since is None:
            place.over_since = now
        patience = AUDIO_ONLY_AFTER_S if fits == PAUSED and place.layer == 0 else DOWN_AFTER_S
        if place.layer > max(barely, 0) or now - place.over_since >= patience:
            return max(fits, place.layer - 1) if place.layer == 0 else max(fits, 0)
        return place.layer


RUNGS = ("audio_only", "low", "mid", "high")


def rung(layer: int, count: int) -> str:
    """Return the ladder's name of a layer among `count`: the top one is high, the lowest of several low."""
    if layer == PAUSED:
        return RUNGS[0]
    if layer == count - 1:
        return RUNGS[3]
    return RUNGS[1] if layer == 0 else RUNGS[2]
