"""
The packet plane: datagrams in, media forwarded, everything else handed back. This is the reference in Python.

`poll` drains the socket. Media of bound peers is decrypted, counted, kept for retransmission, rewritten for every
subscriber, encrypted and sent within the call: no await, no log line. STUN, DTLS, RTCP and packets of unknown
SSRCs come back as leftovers for the slow path. `native_plane.py` is the same with the loop in C.
"""

import socket
import struct

from pylibsrtp._binding import ffi

from signaling.media import feedback, frames, red, rtcp, rtp
from signaling.media.dscp import traffic_class
from signaling.media.guard import MAX_DATAGRAM_BYTES, Datagram, classify, is_plausible_dtls
from signaling.net.channel import Channel
from signaling.net.counters import Counters
from signaling.net.port import Address, Marked, Sender, plain_address
from signaling.net.records import (
    WIDE_WINDOW,
    Leftover,
    Output,
    OutputTerms,
    Peer,
    Stream,
    StreamTerms,
    WideFeedback,
    forget_output,
)

MAX_DATAGRAMS_A_POLL = 512  # then the loop breathes: control and timers are served at full load too
MAX_TRAILER_BYTES = 16 + 4
HEADROOM = 128  # our extension block may be longer than the publisher's
MAX_REPORTED = 400  # arrivals in one feedback: below 1,200 bytes
MAX_LOST_AT_ONCE = 1000  # a larger jump of transport-wide numbers is a new start, not loss
NOWHERE: Address = ("", 0)


class Table:
    """The records of one plane."""

    def __init__(self) -> None:
        self.by_address: dict[Address, Peer] = {}

    def open_peer(self) -> Peer:
        """Return a new peer without keys, path or streams."""
        return Peer()

    def bind(self, address: Address, peer: Peer | None) -> None:
        """Let datagrams from this address belong to the peer, or to nobody."""
        if peer is None:
            self.by_address.pop(address, None)
        else:
            self.by_address[address] = peer

    def close_peer(self, peer: Peer) -> None:
        """Forget a peer, its streams and its outputs."""
        for address in [address for address, other in self.by_address.items() if other is peer]:
            del self.by_address[address]
        for stream in list(peer.streams.values()):
            self.remove(stream)
        for output in [each for same in peer.outputs.values() for each in same]:
            self.remove(output)
        peer.rx = peer.tx = None

    def add_stream(self, peer: Peer, terms: StreamTerms) -> Stream:
        """Take an SSRC from this peer from now on."""
        stream = Stream(peer, terms)
        peer.streams[terms.ssrc] = stream
        return stream

    def add_output(self, stream: Stream, peer: Peer, terms: OutputTerms) -> Output:
        """Forward a stream to a peer."""
        output = Output(stream, peer, terms)
        stream.outputs.append(output)
        peer.outputs.setdefault(terms.ssrc, []).append(output)
        return output

    def tap(self, stream: Stream, channel: Channel | None, track: int = 0) -> None:
        """Hand a stream's packets to a recorder too, or no more. A stream that ends needs no untapping."""
        stream.tap = (channel, track) if channel is not None else None

    def remove(self, record: Stream | Output) -> None:
        """End a stream (and what is forwarded of it) or one output."""
        if isinstance(record, Output):
            if record in record.stream.outputs:
                record.stream.outputs.remove(record)
                forget_output(record)
            return
        if record.peer.streams.get(record.terms.ssrc) is record:
            del record.peer.streams[record.terms.ssrc]
        for output in list(record.outputs):
            self.remove(output)


