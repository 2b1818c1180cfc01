"""The way from the rooms to the relay processes: picks a relay, keeps the connections, hands on their events."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from signaling.media.reports import RelayEvent, RoomSnapshot
from signaling.net.control import RelayClient


@dataclass(frozen=True, slots=True)
class RelayGone:
    """The relay that held the room is lost: its media is over."""

    room: str


@dataclass(frozen=True, slots=True)
class RelayBack:
    """Web is connected to the room's relay again, and this is what the relay still has."""

    room: str
    links: RoomSnapshot | None


class RelayListener(Protocol):
    """Who is told of a room's relay events: server/rooms.py. Must not block; called in the loop."""

    def relay_event(self, room: str, event: "RelayEvent | RelayGone | RelayBack") -> None: ...


class RelayPool:
    """
    Connections to every relay of this node, and which room is where.

    `run` must be running; it connects, reconnects with back-off and reads the events.
    """

    def __init__(self, paths: Sequence[str], *, connect: Callable[[str], Awaitable[RelayClient]] = RelayClient.connect):
        self._paths = tuple(paths)
        self._connect = connect

    async def run(self, listener: RelayListener) -> None:
        """Keep the connections until cancelled."""
        raise NotImplementedError

    def relay_of(self, room: str) -> RelayClient:
        """
        Return the connection of the room's relay; a new room goes to the least loaded relay that is not draining.

        Raises:
            RelayUnavailable: no relay is connected.
        """
        raise NotImplementedError
