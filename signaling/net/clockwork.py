"""What comes in at the port and what is due by time, carried to the links, rooms and reports."""

import math
import time
from collections import deque
from typing import Literal

from signaling.media import stun
from signaling.media.guard import Datagram
from signaling.media.reports import LinkState, MediaStopped, PathChanged
from signaling.net import exchanges
from signaling.net.allocator import RoomAllocator
from signaling.net.link import Link
from signaling.net.observer import RoomObserver
from signaling.net.path_watch import PathChange
from signaling.net.publication import Publication
from signaling.net.records import Leftover
from signaling.net.registry import Registry
from signaling.net.reporter import FEEDBACK_S, REPORT_S, layer_of
from signaling.net.room import Room
from signaling.net.strangers import STRANGERS_A_TICK, Strangers

EMPTY_ROOM_S = 60.0  # both sides may reload at once; then the room goes
REPAIR_INTERVAL_S = 0.025  # a NACK waits for reordering about as long
UNUSED_INTERVAL_S = 0.1  # a relay without rooms: its wake-ups are taken from the one that has them
SLOW_INTERVAL_S = 0.25
ROOMS_A_TURN = 4  # about a millisecond, for which no media is forwarded
SILENCE_S = 10.0  # security.md §9: our own media time-out, apart from consent


