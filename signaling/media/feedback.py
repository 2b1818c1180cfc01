"""
Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): write it for publishers, read it
from subscribers. Pure.

Body, after the two SSRCs, big-endian:

    base sequence 16 | status count 16 | reference time 24 (64 ms) | feedback count 8 | chunks 16 each | deltas

Deltas are in 250 us, one byte for 0..255, two signed bytes otherwise.
"""

import struct
from collections.abc import Sequence

TICK_S = 0.000_25
REFERENCE_TICKS = 256  # 64 ms
MAX_STATUSES = 2048  # a feedback covers 50 to 100 ms; more is not a report but an attack
MAX_RUN = 0x1FFF


class BadFeedback(ValueError):
    """A transport-wide feedback with inconsistent lengths; dropped and counted."""


def write(arrivals: Sequence[tuple[int, float]], number: int, base: int) -> bytes:
    """
    Return the body that reports these arrivals.

    Args:
        arrivals: (extended sequence number, arrival in monotonic seconds), sorted by number, not empty.
        number: this feedback's count, modulo 256.
        base: extended number from which on missing ones are reported lost; not above the first arrival.
    """
    reference = int(arrivals[0][1] / TICK_S) // REFERENCE_TICKS
    clock = reference * REFERENCE_TICKS
    statuses: list[int] = []
    deltas: list[bytes] = []
    expected = base
    for sequence, at in arrivals:
        statuses += [0] * (sequence - expected)
        ticks = int(at / TICK_S)
        delta, clock = ticks - clock, ticks
        small = 0 <= delta <= 255
        statuses.append(1 if small else 2)
        deltas.append(struct.pack("!B", delta) if small else struct.pack("!h", max(-32768, min(32767, delta))))
        expected = sequence + 1
    head = struct.pack("!HHI", base & 0xFFFF, len(statuses), (reference & 0xFFFFFF) << 8 | number & 0xFF)
    return head + _chunks(statuses) + b"".join(deltas)


def _chunks(statuses: list[int]) -> bytes:
    """Run lengths where seven or more are alike, else vectors of seven two-bit symbols."""
    words, at = [], 0
    while at < len(statuses):
        run = 1
        while at + run < len(statuses) and statuses[at + run] == statuses[at] and run < MAX_RUN:
            run += 1
        if run >= 7 or at + run == len(statuses):
            words.append(statuses[at] << 13 | run)
            at += run
            continue
        word = 0xC000
        for place, symbol in enumerate(statuses[at : at + 7]):
            word |= symbol << 12 - 2 * place
        words.append(word)
        at += 7
    return struct.pack(f"!{len(words)}H", *words)


def parse(body: bytes) -> list[tuple[int, float | None]]:
    """Return (16-bit sequence number, arrival in the peer's seconds or None when lost) in order."""
    if len(body) < 8:
        raise BadFeedback("header")
    base, count, reference = struct.unpack_from("!HHI", body)
    if count > MAX_STATUSES:
        raise BadFeedback("status count")
    statuses, at = _read_chunks(body, count)
    clock = (reference >> 8) * REFERENCE_TICKS
    found: list[tuple[int, float | None]] = []
    for index, status in enumerate(statuses):
        sequence = (base + index) & 0xFFFF
        if status in (1, 2):
            if at + status > len(body):
                raise BadFeedback("deltas")
            clock += body[at] if status == 1 else struct.unpack_from("!h", body, at)[0]
            at += status
            found.append((sequence, clock * TICK_S))
        else:
            found.append((sequence, None))
    return found


def _read_chunks(body: bytes, count: int) -> tuple[list[int], int]:
    statuses: list[int] = []
    at = 8
    while len(statuses) < count:
        if at + 2 > len(body):
            raise BadFeedback("chunks")
        word = int.from_bytes(body[at : at + 2], "big")
        at += 2
        if not word & 0x8000:
            statuses += [word >> 13 & 3] * min(word & MAX_RUN, count - len(statuses))
            if not word & MAX_RUN:
                raise BadFeedback("empty run")
        elif word & 0x4000:
            statuses += [word >> 12 - 2 * place & 3 for place in range(7)]
        else:
            statuses += [word >> 13 - place & 1 for place in range(14)]
    return statuses[:count], at
