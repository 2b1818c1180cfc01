"""
Media packets of unknown addresses: a peer whose NAT forgot its mapping, or noise.

A packet that passes a peer's SRTP is a hint, never a proof, that the peer is there now: it may be a copy. So its sender
is challenged (signaling/media/ice.py), and the path moves when the answer proves the address.
"""

import secrets
from collections.abc import Iterable
from itertools import islice

from signaling.media import stun
from signaling.media.guard import Datagram
from signaling.net.link import Link
from signaling.net.records import Leftover
from signaling.net.registry import Registry

# 320 a second: a call's packets of one round trip. A flood beyond it is dropped in the packet loop, unread.
STRANGERS_A_TICK = 8
MAX_TRIES = 12  # keys tried on one packet, about 1 us each
# Who moved is silent at its old address, if only since its last report: they come every 50 to 250 ms.
SILENT_S = 0.03
LONG_GONE_S = 30.0  # consent is over


class Strangers:
    """Finds whose packets those are."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._turn = registry, 0

    def receive(self, leftover: Leftover, now: float) -> None:
        """Look whether it is a peer's packet; forward it, and challenge its sender."""
        is_rtcp = leftover.kind is Datagram.RTCP
        for link in self._suspects(leftover.data, is_rtcp=is_rtcp, now=now):
            plain = link.keys.rx.opened(leftover.data, is_rtcp=is_rtcp) if link.keys is not None else None
            if plain is None:
                continue
            link.carry_out(link.ice.challenge(leftover.address, secrets.token_bytes(8), now), now)
            self._use(link, plain, is_rtcp=is_rtcp, now=now)
            return
        self._registry.around.plane.drop("stranger")

    def receive_response(self, leftover: Leftover, now: float) -> None:
        """Take the answer to a challenge; its transaction begins with our ufrag."""
        try:
            response = stun.parse_response(leftover.data)
        except stun.BadStun:
            return self._registry.around.plane.drop("stun")
        link = self._registry.ufrags.get(response.transaction_id[:4].hex())
        if link is None:
            return self._registry.around.plane.drop("stun_stranger")
        return link.carry_out(link.ice.receive_response(leftover.data, response, leftover.address, now), now)

    def _use(self, link: Link, plain: bytes, *, is_rtcp: bool, now: float) -> None:
        room = self._registry.rooms.get(link.name.room)
        if is_rtcp:
            if room is not None:
                self._registry.reporter.receive(room, link, plain, now)
            return
        stream = link.peer.streams.get(int.from_bytes(plain[8:12], "big"))
        if stream is not None:
            self._registry.around.plane.inject(stream, plain, now)

    def _suspects(self, data: bytes, *, is_rtcp: bool, now: float) -> Iterable[Link]:
        """Return links that may have sent it: by the SSRC of media; by their silence for reports, whose SSRC is any."""
        links = [link for room in self._registry.rooms.values() for link in room.links() if link.is_secure]
        if not is_rtcp:
            ssrc = int.from_bytes(data[8:12], "big")
            return islice((link for link in links if ssrc in link.peer.streams), MAX_TRIES)
        silent = [link for link in links if SILENT_S < now - link.peer.heard_at < LONG_GONE_S]
        silent.sort(key=lambda link: link.peer.heard_at)  # whose report is due is silent for longest
        self._turn += 1  # where a whole house lost its NAT, everybody has a turn
        start = self._turn * MAX_TRIES % len(silent) if len(silent) > MAX_TRIES and self._turn % 2 else 0
        return islice((silent + silent)[start:], min(MAX_TRIES, len(silent)))
