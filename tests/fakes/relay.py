"""A relay in memory: answers every request, keeps what it was asked, and can die and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from signaling.media.reports import (
    Answered,
    LayerWish,
    LinkSnapshot,
    Offered,
    RelayEvent,
    RoomSnapshot,
    Snapshot,
    Track,
)
from signaling.net.control import RelayError, RelayLost


class FakeRelay:
    """One relay process. `connect` gives connections while it lives."""

    def __init__(self) -> None:
        self.is_alive = True
        self.is_draining = False
        self.asked: list[tuple[Any, ...]] = []
        self.links: dict[str, dict[str, LinkSnapshot]] = {}
        self.refuses: dict[str, str] = {}
        self.connections: list[FakeConnection] = []
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def connect(self, path: str) -> FakeConnection:
        if not self.is_alive:
            raise RelayLost
        connection = FakeConnection(self)
        self.connections.append(connection)
        return connection

    def die(self) -> None:
        """Lose every room and connection."""
        self.is_alive = False
        self.links.clear()
        for connection in self.connections:
            connection.queue.put_nowait(None)
        self.connections.clear()

    def tell(self, event: RelayEvent) -> None:
        for connection in self.connections:
            connection.queue.put_nowait(event)

    def kinds(self) -> list[str]:
        return [asked[0] for asked in self.asked]


class FakeConnection:
    """What RelayClient is to the pool."""

    def __init__(self, relay: FakeRelay) -> None:
        self.relay = relay
        self.queue: asyncio.Queue[RelayEvent | None] = asyncio.Queue()

    async def _ask(self, kind: str, *details: Any) -> None:
        await self.relay.hangs.wait()
        if not self.relay.is_alive:
            raise RelayLost
        self.relay.asked.append((kind, *details))
        if kind in self.relay.refuses:
            raise RelayError(self.relay.refuses[kind], "as the test wants")

    def _keep(self, room: str, seat: str, link: str, direction: Any, tracks: tuple[Track, ...] = ()) -> None:
        kept = LinkSnapshot(link, seat, direction, "connected", 1, tracks, 0, 0)
        self.relay.links.setdefault(room, {})[link] = kept

    async def publish(
        self, room: str, seat: str, link: str, sdp: str, sources: Mapping[str, str], *, role: str = ""
    ) -> Answered:
        await self._ask("publish", room, seat, link)
        if self.relay.is_draining and room not in self.relay.links:
            raise RelayError("draining", "no new rooms")
        tracks = tuple(Track(mid, seat, "video", source) for mid, source in sources.items())
        self._keep(room, seat, link, "up", tracks)
        return Answered(f"answer to {sdp}", tracks)

    async def subscribe(self, room: str, seat: str, link: str, *, restart: bool = False) -> Offered:
        await self._ask("subscribe", room, seat, link)
        self._keep(room, seat, link, "down")
        return Offered(link, 1, "offer", ())

    async def answer(self, room: str, link: str, generation: int, sdp: str) -> None:
        await self._ask("answer", room, link, generation)

    async def subscribe_offer(self, room: str, seat: str, link: str, sdp: str) -> Answered:
        await self._ask("subscribe_offer", room, seat, link)
        self._keep(room, seat, link, "down")
        return Answered(f"answer to {sdp}", ())

    async def add_candidates(self, room: str, link: str, fragment: str) -> None:
        await self._ask("add_candidates", room, link)

    async def set_muted(self, room: str, seat: str, source: str, muted: bool) -> None:
        await self._ask("set_muted", room, seat, source, muted)

    async def set_layers(self, room: str, link: str, wishes: Sequence[LayerWish]) -> None:
        await self._ask("set_layers", room, link)

    async def close_link(self, room: str, link: str) -> None:
        await self._ask("close_link", room, link)
        self.relay.links.get(room, {}).pop(link, None)

    async def close_room(self, room: str) -> None:
        await self._ask("close_room", room)
        self.relay.links.pop(room, None)

    async def snapshot(self) -> Snapshot:
        if not self.relay.is_alive:
            raise RelayLost
        rooms = tuple(RoomSnapshot(room, tuple(links.values())) for room, links in self.relay.links.items())
        return Snapshot(0, self.relay.is_draining, rooms)

    async def events(self) -> AsyncIterator[RelayEvent]:
        while (event := await self.queue.get()) is not None:
            yield event

    async def close(self) -> None:
        self.queue.put_nowait(None)
