"""The messages of a recording. Part of messages.py, which is where they are known from."""

from dataclasses import dataclass
from typing import Literal

RecordAction = Literal["start", "pause", "resume", "stop"]
RECORD_ACTIONS: tuple[RecordAction, ...] = ("start", "pause", "resume", "stop")


@dataclass(frozen=True, slots=True)
class Record:
    """The practitioner starts, pauses, resumes or stops the recording."""

    action: RecordAction


@dataclass(frozen=True, slots=True)
class Consent:
    """Somebody of the patient's side agrees to the recording, or no longer does."""

    given: bool
    text_version: str
    """Which wording was shown."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether the consultation is recorded."""

    state: str
    """off, consent-pending, on, gap or sealed."""
    because: str = ""
    """What it waits for, why nothing is recorded now, or why it ended; README "Recording"."""
    ask: bool = False
    """This seat is asked for its consent."""
