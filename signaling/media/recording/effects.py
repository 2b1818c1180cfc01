"""What the tape asks its shell to do, in order. Times are milliseconds of the recording."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartTrack:
    """A track of a part, as the container's header describes it."""

    kind: str
    codec: str
    source: str
    width: int = 0
    height: int = 0
    private: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class OpenPart:
    """Begin a file: one seat's sound and picture, or one of its other sources."""

    part: int
    seat: str
    start_ms: int
    tracks: tuple[PartTrack, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Write a frame; times never go back within a track."""

    part: int
    track: int
    at_ms: int
    data: bytes = field(repr=False)
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Mark a stretch of a track in which something is missing."""

    part: int
    track: int
    since_ms: int
    until_ms: int
    cause: str
    """network, channel, or silent: its sender sent nothing."""


@dataclass(frozen=True, slots=True)
class ClosePart:
    part: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class AskKeyframe:
    track: int
    """The relay's number."""


Effect = OpenPart | Write | Gap | ClosePart | AskKeyframe