class Clockwork:
    """The relay's two halves: `receive` for datagrams that are not media, `handle_timer` every `rest_s`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._plane = registry.around.plane
        self._observers: dict[str, RoomObserver] = {}
        self._allocators: dict[str, RoomAllocator] = {}
        self._strangers = Strangers(registry)
        self._slow_at = self._feedback_at = 0.0
        self._waiting: deque[str] = deque()
        """Rooms that this round has not come to."""

    def receive(self, leftovers: list[Leftover]) -> None:
        """Act on what came in at the port and is not media."""
        now = time.monotonic()
        for leftover in leftovers:
            self._receive(leftover, now)
        self._follow_moves(now)

    @property
    def rest_s(self) -> float:
        """Return how long nothing is due; with many rooms a round takes more turns."""
        turns = math.ceil(len(self._registry.rooms) / ROOMS_A_TURN)
        return min(REPAIR_INTERVAL_S, SLOW_INTERVAL_S / (turns + 1)) if turns else UNUSED_INTERVAL_S

    def _receive(self, leftover: Leftover, now: float) -> None:
        if leftover.kind is Datagram.STUN:
            return self._receive_check(leftover, now)
        if leftover.peer is None and leftover.kind in (Datagram.RTP, Datagram.RTCP):
            return self._strangers.receive(leftover, now)
        link: Link | None = leftover.peer.link if leftover.peer is not None else None
        room = self._registry.rooms.get(link.name.room) if link is not None else None
        if link is None or room is None:
            return None
        if leftover.kind is Datagram.DTLS:
            return link.receive_dtls(leftover.data)
        if leftover.kind is Datagram.RTCP:
            return self._registry.reporter.receive(room, link, leftover.data, now)
        if leftover.kind is Datagram.GAP:
            return self._registry.reporter.note_gap(room, leftover.stream, now) if leftover.stream else None
        return self._learn(room, link, leftover.data, now)

    def _receive_check(self, leftover: Leftover, now: float) -> None:
        if stun.is_response(leftover.data):
            return self._strangers.receive_response(leftover, now)
        try:
            request = stun.parse_request(leftover.data)
        except stun.BadStun:
            return self._plane.drop("stun")
        link = self._registry.ufrags.get(request.username.partition(":")[0])
        if link is None:
            return self._plane.drop("stun_stranger")
        generation = link.ice.current
        link.receive_check(leftover.data, request, leftover.address, now)
        if link.ice.current is not generation:
            self._registry.learn_ufrags(link)
        return None

    def _learn(self, room: Room, link: Link, packet: bytes, now: float) -> None:
        up = room.ups.get(link.name.link)
        stream = room.learn_stream(up, packet) if up is not None else None
        if stream is None:
            return self._plane.drop("unknown_ssrc")
        self._plane.inject(stream, packet, now)
        layer = layer_of(room, stream)
        if layer is not None:
            self._registry.reporter.want_keyframe(layer, now)
        return None

    def handle_timer(self, now: float) -> None:
        """Do what is due: repair every time, consent and reports more rarely."""
        self._registry.reporter.repair(now)
        self._exchange(now)
        self._plane.strangers = STRANGERS_A_TICK
        self._follow_moves(now)
        news = self._registry.around.news
        while news:
            self._tell_progress(news.pop())
        if now >= self._feedback_at:
            self._feedback_at = now + FEEDBACK_S
            self._plane.send_feedback()
        if now >= self._slow_at and not self._waiting:
            self._begin_round(now)
        for _ in range(min(ROOMS_A_TURN, len(self._waiting))):
            room = self._registry.rooms.get(self._waiting.popleft())
            if room is not None:
                self._watch(room, now)

    def _begin_round(self, now: float) -> None:
        """Every room once, a few at a time: a hundred at once would hold up the media of all (25 ms seen at 80)."""
        self._slow_at = now + SLOW_INTERVAL_S
        self._waiting.extend(self._registry.rooms)
        for name in [name for name in self._observers if name not in self._registry.rooms]:
            del self._observers[name], self._allocators[name]

    def _exchange(self, now: float) -> None:
        for room in self._registry.rooms.values():
            for data in exchanges.turn(room, now):
                self._registry.around.tasks.create_task(data.close())

    def _watch(self, room: Room, now: float) -> None:
        for link in room.links():
            link.handle_timer(now)
            if link.is_closed:
                self._registry.drop_link(room, link.name.link)
        self._report(room, now)
        self._registry.taps.follow(room, now)
        self._allocators.setdefault(room.name, RoomAllocator()).allocate(room, now, self._registry)
        self._observers.setdefault(room.name, RoomObserver()).observe(room, now, self._registry.tell)
        for publication in room.publications():
            self._watch_silence(publication, now)
        if room.ups or room.downs:
            room.empty_since = None
        elif room.empty_since is None:
            room.empty_since = now
        elif now - room.empty_since > EMPTY_ROOM_S:
            self._registry.drop_room(room)

    def _report(self, room: Room, now: float) -> None:
        reporter = self._registry.reporter
        for up in room.ups.values():
            if now >= up.link.report_at:
                up.link.report_at = now + REPORT_S
                reporter.report_up(up, now)
        for down in room.downs.values():
            if now >= down.link.report_at:
                down.link.report_at = now + REPORT_S
                reporter.report_down(room, down, now)

    def _watch_silence(self, publication: Publication, now: float) -> None:
        layers = [layer for layer in publication.layers.values() if layer.stream.base is not None]
        begun = [max(layer.stream.last_arrival, layer.woken_at) for layer in layers]
        if not begun or not publication.demand.told:
            return
        silent = now - max(begun) > SILENCE_S
        if silent != publication.is_silent:
            publication.is_silent = silent
            room = publication.link.name.room
            self._registry.tell(MediaStopped(room, publication.seat, publication.source, silent))

    def _tell_progress(self, link: Link) -> None:
        name, progress = link.name, link.progress
        for state in progress.states:
            if state != "closed":  # told when it leaves its room
                self._registry.tell(LinkState(name.room, name.link, name.seat, state))
                if state == "connected":
                    self._welcome(link)
        progress.states.clear()

    def _follow_moves(self, now: float) -> None:
        moving = self._registry.around.moving
        for link in tuple(moving):
            change = link.path_watch.resumed(link.peer.heard_at, now)
            if change is not None or link.is_closed:
                moving.discard(link)
            if change is not None:
                self._tell_change(link, change)

    def _tell_change(self, link: Link, change: PathChange) -> None:
        name, room = link.name, self._registry.rooms.get(link.name.room)
        direction: Literal["up", "down"] = "up" if room is not None and name.link in room.ups else "down"
        gap_ms = None if change.gap_s is None else round(change.gap_s * 1000, 1)
        told = PathChanged(name.room, name.link, name.seat, change.cause, direction, gap_ms, link.protocol)
        self._registry.tell(told)
        if room is not None:
            self._repaint(room, link, direction)
        if change.gap_s is not None:
            self._registry.gaps.note(change.cause, direction, change.gap_s)

    def _repaint(self, room: Room, link: Link, direction: Literal["up", "down"]) -> None:
        """What was lost in the silence is too old to be repaired: pictures begin anew."""
        now = time.monotonic()
        if direction == "down" and link.name.link in room.downs:
            down = room.downs[link.name.link]
            self._registry.reporter.want_keyframes(room, down, set(down.subscriptions), now)
        for publication in room.publications() if direction == "up" else ():
            for layer in publication.layers.values() if publication.link is link else ():
                self._registry.reporter.want_keyframe(layer, now)

    def _welcome(self, link: Link) -> None:
        """Keys are there: a subscriber's pictures begin with a key frame."""
        room = self._registry.rooms.get(link.name.room)
        down = room.downs.get(link.name.link) if room is not None else None
        if room is not None and down is not None:
            self._registry.reporter.want_keyframes(room, down, set(down.subscriptions), time.monotonic())
