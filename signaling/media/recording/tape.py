"""
A recording: messages of a relay in, files out as effects. Pure; the shell brings `now` (the relay's monotonic clock).

One file a seat with its sound and picture, one for each other source, because a player mixes no tracks of one file.
A file's tracks are fixed by its header: when a seat's tracks change, its file is closed and another begins.
"""

from dataclasses import dataclass, field

from signaling.media.recording import effects as e
from signaling.media.recording import wire
from signaling.media.recording.bits import BadPayload
from signaling.media.recording.part import HORIZON_S, Part
from signaling.media.recording.picture import describe, opus_private
from signaling.media.recording.placement import PublisherClock
from signaling.media.recording.source import REPORT_PATIENCE_S, Frame, Loss, Source

MAX_SOURCES = 64  # of a room's 64 links
MAX_PARTS = 1000  # a seat that changes its tracks without end must not fill the disk with headers
OTHER_TRACK_S = 2.0  # a seat's second track is waited for before its file begins
LEAD_S = 0.5  # what comes first was captured that much earlier at most; on a slower line it is moved to 0 ms
CLOSE_AFTER_S = 10.0  # nothing of a seat for so long: its file ends, the next begins when it is back
TOGETHER = ("microphone", "camera")

Key = tuple[str, str]  # seat, and which of its files: "" or the source


@dataclass(slots=True, eq=False)
class _Group:
    """What goes into one file at a time."""

    sources: dict[str, Source] = field(default_factory=dict)
    early: dict[str, list[Frame | Loss]] = field(default_factory=dict)
    """Frames that came before the file was begun."""
    part: Part | None = None
    places: dict[str, int] = field(default_factory=dict)
    """Source -> track of the part."""
    codecs: dict[str, str] = field(default_factory=dict)
    heard_at: float = 0.0


