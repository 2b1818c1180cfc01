"""What a PATCH needs of the media sessions that devices began in this process (RFC 9725 §4.3)."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

# A device whose session is forgotten, or began in an earlier process, gets 404 and begins anew. 20 visits of 50.
MAX_SESSIONS = 1_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session it is: it ends with its token."""

    visit_id: UUID
    token_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceSession:
    """One session."""

    offer: str = field(repr=False)
    etag: str
    """Of the ICE session; a restart makes a new one."""
    holder: Holder | None = None


class DeviceSessions:
    """Sessions by link, the newest thousand."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, DeviceSession] = OrderedDict()

    def remember(self, link: str, offer: str, holder: Holder | None = None) -> DeviceSession:
        """Keep a session's newest offer under a new ETag; a restart keeps its holder."""
        known = self._sessions.get(link)
        whose = holder if holder is not None else known.holder if known is not None else None
        session = self._sessions[link] = DeviceSession(offer, f'"{secrets.token_hex(8)}"', whose)
        self._sessions.move_to_end(link)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def holders(self) -> dict[str, Holder]:
        """Return whose each link is."""
        return {link: session.holder for link, session in self._sessions.items() if session.holder is not None}

    def get(self, link: str) -> DeviceSession | None:
        """Return a session."""
        return self._sessions.get(link)

    def forget(self, link: str) -> None:
        """The session is over."""
        self._sessions.pop(link, None)
