"""What people write or measure, as messages: README "Messages"."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ChatText:
    """A chat message; the same key again is the same message."""

    text: str = field(repr=False)
    key: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was measured at one moment; the same key again is the same reading."""

    values: Mapping[str, float] = field(repr=False)
    """Names and ranges: `vitals.VITALS`."""
    key: str


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One stored chat message. `number` counts up by one in a visit."""

    number: int
    seat: str
    role: str
    text: str = field(repr=False)
    key: str
    at: str
    """RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One stored reading of vital signs. `number` counts up by one in a visit."""

    number: int
    seat: str
    role: str
    values: Mapping[str, float] = field(repr=False)
    key: str
    at: str
    """RFC 3339, UTC: when the server took it."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A chat message is stored: told to everyone, the sender too."""

    line: ChatLine


@dataclass(frozen=True, slots=True)
class VitalsMessage:
    """A reading is stored: told to everyone, the sender too."""

    reading: Reading
