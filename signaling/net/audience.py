"""What publishers are told of their audience: layers that nobody watches, and how rich speech may be."""

from collections.abc import Callable, Mapping

from signaling.media.demand import ALL
from signaling.media.reports import RelayEvent, SourceDemand
from signaling.net.publication import Layer, Publication, TrackKey
from signaling.net.room import Room


def tell_demand(
    room: Room,
    pictures: Mapping[TrackKey, list[Layer]],
    estimates: Mapping[str, float],
    now: float,
    tell: Callable[[RelayEvent], None],
) -> None:
    """Compare what is sent with what somebody has use for, and tell the publishers' pages what has changed."""
    for publication in room.publications():
        if publication.key in room.muted:
            continue  # its page has stopped it already, or it is a hold that ends soon
        if publication.received.kind == "video":
            tell_layers(room, publication, pictures.get(publication.key, []), now, tell)
        else:
            tell_ceiling(room, publication, estimates, now, tell)


def tell_layers(
    room: Room, publication: Publication, ranked: list[Layer], now: float, tell: Callable[[RelayEvent], None]
) -> None:
    """Stop the upper layers, or the whole picture, that no subscriber watches; wake what one wants again."""
    if not ranked:
        return
    watchers = [d.subscriptions[publication.key] for d in room.downs.values() if publication.key in d.subscriptions]
    wanted = max((subscription.watched(ranked) for subscription in watchers), default=0)
    demand = publication.demand
    is_missing = any(not layer.is_alive(now) for layer in ranked[: demand.told])
    if not demand.receive(wanted, len(ranked), now, is_missing=is_missing):
        return
    active = ranked[: demand.told]
    for layer in ranked:
        if layer.is_asleep and layer in active:
            layer.woken_at = now
        layer.is_asleep = layer not in active
    rids = tuple(layer.rid for layer in active) if demand.told != ALL else publication.received.rids or ("",)
    tell(SourceDemand(room.name, publication.seat, publication.source, rids))


def tell_ceiling(
    room: Room,
    publication: Publication,
    estimates: Mapping[str, float],
    now: float,
    tell: Callable[[RelayEvent], None],
) -> None:
    """Let a voice use no more than the thinnest line among its listeners takes."""
    listeners = [link for link, down in room.downs.items() if publication.key in down.subscriptions]
    lines = [estimates[link] for link in listeners if link in estimates]
    if publication.speech.receive(lines, now):
        tell(SourceDemand(room.name, publication.seat, publication.source, ("",), publication.speech.told))
