"""RTCP: read what browsers send, write what a relay must (RFC 3550 §6, RFC 4585, RFC 5104, REMB draft). Pure."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
FMT_NACK, FMT_TRANSPORT_CC = 1, 15
FMT_PLI, FMT_FIR, FMT_ALFB = 1, 4, 15
MAX_PACKETS = 32  # in one compound; a browser sends at most about ten
MAX_SEQUENCES = 1024  # named by one NACK; more than our history holds is noise
REMB_MANTISSA_BITS = 18


class BadRtcp(ValueError):
    """Not a compound RTCP packet with consistent lengths; dropped and counted."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one SSRC (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Of 256, since the last report."""
    total_lost: int
    highest: int
    """Extended highest sequence number received."""
    jitter: int
    """In timestamp units."""
    last_sr: int
    """Middle 32 bits of the NTP time of the last sender report, 0 without."""
    delay_since_sr: int
    """1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    """64-bit NTP time."""
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    blocks: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers of one SSRC that did not arrive."""

    ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """PLI or FIR: the receiver of this SSRC can not go on without a key frame."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class Remb:
    """Receiver estimated maximum bit rate."""

    bitrate_bps: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """Transport-wide feedback, still packed: `feedback.parse` reads it."""

    ssrc: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]


Packet = SenderReport | ReceiverReport | Nack | KeyframeRequest | Remb | TransportFeedback | Bye


def parse(data: bytes) -> list[Packet]:
    """Return the packets of a compound that we act on, in order; BadRtcp when a length does not fit."""
    packets: list[Packet] = []
    at = 0
    for _ in range(MAX_PACKETS):
        if at == len(data):
            return packets
        if at + 4 > len(data):
            raise BadRtcp("header")
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise BadRtcp("version or length")
        body_end = end - data[end - 1] if first & 32 else end
        if body_end < at + 4:
            raise BadRtcp("padding")
        packets += _parse_one(first & 31, kind, data[at + 4 : body_end])
        at = end
    raise BadRtcp("too many packets")


def _parse_one(count: int, kind: int, body: bytes) -> Sequence[Packet]:
    if kind == SR:
        if len(body) < 24 + 24 * count:
            raise BadRtcp("SR")
        ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!IQIII", body)
        return [SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(count, body, 24))]
    if kind == RR:
        if len(body) < 4 + 24 * count:
            raise BadRtcp("RR")
        return [ReceiverReport(int.from_bytes(body[:4], "big"), _blocks(count, body, 4))]
    if kind == RTPFB:
        return _parse_transport(count, body)
    if kind == PSFB:
        return _parse_payload(count, body)
    if kind == BYE:
        if len(body) < 4 * count:
            raise BadRtcp("BYE")
        return [Bye(struct.unpack_from(f"!{count}I", body))]
    return []


def _blocks(count: int, body: bytes, at: int) -> tuple[ReportBlock, ...]:
    found = []
    for start in range(at, at + 24 * count, 24):
        ssrc, lost, highest, jitter, last_sr, delay = struct.unpack_from("!6I", body, start)
        total = lost & 0xFFFFFF
        total -= (total & 0x800000) << 1  # 24-bit two's complement
        found.append(ReportBlock(ssrc, lost >> 24, total, highest, jitter, last_sr, delay))
    return tuple(found)


def _parse_transport(fmt: int, body: bytes) -> Sequence[Packet]:
    if len(body) < 8:
        raise BadRtcp("RTPFB")
    ssrc = int.from_bytes(body[4:8], "big")
    if fmt == FMT_TRANSPORT_CC:
        return [TransportFeedback(ssrc, body[8:])]
    if fmt != FMT_NACK:
        return []
    sequences = []
    for at in range(8, len(body) - 3, 4):
        first, mask = struct.unpack_from("!HH", body, at)
        sequences.append(first)
        sequences += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return [Nack(ssrc, tuple(sequences[:MAX_SEQUENCES]))]


def _parse_payload(fmt: int, body: bytes) -> Sequence[Packet]:
    if len(body) < 8:
        raise BadRtcp("PSFB")
    if fmt == FMT_PLI:
        return [KeyframeRequest(int.from_bytes(body[4:8], "big"))]
    if fmt == FMT_FIR:
        return [KeyframeRequest(int.from_bytes(body[at : at + 4], "big")) for at in range(8, len(body) - 7, 8)]
    if fmt == FMT_ALFB and body[8:12] == b"REMB" and len(body) >= 16:
        count, value = body[12], int.from_bytes(body[13:16], "big")
        if len(body) < 16 + 4 * count:
            raise BadRtcp("REMB")
        bitrate = (value & (1 << REMB_MANTISSA_BITS) - 1) << (value >> REMB_MANTISSA_BITS)
        return [Remb(bitrate, struct.unpack_from(f"!{count}I", body, 16))]
    return []


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def sender_report(report: SenderReport) -> bytes:
    """Return an SR without report blocks."""
    body = struct.pack("!IQIII", report.ssrc, report.ntp, report.timestamp, report.packets, report.octets)
    return _packet(0, SR, body)


def receiver_report(sender: int, blocks: Sequence[ReportBlock]) -> bytes:
    """Return an RR; at most 31 blocks."""
    body = struct.pack("!I", sender)
    for block in blocks[:31]:
        total = max(-0x800000, min(0x7FFFFF, block.total_lost)) & 0xFFFFFF
        lost = (block.fraction_lost & 0xFF) << 24 | total
        body += struct.pack("!6I", block.ssrc, lost, block.highest, block.jitter, block.last_sr, block.delay_since_sr)
    return _packet(len(blocks[:31]), RR, body)


def description(ssrc: int, cname: str) -> bytes:
    """Return an SDES with a CNAME, which every compound needs (RFC 3550 §6.1)."""
    item = struct.pack("!IBB", ssrc, 1, len(cname)) + cname.encode()
    return _packet(1, SDES, item + bytes(4 - len(item) % 4))


def bye(ssrc: int) -> bytes:
    """Return a BYE of one SSRC."""
    return _packet(1, BYE, struct.pack("!I", ssrc))


def picture_loss(sender: int, ssrc: int) -> bytes:
    """Return a PLI (RFC 4585 §6.3.1)."""
    return _packet(FMT_PLI, PSFB, struct.pack("!II", sender, ssrc))


def full_intra_request(sender: int, ssrc: int, number: int) -> bytes:
    """Return a FIR for peers without PLI; `number` rises with every new request (RFC 5104 §4.3.1)."""
    return _packet(FMT_FIR, PSFB, struct.pack("!IIIB3x", sender, 0, ssrc, number & 0xFF))


def nack(sender: int, ssrc: int, sequences: Iterable[int]) -> bytes:
    """Return a generic NACK that names these sequence numbers (RFC 4585 §6.2.1)."""
    items: list[list[int]] = []
    for sequence in sequences:
        ahead = (sequence - items[-1][0]) & 0xFFFF if items else 0
        if items and 1 <= ahead <= 16:
            items[-1][1] |= 1 << ahead - 1
        else:
            items.append([sequence, 0])
    body = b"".join(struct.pack("!HH", *item) for item in items)
    return _packet(FMT_NACK, RTPFB, struct.pack("!II", sender, ssrc) + body)


def remb(sender: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """Return a REMB (draft-alvestrand-rmcat-remb-03 §2.2)."""
    exponent = max(0, bitrate_bps.bit_length() - REMB_MANTISSA_BITS)
    value = len(ssrcs) << 24 | exponent << REMB_MANTISSA_BITS | bitrate_bps >> exponent
    body = struct.pack("!II4sI", sender, 0, b"REMB", value) + struct.pack(f"!{len(ssrcs)}I", *ssrcs)
    return _packet(FMT_ALFB, PSFB, body)


def transport_feedback(sender: int, ssrc: int, body: bytes) -> bytes:
    """Wrap a transport-wide feedback body (`feedback.write`), padded to words."""
    return _packet(FMT_TRANSPORT_CC, RTPFB, struct.pack("!II", sender, ssrc) + body + bytes(-len(body) % 4))
