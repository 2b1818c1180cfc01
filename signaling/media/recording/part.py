"""
One file of a recording: the frames of its tracks in order of time, its silences filled, its gaps marked. Pure.

A sound track must not have holes: players let sound run on over them and lose the picture. So where a sender was
silent (DTX), muted, or its packets were lost, frames of silence stand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from signaling.media.recording.effects import Effect, Gap, PartTrack, Write
from signaling.media.recording.payload import OPUS_SILENCE, OPUS_SILENCE_MS, Picture
from signaling.media.recording.source import Frame, Loss

SILENCE_S = OPUS_SILENCE_MS / 1000
# Frames are written this long after they were captured, so that the tracks' can be put in order: the reordering's
# patience, a slow line's delay between sound and picture, and some more.
HORIZON_S = 1.5
SILENT_AFTER_S = 1.0  # DTX sends every 400 ms; a track quiet for longer is marked


@dataclass(slots=True)
class _Line:
    """One track's frames that wait."""

    end: float
    """Up to where the track is written."""
    heard: float
    """End of its last frame that was sent, not filled in."""
    frames: list[Frame] = field(default_factory=list)
    last_ms: int = -1
    marked: float = 0.0
    """End of the last stretch that is marked as lost."""


class Part:
    """The writer of one file, as data."""

    def __init__(self, number: int, tracks: tuple[PartTrack, ...], origin: float, start: float) -> None:
        self.number, self.tracks, self.start = number, tracks, start
        self._origin = origin
        self._lines = [_Line(start, start) for _ in tracks]

    def put(self, track: int, item: Frame | Loss) -> list[Effect]:
        """Take a frame, or mark a loss."""
        if isinstance(item, Loss):
            since = max(item.since, self.start)
            self._lines[track].marked = max(self._lines[track].marked, item.until)
            return [self._gap(track, since, item.until, item.cause)] if item.until > since else []
        self._lines[track].frames.append(item)
        return []

    def release(self, until: float) -> list[Effect]:
        """Write what was captured before a time, in order."""
        due: list[tuple[float, int, Frame]] = []
        for track, line in enumerate(self._lines):
            count = next((n for n, frame in enumerate(line.frames) if frame.at > until), len(line.frames))
            due += [(frame.at, track, frame) for frame in line.frames[:count]]
            del line.frames[:count]
        effects: list[Effect] = []
        for at, track, frame in sorted(due, key=lambda item: item[:2]):
            effects += self._fill_all(at)
            effects += self._write(track, frame)
        return effects + self._fill_all(min(until, max(line.heard for line in self._lines) + SILENT_AFTER_S))

    def finish(self) -> list[Effect]:
        """Write everything that waits."""
        return self.release(max((line.frames[-1].at for line in self._lines if line.frames), default=self.start))

    @property
    def end(self) -> float:
        """Up to where any track is written."""
        return max(line.end for line in self._lines)

    def _write(self, track: int, frame: Frame) -> Iterator[Effect]:
        line = self._lines[track]
        if frame.at - line.heard > SILENT_AFTER_S and line.marked < frame.at:
            yield self._gap(track, line.heard, frame.at, "silent")
        at = frame.at
        if self.tracks[track].kind == "audio" and at < line.end:
            if at < line.end - SILENCE_S:
                return  # its place is filled, or its clock runs fast: one frame less keeps lips and voice together
            at = line.end
        at_ms = max(self._ms(at), line.last_ms + 1)
        line.last_ms, line.end, line.heard = at_ms, at + frame.duration_s, at + frame.duration_s
        yield Write(self.number, track, at_ms, frame.picture.data, frame.picture.is_keyframe)

    def _fill_all(self, until: float) -> list[Effect]:
        """Bring every sound track up to a time."""
        effects: list[Effect] = []
        for track, line in enumerate(self._lines):
            while self.tracks[track].kind == "audio" and line.end + SILENCE_S <= until:
                at_ms = max(self._ms(line.end), line.last_ms + 1)
                effects.append(Write(self.number, track, at_ms, _SILENCE.data, True))
                line.end, line.last_ms = line.end + SILENCE_S, at_ms
        return effects

    def _gap(self, track: int, since: float, until: float, cause: str) -> Gap:
        return Gap(self.number, track, self._ms(since), self._ms(until), cause)

    def _ms(self, at: float) -> int:
        return max(0, round((at - self._origin) * 1000))


_SILENCE = Picture(OPUS_SILENCE, True)
