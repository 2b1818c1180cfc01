"""What publishers are told of their audience: layers that nobody watches, and how rich speech may be."""

from collections.abc import Mapping
from dataclasses import dataclass

from signaling.media.demand import ALL
from signaling.media.reports import SourceDemand
from signaling.net.publication import Layer, Publication, TrackKey
from signaling.net.registry import Registry
from signaling.net.room import Room


@dataclass(frozen=True, slots=True)
class Audience:
    """A room's pictures and listeners as the allocator sees them now."""

    room: Room
    pictures: Mapping[TrackKey, list[Layer]]
    """Layers, cheapest first."""
    estimates: Mapping[str, float]
    """Down link -> bit/s."""
    registry: Registry

    def tell(self, now: float) -> None:
        """Compare what is sent with what somebody has use for, and tell the publishers' pages what has changed."""
        for publication in self.room.publications():
            if publication.key in self.room.muted:
                continue  # its page has stopped it already, or it is a hold that ends soon
            if publication.received.kind == "video":
                self._tell_layers(publication, self.pictures.get(publication.key, []), now)
            else:
                self._tell_ceiling(publication, now)

    def _tell_layers(self, publication: Publication, ranked: list[Layer], now: float) -> None:
        """Stop the upper layers, or the whole picture, that no subscriber watches; wake what one wants again."""
        if not ranked:
            return
        demand = publication.demand
        is_missing = any(not layer.is_alive(now) for layer in ranked[: demand.told])
        if not demand.receive(self._watched(publication, ranked), len(ranked), now, is_missing=is_missing):
            return
        active = ranked[: demand.told]
        for layer in ranked:
            if layer.is_asleep and layer in active:
                layer.woken_at = now
            layer.is_asleep = layer not in active
        rids = tuple(layer.rid for layer in active) if demand.told != ALL else publication.received.rids or ("",)
        self.registry.tell(SourceDemand(self.room.name, publication.seat, publication.source, rids))

    def _watched(self, publication: Publication, ranked: list[Layer]) -> int:
        if self.registry.taps.is_recorded(self.room.name):
            return ALL  # the record is of the best that there is
        downs = self.room.downs.values()
        watchers = [down.subscriptions[publication.key] for down in downs if publication.key in down.subscriptions]
        return max((subscription.watched(ranked) for subscription in watchers), default=0)

    def _tell_ceiling(self, publication: Publication, now: float) -> None:
        """Let a voice use no more than the thinnest line among its listeners takes."""
        listeners = [link for link, down in self.room.downs.items() if publication.key in down.subscriptions]
        lines = [self.estimates[link] for link in listeners if link in self.estimates]
        if publication.speech.receive(lines, now):
            name, ceiling = self.room.name, publication.speech.told
            self.registry.tell(SourceDemand(name, publication.seat, publication.source, ("",), ceiling))
