"""One source of a seat: its packets into placed frames, its losses into gaps. Pure."""

from dataclasses import dataclass

from signaling.media import rtp
from signaling.media.recording import wire
from signaling.media.recording.bits import BadPayload
from signaling.media.recording.payload import Picture, assemble, opus_duration_ms
from signaling.media.recording.placement import PublisherClock, TrackClock
from signaling.media.recording.reorder import Hole, Packet, Reorder

KEYFRAME_EVERY_S = 10.0  # playing can begin at a key frame only; at 720p one costs about 60 kB
ASK_AGAIN_S = 1.0
# Browsers send a first report within a second. Until it comes a track can't be placed beside its seat's others.
REPORT_PATIENCE_S = 3.0
MAX_WAITING = 4000  # packets that wait for the report: 3 s at 12 Mbit/s


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame on our clock."""

    at: float
    duration_s: float
    """0 for video: until the next frame."""
    picture: Picture


@dataclass(frozen=True, slots=True)
class Loss:
    """Nothing usable between two times."""

    since: float
    until: float
    cause: str
    """network, or channel: the recorder did not keep up."""


class Source:
    """The newest track of one (seat, source). A layer that takes over replaces it under the same clock."""

    def __init__(self, track: wire.Track, publisher: PublisherClock) -> None:
        self.track = track
        self.is_over = False
        self.heard_at: float | None = None
        self.wants_keyframe = track.kind == "video"
        """Nothing can be decoded before one."""
        self._clock = TrackClock(track.clock_rate, publisher)
        self._reorder = Reorder()
        self._waiting: list[wire.Packet] = []
        self._picture: list[Packet] = []
        self._keyframe_at: float | None = None
        self._asked_at: float | None = None
        self._broken_since: float | None = None
        self._cause = "network"
        self._dropped = 0
        self._gave_up = False
        self._end: float | None = None
        """Where the last frame ended, or began for video."""

    def receive(self, packet: wire.Packet) -> None:
        """Take one packet; until the first report it waits."""
        self.heard_at = packet.arrived_at
        if packet.dropped != self._dropped:
            self._dropped, self._cause = packet.dropped, "channel"
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(packet)

    def note_report(self, report: wire.Report) -> None:
        self._clock.note_report(report.ntp, report.timestamp, report.arrived_at)

    def pull(self, now: float) -> list[Frame | Loss]:
        """Return the frames that are whole, in order, and what was lost before them."""
        if not self._is_placed(now):
            return []
        for packet in self._waiting:
            self._order(packet)
        self._waiting.clear()
        found: list[Frame | Loss] = []
        for item in self._reorder.pull(now):
            if isinstance(item, Hole):
                self._break()
            elif item.payload:
                found += self._take(item)
        return found

    def due_ask(self, now: float) -> bool:
        """Tell whether to ask for a key frame now, and count on."""
        if self.track.kind != "video" or self.is_over:
            return False
        is_old = self._keyframe_at is not None and now - self._keyframe_at >= KEYFRAME_EVERY_S
        is_asked = self._asked_at is not None and now - self._asked_at < ASK_AGAIN_S
        if not (is_old or self.wants_keyframe) or is_asked:
            return False
        self._asked_at = now
        return True

    def _is_placed(self, now: float) -> bool:
        """Tell whether the track's place is known, or was waited for long enough."""
        if self._clock.is_placed_by_report or not self._waiting:
            return True
        self._gave_up |= now - self._waiting[0].arrived_at >= REPORT_PATIENCE_S
        return self._gave_up

    def _order(self, packet: wire.Packet) -> None:
        try:
            header = rtp.parse_header(packet.data)
        except rtp.BadRtp:
            return
        if header.payload_type == self.track.payload_type:
            payload = packet.data[header.payload_at : header.payload_end]
            self._reorder.push(Packet(header.sequence, header.timestamp, header.marker, payload, packet.arrived_at))

    def _break(self) -> None:
        self._picture.clear()
        if self._broken_since is None and self._end is not None:
            self._broken_since = self._end
        self.wants_keyframe = self.track.kind == "video"

    def _take(self, packet: Packet) -> list[Frame | Loss]:
        found: list[Frame | Loss] = []
        if self._picture and self._picture[0].timestamp != packet.timestamp:
            found += self._finish()  # its marker never was, as some devices do
        self._picture.append(packet)
        if packet.marker or self.track.kind == "audio":
            found += self._finish()
        return found

    def _finish(self) -> list[Frame | Loss]:
        packets, self._picture = self._picture, []
        at = self._clock.place(packets[0].timestamp, packets[0].arrived_at)
        try:
            picture = assemble(self.track.codec, [packet.payload for packet in packets])
        except BadPayload:
            self._break()
            return []
        if self.track.kind == "audio":
            return [*self._mend(at), self._frame(at, opus_duration_ms(picture.data) / 1000, picture)]
        if picture.is_keyframe:
            self._keyframe_at, self.wants_keyframe = packets[-1].arrived_at, False
        if self.wants_keyframe:
            return []
        return [*self._mend(at), self._frame(at, 0.0, picture)]

    def _frame(self, at: float, duration_s: float, picture: Picture) -> Frame:
        self._end = at + duration_s
        return Frame(at, duration_s, picture)

    def _mend(self, at: float) -> list[Frame | Loss]:
        since, self._broken_since = self._broken_since, None
        cause, self._cause = self._cause, "network"
        return [Loss(since, at, cause)] if since is not None and at > since else []
