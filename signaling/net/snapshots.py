"""The relay's rooms, links and counters at one moment."""

from signaling.media.reports import LinkSnapshot, RoomSnapshot, Snapshot, Track
from signaling.net.link import Link
from signaling.net.registry import Registry, track_of
from signaling.net.room import Room


def snapshot(registry: Registry, index: int) -> Snapshot:
    """Return everything that web needs after its restart."""
    rooms = tuple(_room(room) for room in registry.rooms.values())
    counters = registry.around.plane.counters
    totals = {
        "datagrams": counters.datagrams,
        "packets_in": counters.packets_in,
        "packets_out": counters.packets_out,
        **{f"dropped_{cause}": amount for cause, amount in counters.dropped.items()},
        **registry.reporter.counters,
    }
    gaps = registry.gaps
    return Snapshot(index, registry.is_draining, rooms, totals, gaps.histogram(), gaps.percentiles_ms())


def _room(room: Room) -> RoomSnapshot:
    ups = [_link(u.link, "up", tuple(p.track() for p in u.publications.values())) for u in room.ups.values()]
    downs = []
    for down in room.downs.values():
        tracks = tuple(track_of(s.sent) for s in down.subscriptions.values())
        downs.append(_link(down.link, "down", tracks, down.offers.generation if down.offers else 0))
    return RoomSnapshot(room.name, (*ups, *downs))


def _link(link: Link, direction: str, tracks: tuple[Track, ...], generation: int = 0) -> LinkSnapshot:
    received = sum(s.received for s in link.peer.streams.values())
    sent = sum(same[-1].packets for same in link.peer.outputs.values())
    name = link.name
    return LinkSnapshot(name.link, name.seat, direction, link.state(), generation, tracks, received, sent)  # type: ignore[arg-type]  # literals
