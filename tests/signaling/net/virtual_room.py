"""A room of one relay in virtual time: real rooms, links, allocator and packet loop; lines and pages are the test's."""

import struct
import unittest.mock
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from signaling.media import codecs, rtp
from signaling.media.bandwidth import UPDATE_S
from signaling.media.reports import LayerWish
from signaling.net import dtls
from signaling.net.allocator import RoomAllocator
from signaling.net.link import LinkName, Surroundings
from signaling.net.records import PathReport
from signaling.net.registry import Registry
from signaling.net.relay import Relay
from signaling.net.room import Room
from tests.signaling.net.planes import NOW, Bench, FakePeer

CERTIFICATE = dtls.make_certificate()
KEY, DELTA = b"\x10\x00", b"\x10\x01"
PACKET_BYTES = 930
PACKET_BPS = int(PACKET_BYTES * 8 / UPDATE_S)  # of one packet every quarter second
RATES = {"l": 150_000, "h": 900_000, "": 600_000}


class NoTasks:
    """Handshakes never start: the keys are given."""

    def create_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        coroutine.close()


def description(direction: str, *, rids: tuple[str, ...] = (), wide: bool = True, ufrag: str = "abcd") -> str:
    """An offer with Opus and VP8; `wide`: with transport-wide feedback, else with REMB."""
    text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    for mid, (kind, number, codec) in enumerate((("audio", 111, "opus/48000/2"), ("video", 96, "VP8/90000"))):
        text += f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n"
        text += f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{'p' * 24}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
        text += f"a=fingerprint:sha-256 {dtls.fingerprint(CERTIFICATE)}\r\na=rtpmap:{number} {codec}\r\n"
        feedback = ("transport-cc",) if wide else ("goog-remb",)
        for value in (*feedback, "nack pli", "nack") if kind == "video" else feedback:
            text += f"a=rtcp-fb:{number} {value}\r\n"
        for uri, identifier in codecs.EXTENSIONS.items():
            if wide or uri != codecs.TRANSPORT_CC:
                text += f"a=extmap:{identifier} {uri}\r\n"
        if kind == "video" and rids:
            text += "".join(f"a=rid:{rid} send\r\n" for rid in rids) + f"a=simulcast:send {';'.join(rids)}\r\n"
    return text


@dataclass
class Publisher:
    """A seat's camera; sends the layers in `sending` at their rates, key frames when asked or when `keys` says."""

    seat: str
    rids: tuple[str, ...]
    sending: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    answers: bool = True
    """Requests for key frames."""


class VirtualRoom:
    """`pass_time` turns the clock; `told` holds the relay's events since it was last read."""

    def __init__(self, kind: type) -> None:
        self.bench = Bench(kind)
        around = Surroundings(self.bench.plane, CERTIFICATE, (("127.0.0.1", 9),), NoTasks())  # type: ignore[arg-type]
        self.registry = Registry(around)
        self.relay = Relay(self.registry)
        self.allocator = RoomAllocator()
        self.now = NOW
        self._clock = unittest.mock.patch("signaling.net.relay.time.monotonic", lambda: self.now)
        self._clock.start()
        self.publishers: dict[str, Publisher] = {}
        self.paths: dict[str, PathReport] = {}

    @property
    def room(self) -> Room:
        return self.registry.rooms["room"]

    def publish(self, seat: str, *rids: str, wide: bool = True) -> Publisher:
        self.relay.publish(LinkName("room", seat, f"up_{seat}"), description("sendonly", rids=rids, wide=wide), {})
        self._secure(self.room.ups[f"up_{seat}"].link)
        self.publishers[seat] = made = Publisher(seat, rids or ("",), set(rids or ("",)), set(rids or ("",)))
        return made

    def subscribe(self, seat: str, *, wide: bool = True) -> FakePeer:
        """A WHEP client, which has no later offers: publishers come first."""
        name = LinkName("room", seat, f"down_{seat}")
        self.relay.subscribe_offer(name, description("recvonly", wide=wide))
        return self._secure(self.room.downs[name.link].link)

    def join(self, seat: str) -> FakePeer:
        """A page, which answers the relay's offers as they are."""
        self._answer(seat)
        return self._secure(self.room.downs[f"down_{seat}"].link)

    def _answer(self, seat: str) -> None:
        offered = self.relay.subscribe(LinkName("room", seat, f"down_{seat}"), restart=False)
        answer = offered.sdp.replace("a=sendonly", "a=recvonly").replace("actpass", "active")
        self.relay.answer("room", f"down_{seat}", offered.generation, answer)

    def wish(self, seat: str, mid: str = "1", **wish: Any) -> None:
        self.relay.set_layers("room", f"down_{seat}", [LayerWish(mid, **wish)])

    def told(self, *kinds: type) -> list[Any]:
        return [event for event in self.registry.outbox.take() if isinstance(event, kinds)]

    def line(self, seat: str, *, received: int = 60, lost: int = 0, bps: float = 5e6, delay_s: float = 1.0) -> None:
        """What every quarter second of this subscriber's feedback says from now on."""
        self.paths[f"down_{seat}"] = PathReport(
            received, lost, int(bps * UPDATE_S / 8), delay_s * received, delay_s, delay_s, 0.0, 0.2
        )

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / UPDATE_S)):
            self.now += UPDATE_S
            for publisher in self.publishers.values():
                self._send(publisher)
            for link, path in self.paths.items():
                if link in self.room.downs:
                    self.room.downs[link].link.peer.take_path = lambda path=path: path  # type: ignore[method-assign]
            self.allocator.allocate(self.room, self.now, self.registry)
            self.registry.reporter.repair(self.now)

    def _send(self, publisher: Publisher) -> None:
        up = self.room.ups[f"up_{publisher.seat}"]
        for rid in publisher.sending:
            for _ in range(RATES[rid] // PACKET_BPS):
                self._send_packet(publisher, up, rid)

    def _send_packet(self, publisher: Publisher, up: Any, rid: str) -> None:
        number = publisher.numbers[rid] = publisher.numbers.get(rid, 0) + 1
        ssrc = 100 + 1000 * list(self.publishers).index(publisher.seat) + publisher.rids.index(rid)
        known = up.link.peer.streams.get(ssrc)
        is_asked = publisher.answers and known is not None and known.awaits_keyframe
        start = KEY if rid in publisher.keys or is_asked else DELTA
        publisher.keys.discard(rid)
        elements = [(codecs.EXTENSIONS[codecs.MID], b"1")]
        if rid:
            elements.append((codecs.EXTENSIONS[codecs.RID], rid.encode()))
        head = struct.pack("!BBHII", 0x90, 96, number, number * 3000, ssrc)
        payload = start + bytes(PACKET_BYTES - 2)
        packet = head + rtp.extension_block(elements) + payload
        stream = known or self.room.learn_stream(up, packet)
        if stream is not None:
            self.bench.plane.inject(stream, packet, self.now)

    def _secure(self, link: Any) -> FakePeer:
        link._is_secure = True  # as after a handshake
        peer = FakePeer(self.bench, record=link.peer)
        self.bench.peers.append(peer)
        return peer

    def close(self) -> None:
        self._clock.stop()
        for room in list(self.registry.rooms.values()):
            self.registry.drop_room(room)
        self.bench.close()
