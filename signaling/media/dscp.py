"""Marks on what the relay sends (DSCP; RFC 8837 §5, table 1), so that a network can prefer speech."""

from typing import Final

EXPEDITED: Final = 46
"""EF: speech."""
INTERACTIVE: Final = 34
"""AF41: pictures of a conversation."""
STREAMING: Final = 26
"""AF31: a shared screen, which bears more delay than a face."""
CONTROL: Final = INTERACTIVE
"""RTCP, DTLS and answers to checks: as the pictures they are about (RFC 8445 §7.2.2.1)."""


def dscp(kind: str, source: str) -> int:
    """Return the mark of a track; `source` as a track names it, such as camera or screen."""
    if kind == "audio":
        return EXPEDITED
    return STREAMING if source == "screen" else INTERACTIVE


def traffic_class(mark: int) -> int:
    """Return the byte of the IP header: the mark above two bits of ECN (RFC 2474 §3, RFC 3168 §5)."""
    return mark << 2