class Plane:
    """All traffic of one UDP port."""

    def __init__(self, sock: socket.socket, *, segmentation: bool | None = None, marking: bool = True) -> None:
        self._sock = sock
        self._sender = Sender(sock, segmentation=segmentation, marking=marking)
        self.table = Table()
        self._in = ffi.new("char[]", MAX_DATAGRAM_BYTES + 4)
        self._in_view = memoryview(ffi.buffer(self._in))
        self._out = ffi.new("char[]", MAX_DATAGRAM_BYTES + HEADROOM + MAX_TRAILER_BYTES)
        self._out_view = memoryview(ffi.buffer(self._out))
        self._waiting: dict[Peer, list[Marked]] = {}
        self._leftovers: list[Leftover] = []
        self._reporting: dict[Peer, None] = {}
        """Publishers with arrivals that no feedback has told."""
        self.strangers = 0
        """How many more media packets of unknown addresses are given back as leftovers."""
        self.counters = Counters()

    def poll(self, now: float) -> list[Leftover]:
        """Drain the socket, forward the media, and return the rest in order of arrival."""
        self._leftovers = []
        for _ in range(MAX_DATAGRAMS_A_POLL):
            try:
                size, address = self._sock.recvfrom_into(self._in_view)
            except (BlockingIOError, ConnectionRefusedError):
                break
            self.counters.datagrams += 1
            self._receive(size, plain_address(address), now)
        self._flush()
        return self._leftovers

    def inject(self, stream: Stream, packet: bytes, now: float) -> None:
        """Forward a decrypted packet that came back as a leftover, now that its stream is known."""
        self._forward(stream, packet, now)
        self._flush()

    def send(self, address: Address, data: bytes) -> None:
        """Send STUN or DTLS."""
        self._sender.send(address, data)

    def send_rtcp(self, peer: Peer, packet: bytes) -> None:
        """Encrypt and send a compound to a peer; nothing before its keys and path are known."""
        if peer.tx is not None and peer.address is not None:
            self._sender.send(peer.address, peer.tx.protect_rtcp(packet))

    def retransmit(self, output: Output, sequences: tuple[int, ...], now: float) -> int:
        """Send packets of the history again, as RTX where it was agreed; returns how many were still there."""
        sent = 0
        for sequence in sequences:
            packet = output.stream.history_get((sequence - output.sequence_offset) & 0xFFFF)
            if packet is not None:
                self._write(output, packet, rtp.parse_header(packet), now, again=True)
                sent += 1
        self._flush()
        return sent

    def send_feedback(self) -> None:
        """Send every publisher the transport-wide feedback of what came since the last call, at latest with a poll."""
        reporting, self._reporting = self._reporting, {}
        for peer in reporting:
            arrivals, peer.arrivals = peer.arrivals, []
            for start in range(0, len(arrivals), MAX_REPORTED):
                body = feedback_body(peer.feedback, arrivals[start : start + MAX_REPORTED])
                self.send_rtcp(peer, rtcp.transport_feedback(peer.ssrc, peer.media_ssrc(), body))

    def note_feedback(self, peer: Peer, body: bytes, now: float) -> None:
        """Take a subscriber's transport-wide feedback; one that does not fit is left."""
        try:
            statuses = feedback.parse(body)
        except feedback.BadFeedback:
            return self.drop("feedback")
        for sequence, received_at in statuses:
            peer.note_feedback(sequence, received_at)
        return None

    def start_at_keyframe(self, output: Output, replaces: Output | None) -> None:
        """Let an output wait for its stream's next key frame, and then take over from the other one."""
        output.waits, output.replaces = True, replaces

    def drop(self, cause: str) -> None:
        """Count a datagram that is not used."""
        self.counters.dropped[cause] = self.counters.dropped.get(cause, 0) + 1

    @property
    def work(self) -> int:
        """Return how many datagrams came in and packets went out."""
        return self.counters.datagrams + self.counters.packets_out

    # One datagram

    def _receive(self, size: int, address: Address, now: float) -> None:
        kind = classify(self._in_view[:size])
        peer = self.table.by_address.get(address)
        if kind is Datagram.JUNK:
            return self.drop("junk")
        if kind is Datagram.STUN:
            self._leftovers.append(Leftover(kind, peer, address, bytes(self._in_view[:size])))
            return None
        if peer is None:
            return self._receive_stranger(kind, address, size)
        if kind is Datagram.DTLS:
            return self._receive_dtls(peer, address, bytes(self._in_view[:size]))
        if peer.rx is None:
            return self.drop("before_keys")
        if kind is Datagram.RTCP:
            return self._receive_rtcp(peer, address, size, now)
        return self._receive_rtp(peer, address, size, now)

    def _receive_stranger(self, kind: Datagram, address: Address, size: int) -> None:
        """Perhaps it is a peer behind a NAT that changed its address: strangers.py looks at a few."""
        if kind is Datagram.DTLS or self.strangers <= 0:
            return self.drop("stranger")
        self.strangers -= 1
        self._leftovers.append(Leftover(kind, None, address, bytes(self._in_view[:size])))
        return None

    def _receive_dtls(self, peer: Peer, address: Address, data: bytes) -> None:
        if is_plausible_dtls(data):
            self._leftovers.append(Leftover(Datagram.DTLS, peer, address, data))
        else:
            self.drop("dtls")

    def _receive_rtcp(self, peer: Peer, address: Address, size: int, now: float) -> None:
        assert peer.rx is not None  # checked by _receive
        plain = peer.rx.unprotect_rtcp(self._in, size)
        if plain < 0:
            return self.drop("srtcp")
        peer.heard_at = now
        data = bytes(self._in_view[:plain])
        # A lone transport-wide feedback comes ten times a second from each subscriber: it is read here.
        if data[:2] == b"\x8f\xcd" and plain > 20 and 4 * (int.from_bytes(data[2:4], "big") + 1) == plain:
            return self.note_feedback(peer, data[12:], now)
        self._leftovers.append(Leftover(Datagram.RTCP, peer, address, data))
        return None

    def _receive_rtp(self, peer: Peer, address: Address, size: int, now: float) -> None:
        assert peer.rx is not None  # checked by _receive
        plain = peer.rx.unprotect(self._in, size)
        if plain < 0:
            return self.drop("srtp")
        peer.heard_at = now
        packet = bytes(self._in_view[:plain])
        stream = peer.streams.get(int.from_bytes(packet[8:12], "big"))
        if stream is None:
            self._leftovers.append(Leftover(Datagram.RTP, peer, address, packet))
            return None
        return self._forward(stream, packet, now)

    def _forward(self, stream: Stream, packet: bytes, now: float) -> None:
        try:
            header = rtp.parse_header(packet)
        except rtp.BadRtp:
            return self.drop("rtp")
        self._note_arrival(stream, packet, header, now)
        if stream.repaired is not None:
            restored = restore(packet, header, stream.repaired)
            return self._forward_media(stream.repaired, restored, now) if restored else None
        if stream.terms.red_payload_type and header.payload_type == stream.terms.red_payload_type:
            return self._forward_redundant(stream, packet, header, now)
        return self._forward_media(stream, packet, now)

    def _forward_redundant(self, stream: Stream, packet: bytes, header: rtp.Header, now: float) -> None:
        """Forward the frames of a redundant packet that have not come before, as plain packets (RFC 2198)."""
        try:
            earlier, own = red.split(packet[header.payload_at : header.payload_end])
        except red.BadRed:
            return self.drop("rtp")
        head = bytes((packet[0] & 0xDF, header.marker << 7 | stream.terms.payload_type))
        for back, frame in zip(range(len(earlier), 0, -1), earlier, strict=True):
            number = (header.sequence - back) & 0xFFFF
            is_ours = stream.base is not None and rtp.extend(number, stream.highest) > stream.base
            if is_ours and frame.data and not stream.has(number):
                stamp = (header.timestamp - frame.offset) & 0xFFFFFFFF
                plain = struct.pack("!BBHII", 0x80, stream.terms.payload_type, number, stamp, header.ssrc)
                self._forward_media(stream, plain + frame.data, now, restored=True)
        self._forward_media(stream, head + packet[2 : header.payload_at] + own, now)

    def _forward_media(self, stream: Stream, packet: bytes, now: float, *, restored: bool = False) -> None:
        header = rtp.parse_header(packet)
        self.counters.packets_in += 1
        before, received = stream.highest, stream.received
        if not stream.count(header, len(packet), now, restored=restored):
            return self.drop("repeated")
        if received and stream.highest > before + 1:
            self._leftovers.append(Leftover(Datagram.GAP, stream.peer, NOWHERE, b"", stream))
        stream.history_put(header.sequence, packet)
        payload = packet[header.payload_at : header.payload_end]
        is_keyframe = bool(payload) and frames.starts_keyframe(stream.terms.codec, payload)
        stream.awaits_keyframe = stream.awaits_keyframe and not is_keyframe
        if stream.level_id:
            level = rtp.find_extension(packet, header, stream.level_id)
            if level:  # an element of no byte has none
                stream.note_level(level[0] & 127)
        if stream.tap is not None and not stream.is_muted:
            stream.tap[0].send_packet(stream.tap[1], packet, now)
        for output in stream.outputs:
            if not output.is_on or stream.is_muted or (output.waits and not output.take_over(is_keyframe=is_keyframe)):
                continue
            self._write(output, packet, header, now, again=False)
        return None

    def _note_arrival(self, stream: Stream, packet: bytes, header: rtp.Header, now: float) -> None:
        peer = stream.peer
        if not peer.wide_id:
            return
        value = rtp.find_extension(packet, header, peer.wide_id)
        if value is not None and len(value) == 2 and len(peer.arrivals) < peer.MAX_ARRIVALS:
            peer.arrivals.append((int.from_bytes(value, "big"), now))
            self._reporting[peer] = None

    # One packet to one subscriber

    def _write(self, output: Output, packet: bytes, header: rtp.Header, now: float, *, again: bool) -> None:
        peer, terms = output.peer, output.terms
        if peer.tx is None or peer.address is None:
            return
        if not again:
            output.begin(header, now)
        sequence = (header.sequence + output.sequence_offset) & 0xFFFF
        block = output.extension_block(packet, header, now)
        media = output.lead_pictures(packet[header.payload_at : header.payload_end], sequence, again=again)
        payload = media + packet[header.payload_end :]
        ssrc, number, own, has_padding = terms.ssrc, terms.payload_type, b"", packet[0] & 0x20
        if output.copies and not again and not has_padding and (earlier := earlier_frames(output, header)):
            number, payload = terms.red_payload_type, red.join(earlier, payload, terms.payload_type)
        if again and terms.rtx_payload_type:
            own = sequence.to_bytes(2, "big")  # RFC 4588 §4: the original number stands before the payload
            ssrc, number, sequence = terms.rtx_ssrc, terms.rtx_payload_type, output.next_rtx()
        head = struct.pack(
            "!BBHII",
            0x80 | (0x10 if block else 0) | has_padding,
            header.marker << 7 | number,
            sequence,
            (header.timestamp + output.timestamp_offset) & 0xFFFFFFFF,
            ssrc,
        )
        data = head + block + own + payload
        if len(data) + MAX_TRAILER_BYTES > len(self._out_view):
            return
        self._out_view[: len(data)] = data
        size = peer.tx.protect(self._out, len(data))
        if size < 0:
            self.drop("protect")
            return
        if output.wide_id:
            peer.note_sent(size, now)
        self._waiting.setdefault(peer, []).append((traffic_class(terms.dscp), bytes(self._out_view[:size])))
        self.counters.packets_out += 1
        if not again:
            output.count(header, len(payload), now)

    def _flush(self) -> None:
        for peer, packets in self._waiting.items():
            if peer.address is not None:
                self._sender.send_all(peer.address, packets)
        self._waiting.clear()