class Tape:
    """All files of one recording."""

    def __init__(self, origin: float | None = None) -> None:
        """Begin at `origin`, the recording's 0 ms; None: just before the first packet."""
        self._origin = origin
        self._groups: dict[Key, _Group] = {}
        self._tracks: dict[int, Source] = {}
        self._clocks: dict[str, PublisherClock] = {}
        self._parts = 0

    def receive(self, message: wire.Message) -> None:
        """Take one message; what follows from it comes from `handle_timer`."""
        match message:
            case wire.Packet(track):
                if self._origin is None:
                    self._origin = message.arrived_at - LEAD_S
                source = self._tracks.get(track)
                if source is not None:
                    source.receive(message)
            case wire.Report(track):
                source = self._tracks.get(track)
                if source is not None:
                    source.note_report(message)
            case wire.Track():
                self._add(message)
            case wire.End(track):
                source = self._tracks.pop(track, None)
                if source is not None:
                    source.is_over = True
            case wire.Ask():
                pass  # ours to send

    def lose_relay(self) -> None:
        """The channel ended: track numbers begin anew."""
        for source in self._tracks.values():
            source.is_over = True
        self._tracks.clear()

    def handle_timer(self, now: float) -> list[e.Effect]:
        """Return what is due; call it every 100 ms or so."""
        effects: list[e.Effect] = [
            e.AskKeyframe(number) for number, source in self._tracks.items() if source.due_ask(now)
        ]
        for key, group in self._groups.items():
            effects += self._advance(key, group, now)
        return effects

    def cut(self, now: float) -> list[e.Effect]:
        """Write what is there and end every file: at a pause, or for good."""
        effects: list[e.Effect] = []
        for key, group in self._groups.items():
            self._pull(group, now + REPORT_PATIENCE_S)
            if group.part is not None and self._is_changed(group):
                effects += self._close(group)
            if group.part is None:
                effects += self._open(key, group, now)
            effects += self._close(group)
        return effects

    def _add(self, track: wire.Track) -> None:
        if track.track in self._tracks or len(self._tracks) >= MAX_SOURCES:
            return
        key = (track.seat, "" if track.source in TOGETHER else track.source)
        group = self._groups.setdefault(key, _Group())
        older = group.sources.get(track.source)
        if older is not None:  # before the new one is noted: another relay gives the same numbers
            self._tracks.pop(older.track.track, None)
        clock = self._clocks.setdefault(track.seat, PublisherClock())
        self._tracks[track.track] = group.sources[track.source] = Source(track, clock)

    # One file

    def _advance(self, key: Key, group: _Group, now: float) -> list[e.Effect]:
        effects: list[e.Effect] = []
        self._pull(group, now)
        if group.part is not None and self._is_changed(group):
            effects += self._close(group)
        if group.part is None:
            effects += self._open_when_ready(key, group, now)
        if group.part is None:
            return effects
        effects += self._feed(group)
        effects += group.part.release(now - HORIZON_S)
        if now - group.heard_at > CLOSE_AFTER_S:
            effects += self._close(group)
        return effects

    @staticmethod
    def _pull(group: _Group, now: float) -> None:
        for name, source in group.sources.items():
            found = source.pull(now)
            if found:
                group.early.setdefault(name, []).extend(found)
                group.heard_at = now

    @staticmethod
    def _is_changed(group: _Group) -> bool:
        """A frame is there that the file has no track for."""
        return any(
            items and group.codecs.get(name) != group.sources[name].track.codec for name, items in group.early.items()
        )

    def _open_when_ready(self, key: Key, group: _Group, now: float) -> list[e.Effect]:
        ready = [name for name, items in group.early.items() if any(isinstance(item, Frame) for item in items)]
        if not ready:
            return []
        alive = [name for name, source in group.sources.items() if not source.is_over]
        first = min(item.at for name in ready for item in group.early[name] if isinstance(item, Frame))
        if set(alive) <= set(ready) or now - first > OTHER_TRACK_S + HORIZON_S:
            return self._open(key, group, now)
        return []

    def _open(self, key: Key, group: _Group, now: float) -> list[e.Effect]:
        tracks: dict[str, e.PartTrack] = {}
        for name, items in group.early.items():
            described = _described(group.sources[name].track, items)
            if described is not None:
                tracks[name] = described
        group.early = {name: items for name, items in group.early.items() if name in tracks}
        if not tracks or self._parts >= MAX_PARTS:
            group.early.clear()
            return []
        start = min(item.at for items in group.early.values() for item in items if isinstance(item, Frame))
        assert self._origin is not None, "a packet came"
        start = max(start, self._origin)
        number, self._parts = self._parts, self._parts + 1
        group.places = {name: place for place, name in enumerate(tracks)}
        group.codecs = {name: track.codec for name, track in tracks.items()}
        group.part, group.heard_at = Part(number, tuple(tracks.values()), self._origin, start), now
        return [e.OpenPart(number, key[0], self._ms(start), group.part.tracks)]

    def _feed(self, group: _Group) -> list[e.Effect]:
        assert group.part is not None, "asked only with a file"
        effects: list[e.Effect] = []
        for name, items in group.early.items():
            for item in items:
                effects += group.part.put(group.places[name], item)
        group.early.clear()
        return effects

    def _close(self, group: _Group) -> list[e.Effect]:
        if group.part is None:
            return []
        effects = self._feed(group) if not self._is_changed(group) else []
        effects += group.part.finish()
        effects.append(e.ClosePart(group.part.number, self._ms(group.part.end)))
        group.part = None
        group.places, group.codecs = {}, {}
        return effects

    def _ms(self, at: float) -> int:
        assert self._origin is not None, "a packet came"
        return max(0, round((at - self._origin) * 1000))


def _described(track: wire.Track, items: list[Frame | Loss]) -> e.PartTrack | None:
    """Return a track's header fields from its first frames; None until a frame tells them."""
    for item in items:
        if not isinstance(item, Frame):
            continue
        if track.kind == "audio":
            return e.PartTrack("audio", track.codec, track.source, private=opus_private())
        if item.picture.is_keyframe:
            try:
                found = describe(track.codec, item.picture.data)
            except BadPayload:
                continue
            return e.PartTrack("video", track.codec, track.source, found.width, found.height, found.private)
    return None
