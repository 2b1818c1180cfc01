"""One stream's packets in order of their numbers: late and repaired ones are waited for, a hole is given up. Pure."""

from dataclasses import dataclass

from signaling.media import rtp

# A NACK round trip of 200 ms, asked three times; a recording may wait longer than a listener.
PATIENCE_S = 0.8
BEGIN_S = 0.2  # the first packets may come out of order too, and a key frame is among them
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
        self._has_begun = False

    def push(self, packet: Packet) -> None:
        """Take a packet; one that was given up or came already is left."""
        if self._next is None:
            self._next = packet.sequence + 0x10000
        number = rtp.extend(packet.sequence, max(self._held, default=self._next))
        if number < self._next:
            if self._has_begun:
                return
            self._next = number  # the first ones came out of order
        self._held.setdefault(number, packet)

    def pull(self, now: float) -> list[Packet | Hole]:
        """Return what is due: packets in order, holes that nobody will fill any more."""
        found: list[Packet | Hole] = []
        if not self._has_begun:
            if not self._held or now - min(packet.arrived_at for packet in self._held.values()) < BEGIN_S:
                return found
            self._has_begun = True
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