def earlier_frames(output: Output, header: rtp.Header) -> list[red.Frame]:
    """Return the frames that go along with a packet, oldest first; those that RFC 2198 can name and the history has."""
    found = []
    for back in sorted(output.copies, reverse=True):
        packet = output.stream.history_get((header.sequence - back) & 0xFFFF)
        if packet is None:
            continue
        earlier = rtp.parse_header(packet)
        data = packet[earlier.payload_at : earlier.payload_end]
        offset = (header.timestamp - earlier.timestamp) & 0xFFFFFFFF
        if 0 < offset <= red.MAX_OFFSET and 0 < len(data) <= red.MAX_LENGTH:
            found.append(red.Frame(offset, data))
    return found


def restore(packet: bytes, header: rtp.Header, repaired: Stream) -> bytes:
    """Return the original packet of an RTX one (RFC 4588 §4); empty for a padding-only probe."""
    if header.payload_end - header.payload_at < 2:
        return b""
    start = header.payload_at
    original = int.from_bytes(packet[start : start + 2], "big")
    if repaired.base is None:
        return b""
    behind = repaired.highest - rtp.extend(original, repaired.highest)
    if behind >= repaired.history_size or behind < -repaired.history_size // 4:
        return b""  # it repairs nothing that anybody still waits for
    number = header.marker << 7 | repaired.terms.payload_type
    head = packet[0:1] + bytes((number,)) + packet[start : start + 2] + packet[4:8]
    return head + repaired.terms.ssrc.to_bytes(4, "big") + packet[12:start] + packet[start + 2 :]


def feedback_body(state: WideFeedback, arrivals: list[tuple[int, float]]) -> bytes:
    """Return the feedback that reports these arrivals, and count on."""
    near = state.expected if state.expected is not None else arrivals[0][0] + WIDE_WINDOW
    times: dict[int, float] = {}
    for sequence, at in arrivals:
        near = rtp.extend(sequence, near)
        times.setdefault(near, at)
    found = sorted(times.items())
    first, last = found[0][0], found[-1][0]
    base = state.expected if state.expected is not None else first
    if not first - MAX_LOST_AT_ONCE <= base <= first:
        base = first
    body = feedback.write(found, state.number, base)
    state.expected, state.number = last + 1, state.number + 1
    return body
