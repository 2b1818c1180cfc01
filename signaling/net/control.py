"""The relay's control channel, seen from web: RelayClient and the values it returns. See README "Control channel"."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from signaling.media.reports import (
    ActiveSpeaker,
    Answered,
    LayerChanged,
    LayerSoon,
    LayerWish,
    LinkSnapshot,
    LinkState,
    MediaStopped,
    Offered,
    OfferReady,
    PathChanged,
    Quality,
    RelayEvent,
    RoomClosed,
    RoomSnapshot,
    Snapshot,
    SourceDemand,
    Track,
    TracksChanged,
)
from signaling.net import wire

__all__ = [
    "ActiveSpeaker",
    "Answered",
    "LayerChanged",
    "LayerSoon",
    "LayerWish",
    "LinkSnapshot",
    "LinkState",
    "MediaStopped",
    "OfferReady",
    "Offered",
    "PathChanged",
    "Quality",
    "RelayClient",
    "RelayError",
    "RelayEvent",
    "RelayLost",
    "RoomClosed",
    "RoomSnapshot",
    "Snapshot",
    "SourceDemand",
    "Track",
    "TracksChanged",
]

# A relay answers in milliseconds; a second would already be a hung one, five allow for a machine under load.
REQUEST_TIMEOUT_S = 5.0
# Events wait here while web is busy. A room makes a few a second; more unread than this means that web hangs,
# and the connection is given up: web then reconnects and asks for a snapshot.
MAX_UNREAD_EVENTS = 4096


class RelayError(Exception):
    """The relay refused a request: bad_sdp, sdp_too_large, no_such_room, no_such_link, room_full, draining, …"""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class RelayLost(RelayError):
    """The connection to the relay is gone, or it does not answer (code relay_lost)."""

    def __init__(self, detail: str = "the relay's control connection is gone") -> None:
        super().__init__("relay_lost", detail)


class RelayConnection:
    """One connection to a relay's control socket: requests with replies, and events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use `connect`."""
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[RelayEvent | None] = asyncio.Queue(MAX_UNREAD_EVENTS)
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, path: str, *, timeout_s: float = 2.0) -> Self:
        """Connect to the Unix socket at `path`; RelayLost when nobody listens there."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_unix_connection(path, limit=wire.MAX_FRAME_BYTES * 2)
        except (OSError, TimeoutError) as error:
            raise RelayLost(f"no relay at {path}: {type(error).__name__}") from None
        return cls(reader, writer)

    async def request(self, kind: str, **fields: Any) -> Any:
        """Send one request and return the reply's `ok`; RelayError when it was refused, RelayLost when none came."""
        if self._task.done():
            raise RelayLost
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(wire.encode({"id": number, "type": kind, **fields}))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await future
        except (TimeoutError, ConnectionError):
            raise RelayLost(f"no reply to {kind}") from None
        finally:
            self._waiting.pop(number, None)

    async def events(self) -> AsyncIterator[RelayEvent]:
        """Yield the relay's events in order; ends when the connection is lost. One reader at a time."""
        while (event := await self._events.get()) is not None:
            yield event

    async def drain(self) -> None:
        """Tell the relay to take no new room."""
        await self.request("drain")

    async def snapshot(self) -> Snapshot:
        """Return rooms, links, tracks and counters; used after web's restart and by /metrics."""
        snapshot: Snapshot = wire.from_json(Snapshot, await self.request("snapshot"))
        return snapshot

    async def close(self) -> None:
        """Close the connection; the relay keeps its rooms."""
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                length = wire.frame_length(await self._reader.readexactly(wire.LENGTH_BYTES))
                self._receive(wire.decode(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError, asyncio.QueueFull):
            pass  # the connection is lost, or web did not read its events: `finally` tells
        finally:
            self._lose()

    def _receive(self, message: dict[str, Any]) -> None:
        if "event" in message:
            event = wire.decode_event(message)
            if event is not None:
                self._events.put_nowait(event)
            return
        future = self._waiting.get(message.get("re", 0))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(RelayError(message["error"]["code"], message["error"]["detail"]))
        else:
            future.set_result(message.get("ok"))

    def _lose(self) -> None:
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RelayLost())
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)


class RelayClient(RelayConnection):
    """Web's view of one relay. Every call may raise RelayError, RelayLost among them."""

    async def publish(
        self, room: str, seat: str, link: str, sdp: str, sources: Mapping[str, str], *, role: str = ""
    ) -> Answered:
        """
        Answer a client's offer on its up link.

        `sources`: mid -> microphone | camera | screen | second_camera | device. A mid that is missing is named
        after its kind. `role` is the seat's: what it may send over its data channel. The same link id again is a
        renegotiation, or an ICE restart when the offer has a new ufrag.
        """
        fields = {"room": room, "seat": seat, "link": link, "sdp": sdp, "sources": dict(sources), "role": role}
        answered: Answered = wire.from_json(Answered, await self.request("publish", **fields))
        return answered

    async def subscribe(self, room: str, seat: str, link: str, *, restart: bool = False) -> Offered:
        """Return the relay's offer for a down link, which the client answers; `restart` asks for an ICE restart."""
        reply = await self.request("subscribe", room=room, seat=seat, link=link, restart=restart)
        offered: Offered = wire.from_json(Offered, reply)
        return offered

    async def answer(self, room: str, link: str, generation: int, sdp: str) -> None:
        """Hand over the client's answer to the offer of this generation; stale_generation when a newer one is out."""
        await self.request("answer", room=room, link=link, generation=generation, sdp=sdp)

    async def subscribe_offer(self, room: str, seat: str, link: str, sdp: str) -> Answered:
        """Answer a recvonly offer (WHEP): it gets the tracks that the room has now, or will have later."""
        reply = await self.request("subscribe_offer", room=room, seat=seat, link=link, sdp=sdp)
        answered: Answered = wire.from_json(Answered, reply)
        return answered

    async def add_candidates(self, room: str, link: str, fragment: str) -> None:
        """Take a trickled SDP fragment (RFC 8840). ICE-lite needs none of it; it is checked for size and shape."""
        await self.request("add_candidates", room=room, link=link, fragment=fragment)

    async def set_muted(self, room: str, seat: str, source: str, muted: bool) -> None:
        """Stop or resume the forwarding of a seat's source at the relay, whatever the client still sends."""
        await self.request("set_muted", room=room, seat=seat, source=source, muted=muted)

    async def set_layers(self, room: str, link: str, wishes: Sequence[LayerWish], network: str = "") -> None:
        """
        Say how large each track of a down link is shown, and which are not shown at all.

        `network`: over which kind of network the link goes (wifi, cellular, …); "" leaves it as it was.
        """
        shown = [wire.to_json(wish) for wish in wishes]
        await self.request("set_layers", room=room, link=link, wishes=shown, network=network)

    async def record(self, room: str, channel: str) -> None:
        """
        Hand the room's media to the recorder that listens at this socket of the control folder; "" ends that.

        no_such_recorder when nobody listens there, no_such_room when nothing is published yet.
        """
        await self.request("record", room=room, channel=channel)

    async def close_link(self, room: str, link: str) -> None:
        """End one link; its tracks leave the other seats' down links."""
        await self.request("close_link", room=room, link=link)

    async def close_room(self, room: str) -> None:
        """End a room and all its links. A room that is not there is no error."""
        await self.request("close_room", room=room)
