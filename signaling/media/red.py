"""
Redundant audio (RFC 2198): a packet that carries earlier frames again beside its own. Pure.

Payload, big-endian; a header for each earlier frame, oldest first, then the own frame's, then all frames in that order:

    1 | payload type 7 | timestamp offset 14 | length 10        for each earlier frame
    0 | payload type 7                                          for the own frame
"""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_OFFSET = 0x3FFF  # timestamp units; 341 ms at 48 kHz
MAX_LENGTH = 0x3FF
MAX_BLOCKS = 8  # more earlier frames than that are no speech

# How many packets back the copies reach. A copy in the next packet comes in time at any buffer; a burst swallows both.
NEAR = (1,)
FAR = (1, 3)


class BadRed(ValueError):
    """Not a redundant payload with consistent lengths; dropped and counted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An earlier frame."""

    offset: int
    """How much earlier its timestamp is."""
    data: bytes


def split(payload: bytes) -> tuple[list[Frame], bytes]:
    """Return the earlier frames, oldest first, and the own frame; BadRed when lengths do not fit."""
    heads: list[tuple[int, int]] = []
    at = 0
    while True:
        if at >= len(payload):
            raise BadRed("no header of the own frame")
        if not payload[at] & 0x80:
            at += 1
            break
        if at + 4 > len(payload) or len(heads) == MAX_BLOCKS:
            raise BadRed("headers")
        rest = int.from_bytes(payload[at + 1 : at + 4], "big")
        heads.append((rest >> 10, rest & MAX_LENGTH))
        at += 4
    frames = []
    for offset, length in heads:
        if at + length > len(payload):
            raise BadRed("lengths")
        frames.append(Frame(offset, payload[at : at + length]))
        at += length
    return frames, payload[at:]


def join(earlier: Sequence[Frame], own: bytes, payload_type: int) -> bytes:
    """Return a payload of these frames, oldest first, all of one payload type."""
    heads = b"".join(
        (1 << 31 | payload_type << 24 | frame.offset << 10 | len(frame.data)).to_bytes(4, "big") for frame in earlier
    )
    return heads + bytes((payload_type,)) + b"".join(frame.data for frame in earlier) + own


SMOOTHING = 0.25  # of the newest quarter second: a burst is seen within half a second
NEAR_FROM = 0.01  # below, the decoder's own concealment is not heard
FAR_FROM = 0.08  # here bursts are long enough to swallow the next packet too
MEMORY_S = 30.0  # a radio line that lost packets will lose more; two copies cost 30 kbit/s meanwhile


@dataclass(slots=True)
class Protection:
    """How one subscriber's speech is protected. `receive` every quarter second."""

    copies: tuple[int, ...] = ()
    _loss: float = 0.0
    _until: float = 0.0

    def receive(self, loss: float, now: float) -> tuple[int, ...]:
        """Take the share of packets lost since the last call, 0 to 1; return how far back the copies reach."""
        self._loss += SMOOTHING * (loss - self._loss)
        wanted = FAR if self._loss >= FAR_FROM else NEAR if self._loss >= NEAR_FROM else ()
        if len(wanted) >= len(self.copies):
            self.copies = wanted
            self._until = now + MEMORY_S
        elif now >= self._until:
            self.copies, self._until = wanted, now + MEMORY_S
        return self.copies
