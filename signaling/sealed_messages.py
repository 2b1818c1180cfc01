"""The messages of an end-to-end encrypted call; messages.py has them too. README "End-to-end encryption"."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identify:
    """This page can encrypt end to end; its public key of this page's life."""

    public_key: str


@dataclass(frozen=True, slots=True)
class Encrypt:
    """The practitioner turns end-to-end encryption on or off for everybody."""

    on: bool


@dataclass(frozen=True, slots=True)
class SendKey:
    """The sender's media key, sealed so that only the page on seat `to` can open it."""

    to: str
    epoch: int
    box: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncryptionChanged:
    """End-to-end encryption begins or ends; type `e2ee` on the wire."""

    on: bool
    by: str
    """Seat id."""


@dataclass(frozen=True, slots=True)
class KeySent:
    """Another page's media key, sealed for you; type `e2ee-key` on the wire."""

    seat: str
    """Whose key it is."""
    epoch: int
    box: str = field(repr=False)
