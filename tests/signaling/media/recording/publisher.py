"""A seat that sends sound and picture, as a relay would hand them to a recorder: in virtual time, seeded."""

import random
import struct
from dataclasses import dataclass, field

from signaling.media.recording import wire
from signaling.media.recording.placement import NTP_UNIT

VP8_KEY = bytes.fromhex("5003009d012a8002e001")  # 640 x 480
PACKETS_A_FRAME = 3
Arrival = tuple[float, wire.Message]


@dataclass
class Publisher:
    """Captures from `start` on (our clock); its wall clock and timestamps have nothing to do with ours."""

    seat: str = "s_a"
    start: float = 100.0
    seed: int = 1
    audio_delay_s: float = 0.05
    video_delay_s: float = 0.12
    jitter_s: float = 0.03
    clock_rate_error: float = 0.0
    """Of the sound card against the wall clock."""
    tracks: dict[str, int] = field(default_factory=lambda: {"microphone": 1, "camera": 2})
    has_reports: bool = True

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._wall = self._random.uniform(1e9, 2e9)
        self._offsets = {name: self._random.randrange(1 << 32) for name in ("microphone", "camera")}
        self._numbers = {name: self._random.randrange(1 << 16) for name in ("microphone", "camera")}
        self._stamps = {"microphone": 48000 * (1 + self.clock_rate_error), "camera": 90000}

    def announce(self) -> list[Arrival]:
        codecs = {"microphone": ("audio", "opus", 48000, 111), "camera": ("video", "VP8", 90000, 96)}
        tracks = self.tracks.items()
        return [(self.start, wire.Track(number, self.seat, name, *codecs[name])) for name, number in tracks]

    def sound(self, since_s: float, until_s: float, *, step_s: float = 0.02) -> list[Arrival]:
        """20 ms packets; each carries when it was captured, in ms from the start."""
        found: list[Arrival] = []
        for at_s in steps(since_s, until_s, step_s):
            payload = b"\xf8" + struct.pack("!I", round(at_s * 1000)) + bytes(40)
            found.append(self._packet("microphone", at_s, payload, is_last=True))
        return found

    def silence(self, since_s: float, until_s: float) -> list[Arrival]:
        """DTX: the timestamps go on, the numbers do not."""
        return []

    def picture(self, since_s: float, until_s: float, *, key_every: int = 60) -> list[Arrival]:
        """30 frames a second of three packets each."""
        found: list[Arrival] = []
        for index, at_s in enumerate(steps(since_s, until_s, 1 / 30)):
            head = VP8_KEY if index % key_every == 0 else b"\x01"
            found.append(self._packet("camera", at_s, b"\x10" + head + struct.pack("!I", round(at_s * 1000))))
            found += [self._packet("camera", at_s, b"\x00" + bytes(300), is_last=last) for last in (False, True)]
        return found

    def reports(self, until_s: float, every_s: float = 1.0) -> list[Arrival]:
        found: list[Arrival] = []
        for at_s in steps(0.3, until_s, every_s) if self.has_reports else []:
            for name, number in self.tracks.items():
                at = self.start + at_s + self._random.uniform(0.02, 0.05)
                ntp = int((self._wall + at_s) * NTP_UNIT)
                found.append((at, wire.Report(number, ntp, self._stamp(name, at_s), at)))
        return found

    def _packet(self, name: str, at_s: float, payload: bytes, *, is_last: bool = False) -> Arrival:
        number = self._numbers[name] = (self._numbers[name] + 1) & 0xFFFF
        payload_type = {"microphone": 111, "camera": 96}[name]
        head = struct.pack("!BBHII", 0x80, is_last << 7 | payload_type, number, self._stamp(name, at_s), 7)
        delay = self.audio_delay_s if name == "microphone" else self.video_delay_s
        at = self.start + at_s + delay + self._random.uniform(0, self.jitter_s)
        return at, wire.Packet(self.tracks[name], 0, at, head + payload)

    def _stamp(self, name: str, at_s: float) -> int:
        return (self._offsets[name] + round(at_s * self._stamps[name])) & 0xFFFFFFFF


def steps(since_s: float, until_s: float, step_s: float) -> list[float]:
    return [since_s + n * step_s for n in range(round((until_s - since_s) / step_s))]


def captured_ms(data: bytes) -> int | None:
    """When a written frame was captured, None for filled-in silence."""
    if data[:1] == b"\xf8" and len(data) == 45:
        return int.from_bytes(data[1:5], "big")
    if len(data) < 600:
        return None
    at = len(VP8_KEY) if data[: len(VP8_KEY)] == VP8_KEY else 1
    return int.from_bytes(data[at : at + 4], "big")
