"""One stream's packets in order of their numbers: late and repaired ones are waited for, a hole is given up. Pure."""

from dataclasses import dataclass

from signaling.media import rtp

# A NACK round trip of 200 ms, asked three times; a recording may wait longer than a listener.
PATIENCE_S = 0.8
MAX_HELD = 2000  # packets: 0.8 s at 25 Mbit/s


@dataclass(frozen=True, slots=True)
class Packet:
    """What the tape needs of one RTP packet."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Hole:
    """Packets that never came."""

    count: int


class Reorder:
    """The waiting line of one SSRC."""

    def __init__(self) -> None:
        self._next: int | None = None
        """Extended number that is due."""
        self._held: dict[int, Packet] = {}

    def push(self, packet: Packet) -> None:
        """Take a packet; one that was given up or came already is left."""
        if self._next is None:
            self._next = packet.sequence + 0x10000
        number = rtp.extend(packet.sequence, max(self._held, default=self._next))
        if number < self._next:
            return
        self._held.setdefault(number, packet)

    def pull(self, now: float) -> list[Packet | Hole]:
        """Return what is due: packets in order, holes that nobody will fill any more."""
        found: list[Packet | Hole] = []
        while self._held and self._next is not None:
            packet = self._held.pop(self._next, None)
            if packet is not None:
                found.append(packet)
                self._next += 1
                continue
            first = min(self._held)
            if now - self._held[first].arrived_at < PATIENCE_S and len(self._held) < MAX_HELD:
                break
            found.append(Hole(first - self._next))
            self._next = first
        return found

    def next_deadline(self) -> float | None:
        """Return when a hole is given up; None while nothing waits."""
        return self._held[min(self._held)].arrived_at + PATIENCE_S if self._held else None
