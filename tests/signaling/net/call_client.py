"""A small WebRTC client without a browser: checks, DTLS and SRTP against a running relay."""

import asyncio
import contextlib
import secrets
import socket
import struct

from signaling.media import sdp, stun
from signaling.net import dtls
from signaling.net.control import RelayClient
from signaling.net.dtls import DtlsAssociation, DtlsPipe
from signaling.net.srtp import Keys

CERTIFICATE = dtls.make_certificate()
CHECK_INTERVAL_S = 0.05
PASSWORD = "p" * 24


def offer(direction: str, ufrag: str, ssrcs: tuple[int, int] | None = None) -> str:
    """Return an offer with Opus and VP8 as a device makes it."""
    head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    text = head
    for mid, (kind, number, codec) in enumerate((("audio", 111, "opus/48000/2"), ("video", 96, "VP8/90000"))):
        text += f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\n"
        text += f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{PASSWORD}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
        text += f"a=fingerprint:sha-256 {dtls.fingerprint(CERTIFICATE)}\r\na=rtpmap:{number} {codec}\r\n"
        if kind == "video":
            text += f"a=rtcp-fb:{number} nack\r\na=rtcp-fb:{number} nack pli\r\n"
        if kind == "video" and direction == "recvonly":
            text = text.replace(f"SAVPF {number}\r\n", f"SAVPF {number} {number + 1}\r\n")
            text += f"a=rtpmap:{number + 1} rtx/90000\r\na=fmtp:{number + 1} apt={number}\r\n"
        if ssrcs is not None:
            text += f"a=ssrc:{ssrcs[mid]} cname:x\r\n"
    return text


class CallClient:
    """One link, publishing or subscribing."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.ufrag = secrets.token_hex(4)
        self.ssrcs = (secrets.randbits(31), secrets.randbits(31))
        self.packets: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.relay: tuple[str, int] = (host, 0)
        self._answered = asyncio.Event()
        self.answers_checks = True
        self._sequence = 0
        self._pipe = DtlsPipe(self._send)
        self._dtls = DtlsAssociation(CERTIFICATE, self._pipe)
        self.keys: Keys | None = None

    def offer(self, direction: str) -> str:
        """Return this client's offer: sendonly or recvonly."""
        return offer(direction, self.ufrag, self.ssrcs if direction == "sendonly" else None)

    def answer(self, text: str) -> str:
        """Return the answer to a server that offers the same two tracks to a receiver (Janus)."""
        assert "a=rtpmap:111 opus" in text and "a=rtpmap:96 VP8" in text  # our own numbers
        return offer("recvonly", self.ufrag).replace("setup:actpass", "setup:active")

    async def publish(self, client: RelayClient, room: str, seat: str) -> None:
        answered = await client.publish(room, seat, f"l_{self.ufrag}", self.offer("sendonly"), {})
        await self.connect(answered.sdp)

    async def subscribe(self, client: RelayClient, room: str, seat: str) -> None:
        answered = await client.subscribe_offer(room, seat, f"l_{self.ufrag}", offer("recvonly", self.ufrag))
        await self.connect(answered.sdp)

    async def connect(self, text: str) -> None:
        """Check, shake hands, and read from then on."""
        answer = sdp.parse(text)
        media = next(m for m in answer.media if not m.is_rejected)
        candidate = next(line.split() for line in media.all("candidate") if " udp " in line.lower())
        self.relay = (candidate[4], int(candidate[5]))
        self._remote = (media.first("ice-ufrag") or "", (media.first("ice-pwd") or "").encode())
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)
        async with asyncio.timeout(60):
            while not self._answered.is_set():
                self.check()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._answered.wait(), CHECK_INTERVAL_S)
            is_client = answer.attribute(media, "setup") != "active"
            self.keys = await self._dtls.handshake(is_client=is_client, fingerprints=sdp.fingerprints(answer))

    def check(self) -> None:
        """Send a nominating check, which is a consent check later."""
        username = f"{self._remote[0]}:{self.ufrag}"
        self._send(stun.binding_request(secrets.token_bytes(12), username, self._remote[1], nominate=True))

    def send_video(self, count: int = 1, *, payload: bytes = b"\x10\x00" + bytes(300)) -> None:
        """Send the next video packets."""
        assert self.keys is not None  # after connect
        for _ in range(count):
            self._sequence += 1
            head = struct.pack("!BBHII", 0x80, 96, self._sequence & 0xFFFF, self._sequence * 3000, self.ssrcs[1])
            self._send(self.keys.tx._session.protect(head + payload))

    def send_rtcp(self, packet: bytes) -> None:
        assert self.keys is not None  # after connect
        self._send(self.keys.tx.protect_rtcp(packet))

    def move(self) -> None:
        """Take another local address, as a phone does that leaves the Wi-Fi; the next check tells the relay."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.sock.fileno())
        self.sock.close()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        loop.add_reader(self.sock.fileno(), self._read)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        await self._dtls.close()
        self.sock.close()

    async def until_packets(self, count: int, timeout_s: float = 5) -> None:
        """Wait until so many packets have arrived."""
        async with asyncio.timeout(timeout_s):
            while len(self.packets) < count:
                await asyncio.sleep(0.01)  # a real process on the other side: its time is not ours to turn

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self.sock.sendto(data, self.relay)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self._receive(self.sock.recv(65536))

    def _answer(self, data: bytes) -> None:
        """A browser answers a check that names it and proves to know its password."""
        request = stun.parse_request(data)
        if self.answers_checks and stun.is_authentic(data, request, PASSWORD.encode()):
            self._send(stun.binding_response(request.transaction_id, self.relay, PASSWORD.encode()))

    def _receive(self, data: bytes) -> None:
        if data[:2] == b"\x00\x01":
            self._answer(data)
        elif data[0] < 4:
            self._answered.set()
        elif data[0] < 64:
            self._pipe.receive(data)
        elif self.keys is not None and 192 <= data[1] < 224:
            self.rtcp.append(self.keys.rx._session.unprotect_rtcp(data))
        elif self.keys is not None:
            self.packets.append(self.keys.rx._session.unprotect(data))
