"""
Time-limited credentials for an external TURN server (coturn's "TURN REST API", draft-uberti-behave-turn-rest-00).

The username is `expiry:subject`, the password base64(HMAC-SHA1(secret, username)): the TURN server checks both with the
shared secret alone. SHA-1 is what the mechanism says; HMAC does not rest on its collision resistance.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.config import Settings

SUBJECT_CHARACTERS = 16  # enough to tell allocations apart in coturn's log, and names nobody


@dataclass(frozen=True, slots=True)
class IceServers:
    """What a page or device is told, and for how long it holds."""

    servers: tuple[dict[str, Any], ...] = field(repr=False, default=())
    """RTCIceServer objects (WebRTC §4.2.4)."""
    ttl_s: int = 0
    """Ask again before this is over; 0: nothing expires."""

    def link_headers(self) -> list[str]:
        """Return the values of `Link` headers for WHIP and WHEP clients (RFC 9725 §4.6)."""
        return [_link(url, server) for server in self.servers for url in server["urls"]]


@dataclass(frozen=True, slots=True)
class Turn:
    """The TURN server of the settings; without addresses there is none."""

    urls: tuple[str, ...] = ()
    secret: str = field(repr=False, default="")
    ttl_s: int = 0

    def ice_servers(self, now: datetime, subject: str) -> IceServers:
        """Return credentials that end `ttl_s` from now. `subject` is hashed: seat ids stay between us and the pages."""
        if not self.urls:
            return IceServers()
        opaque = hashlib.sha256(subject.encode()).hexdigest()[:SUBJECT_CHARACTERS]
        username = f"{int(now.timestamp()) + self.ttl_s}:{opaque}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(digest).decode()
        return IceServers(({"urls": list(self.urls), "username": username, "credential": credential},), self.ttl_s)


def turn_of(settings: Settings) -> Turn:
    """Return the TURN server that the settings name."""
    return Turn(settings.turn_urls, settings.turn_secret or "", settings.turn_ttl_s)


def _link(url: str, server: dict[str, Any]) -> str:
    return (
        f'<{url}>; rel="ice-server"; username="{server["username"]}"; credential="{server["credential"]}"; '
        'credential-type="password"'
    )
