"""One room's requests to its relay: in order, one at a time, never on the room's own task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.bridge import RelayPool
from signaling import effects as e
from signaling import inputs as i
from signaling.media.reports import Offered
from signaling.net.control import RelayClient, RelayError

# A page makes two or three requests at a change; a room of 16 pages that all set up anew makes about 60.
MAX_WAITING = 256
_PATIENT = (e.RelayPublish, e.RelaySubscribe, e.RelaySubscribeOffer, e.RelayAnswer, e.RelayLayers)


class MediaLane:
    """The queue to the relay. Results go to `post`."""

    def __init__(self, room: str, relays: RelayPool, post: Callable[[i.RelayInput], None]) -> None:
        self._room, self._relays, self._post = room, relays, post
        self._queue: asyncio.Queue[e.RelayEffect] = asyncio.Queue(MAX_WAITING)

    @property
    def is_idle(self) -> bool:
        """Nothing waits."""
        return self._queue.empty()

    def put(self, effect: e.RelayEffect) -> None:
        """Queue one request; when the relay hangs and the queue is full it is refused as `busy`."""
        try:
            self._queue.put_nowait(effect)
        except asyncio.QueueFull:
            self._refuse(effect, "busy", "the relay does not keep up")

    async def run(self) -> None:
        """Carry requests out until cancelled."""
        while True:
            await self._carry_out(await self._queue.get())

    async def _carry_out(self, effect: e.RelayEffect) -> None:
        try:
            result = await self._asked(effect)
        except RelayError as refusal:
            self._refuse(effect, refusal.code, refusal.detail)
            return
        if result is not None:
            self._post(result)

    async def _asked(self, effect: e.RelayEffect) -> i.RelayInput | None:
        try:
            return await self._ask(self._relays.client_of(self._room), effect)
        except RelayError as refusal:
            if refusal.code != "draining":
                raise
        self._relays.refuse(self._room)  # it has no link there yet: another relay takes the room
        return await self._ask(self._relays.client_of(self._room), effect)

    async def _ask(self, relay: RelayClient, effect: e.RelayEffect) -> i.RelayInput | None:
        room = self._room
        match effect:
            case e.RelayPublish(seat, link, generation, sdp, sources, re, role):
                answered = await relay.publish(room, seat, link, sdp, sources, role=role)
                return i.LinkAnswered(link, generation, answered.sdp, answered.tracks, re)
            case e.RelaySubscribe(seat, link, restart, re):
                return _offered(await relay.subscribe(room, seat, link, restart=restart), re)
            case e.RelaySubscribeOffer(seat, link, sdp):
                answered = await relay.subscribe_offer(room, seat, link, sdp)
                return i.LinkAnswered(link, 0, answered.sdp, answered.tracks)
            case e.RelayAnswer(_, link, generation, sdp, re):
                await relay.answer(room, link, generation, sdp)
                return i.LinkTook(link, re)
            case e.RelayLayers(_, link, wishes, re):
                await relay.set_layers(room, link, wishes)
                return i.LinkTook(link, re)
            case e.RelayNetwork(link, network):
                await relay.set_layers(room, link, (), network)
            case e.RelayMute(seat, source, muted):
                await relay.set_muted(room, seat, source, muted)
            case e.RelayCloseLink(link):
                await relay.close_link(room, link)
            case e.RelayLeave():
                await self._relays.leave(room)
            case e.RelayCloseRoom():
                await relay.close_room(room)
                self._relays.forget(room)
        return None

    def _refuse(self, effect: e.RelayEffect, code: str, detail: str) -> None:
        """Tell whoever waits for an answer; a mute or close that fails has nothing left to act on."""
        if isinstance(effect, _PATIENT):
            self._post(i.LinkRefused(effect.link, code, detail, getattr(effect, "re", None)))


def _offered(offered: Offered, re: str | None) -> i.LinkOffered:
    return i.LinkOffered(offered.link, offered.generation, offered.sdp, offered.tracks, re)
