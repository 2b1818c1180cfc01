"""What came over a room's data channels carried into its exchange, and what the exchange has for each carried out."""

from signaling.net.data_channel import DataChannel
from signaling.net.room import Room, UpLink


def turn(room: Room, now: float) -> list[DataChannel]:
    """Do one round; returns the channels to be closed, whose seats send nonsense."""
    channels = open_channels(room)
    for seat, (up, data) in channels.items():
        if data.is_new:
            data.is_new = False
            room.exchange.join(seat, up.role)
        for text in data.take():
            room.exchange.receive(seat, text, now)
    for seat, (_, data) in channels.items():
        for text in room.exchange.take(seat, data.free_bytes):
            data.send(text)
    return [data for seat, (_, data) in channels.items() if room.exchange.is_refused(seat)]


def open_channels(room: Room) -> dict[str, tuple[UpLink, DataChannel]]:
    """Return each seat's newest open channel: a page that reloads has an older one for a moment."""
    return {
        up.link.name.seat: (up, up.link.data)
        for up in room.ups.values()
        if up.link.data is not None and up.link.data.is_open
    }
