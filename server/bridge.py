"""The way from the rooms to the relay processes: picks a relay, keeps the connections, hands on their events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from signaling.inputs import RelayBack, RelayGone, RelayMoved
from signaling.media.reports import RelayDraining, RelayEvent, RoomClosed, RoomSnapshot, Snapshot
from signaling.net.control import RelayClient, RelayError, RelayLost

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 0.2  # a relay that was killed listens again within about a second; a refused try costs nothing
# Waking one process for many rooms costs half of waking two for the same packets (tests/bench/README.md), so a relay
# is filled before the next one is used: 24 rooms of two are 17,000 packets/s, a third of a core in Python,
# a sixth natively.
FILLED_AT_ROOMS = 24


class RelayListener(Protocol):
    """Who is told of a room's relay events: server/rooms.py. Must not block; called in the loop."""

    def relay_event(self, room: str, event: RelayEvent | RelayGone | RelayBack | RelayMoved) -> None:
        """Take one event of one room."""


@dataclass(slots=True, eq=False)
class _Relay:
    """One relay process as seen from here."""

    path: str
    client: RelayClient | None = None
    is_draining: bool = False
    rooms: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)
    """Rooms that moved to another relay and whose old links end in a moment: what is told of them is not."""


class RelayPool:
    """
    Connections to every relay of this node, and which room is where.

    `run` must be running; it connects, reconnects with back-off and reads the events.
    """

    def __init__(
        self, paths: Sequence[str], connect: Callable[[str], Awaitable[RelayClient]] = RelayClient.connect
    ) -> None:
        self._relays = tuple(_Relay(path) for path in paths)
        self.connect = connect

    async def run(self, listener: RelayListener) -> None:
        """Keep the connections until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for relay in self._relays:
                tasks.create_task(_Keeper(relay, self, listener).run())

    @property
    def connected(self) -> int:
        """How many relays can be used now; /readyz needs one."""
        return sum(relay.client is not None for relay in self._relays)

    @property
    def can_take_rooms(self) -> bool:
        """Whether a relay is there that a room may move to."""
        return self._next_to_fill() is not None

    def client_of(self, room: str) -> RelayClient:
        """
        Return the connection to the room's relay; a new room goes to the fullest one with space that is not draining.

        Raises:
            RelayLost: its relay, or every one, is away at the moment.
        """
        relay = self._relay_of(room) or self._next_to_fill()
        if relay is None or relay.client is None:
            raise RelayLost("no relay is connected")
        relay.rooms.add(room)
        return relay.client

    def refuse(self, room: str) -> None:
        """The room's relay takes no new rooms: choose another next time."""
        relay = self._relay_of(room)
        if relay is not None:
            relay.is_draining = True
            relay.rooms.discard(room)

    def forget(self, room: str) -> None:
        """The room is over; its place is free."""
        for relay in self._relays:
            relay.rooms.discard(room)

    def move_off(self, listener: RelayListener) -> None:
        """Give every room of a draining relay to another one, where one is there to take it."""
        for old in self._relays:
            for room in sorted(old.rooms) if old.is_draining else ():
                new = self._next_to_fill()
                if new is None:
                    return
                old.rooms.discard(room)
                old.leaving.add(room)
                new.rooms.add(room)
                log.info("relay.room_moves", extra={"visit": room})
                listener.relay_event(room, RelayMoved(room))

    async def leave(self, room: str) -> None:
        """End what a room still has at the relay that it moved away from."""
        for relay in self._relays:
            if room in relay.leaving and relay.client is not None:
                await relay.client.close_room(room)

    async def links_of(self, room: str) -> RoomSnapshot | None:
        """Return what a relay still has of a room that this process opens; None when nothing is known."""
        relay = self._relay_of(room)
        if relay is None or relay.client is None:
            return None
        try:
            snapshot = await relay.client.snapshot()
        except RelayError:
            return None
        return next((known for known in snapshot.rooms if known.room == room), None)

    async def snapshots(self) -> list[Snapshot]:
        """Return what every connected relay reports, for /metrics."""
        found = []
        for relay in self._relays:
            if relay.client is not None:
                try:
                    found.append(await relay.client.snapshot())
                except RelayError:
                    continue
        return found

    def _relay_of(self, room: str) -> _Relay | None:
        return next((relay for relay in self._relays if room in relay.rooms), None)

    def _next_to_fill(self) -> _Relay | None:
        usable = [relay for relay in self._relays if relay.client is not None and not relay.is_draining]
        roomy = [relay for relay in usable if len(relay.rooms) < FILLED_AT_ROOMS]
        if roomy:
            return max(roomy, key=lambda relay: len(relay.rooms))
        return min(usable, key=lambda relay: len(relay.rooms), default=None)


class _Keeper:
    """Keeps one relay's connection."""

    def __init__(self, relay: _Relay, pool: RelayPool, listener: RelayListener) -> None:
        self._relay, self._pool, self._listener = relay, pool, listener
        self._back: list[RelayBack] = []

    async def run(self) -> None:
        """Connect, read until the connection is lost, again, until cancelled."""
        while True:
            for delay_s in _delays():
                if await self._try_session():
                    break
                # Nobody listens where a process was killed. Its rooms move as soon as another relay can take them;
                # without one they wait for whichever comes first.
                if self._pool.can_take_rooms:
                    self._give_rooms_up()
                await asyncio.sleep(delay_s)

    async def _try_session(self) -> bool:
        """Live through one connection; tell whether there was one."""
        try:
            client = await self._pool.connect(self._relay.path)
        except RelayLost:
            return False
        try:
            self._take_snapshot(await client.snapshot())
            self._relay.client = client
            log.info("relay.connected", extra={"count": len(self._relay.rooms)})
            self._tell_back()
            self._pool.move_off(self._listener)
            async for event in client.events():
                self._take(event)
        except RelayError:
            return False
        finally:
            self._relay.client = None
            await client.close()
        log.warning("relay.lost", extra={"count": len(self._relay.rooms)})
        return True

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        self._relay.is_draining = snapshot.draining
        known_here = {known.room: known for known in snapshot.rooms}
        self._relay.leaving &= set(known_here)
        alive = {name: known for name, known in known_here.items() if name not in self._relay.leaving}
        rooms = self._relay.rooms | set(alive)
        self._back = [RelayBack(room, alive.get(room, RoomSnapshot(room, ()))) for room in rooms]
        self._relay.rooms.update(alive)

    def _tell_back(self) -> None:
        for back in self._back:
            self._listener.relay_event(back.room, back)

    def _take(self, event: RelayEvent) -> None:
        if isinstance(event, RelayDraining):
            self._relay.is_draining = True
            return self._pool.move_off(self._listener)
        if event.room in self._relay.leaving:
            if isinstance(event, RoomClosed):
                self._relay.leaving.discard(event.room)
            return None
        if isinstance(event, RoomClosed):
            self._relay.rooms.discard(event.room)
        return self._listener.relay_event(event.room, event)

    def _give_rooms_up(self) -> None:
        rooms, self._relay.rooms = self._relay.rooms, set()
        for room in rooms:
            self._listener.relay_event(room, RelayGone(room))


def _delays() -> Iterator[float]:
    """Yield the pauses between tries: doubling, without end."""
    delay_s = FIRST_RETRY_S
    while True:
        yield delay_s
        delay_s = min(LAST_RETRY_S, delay_s * 2)
