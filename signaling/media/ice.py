"""
ICE-lite for one link: which checks are answered, which path is taken, when consent is over.

One thing goes beyond lite: an address from which the peer's media came, but no check yet, is challenged with a check of
ours (see `challenge`): a NAT that moved the peer costs one round trip and not the 2.5 s to the peer's next check.

Generations make a restart safe: the old credentials keep working until a check of the new ones nominates a path
(make before break), and for RETIRING_S more. DTLS and SRTP know nothing of it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from signaling.media import stun

SHAKY_S = 5.0  # browsers check every 2.5 s: two in a row are missing
CONSENT_S = 30.0  # RFC 7675 §5.1
REVIVAL_S = 30.0  # a lost link can be revived by an ICE restart for this long
RETIRING_S = 3.0  # late packets and checks of the path before a restart (media.md §2)
RESTART_GIVE_UP_S = 20.0  # a restart without a nomination is forgotten, the old generation stays
CHALLENGE_EVERY_S = 0.05  # a lost challenge is repeated this soon, by the next packet
CHALLENGE_LASTS_S = 2.0
MAX_CHALLENGES = 8  # open at a time; replayed packets of many addresses must not grow a list
MAX_PATHS = 8  # a browser checks from two to four local addresses, a roaming one adds some


class Consent(enum.Enum):
    """Life of a link's path. Drawn in signaling/media/README.md, which a test compares."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SHAKY = "shaky"
    LOST = "lost"
    CLOSED = "closed"


class Trigger(enum.Enum):
    HEARD = "heard"  # a valid check or packet
    SILENT = "silent"  # nothing valid for SHAKY_S
    EXPIRED = "expired"  # nothing valid for CONSENT_S
    END = "end"  # closed, or nothing for REVIVAL_S after that


TRANSITIONS: Mapping[Consent, Mapping[Trigger, Consent]] = {
    Consent.CONNECTING: {
        Trigger.HEARD: Consent.CONNECTED,
        Trigger.EXPIRED: Consent.LOST,
        Trigger.END: Consent.CLOSED,
    },
    Consent.CONNECTED: {Trigger.SILENT: Consent.SHAKY, Trigger.EXPIRED: Consent.LOST, Trigger.END: Consent.CLOSED},
    Consent.SHAKY: {Trigger.HEARD: Consent.CONNECTED, Trigger.EXPIRED: Consent.LOST, Trigger.END: Consent.CLOSED},
    Consent.LOST: {Trigger.HEARD: Consent.CONNECTED, Trigger.END: Consent.CLOSED},
    Consent.CLOSED: {},
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation's short-term credentials: ours to be checked with, the peer's name in USERNAME."""

    ufrag: str
    password: str = field(repr=False)
    remote_ufrag: str = ""
    remote_password: str = field(repr=False, default="")
    """Needed only to challenge an address; empty until the peer's description came."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Send these bytes to the address that the check came from."""

    address: stun.Address
    data: bytes


@dataclass(frozen=True, slots=True)
class Bind:
    """Packets from this address now belong to the link."""

    address: stun.Address


@dataclass(frozen=True, slots=True)
class Unbind:
    """Packets from this address belong to nobody any more."""

    address: stun.Address


SelectCause = Literal["first", "migration", "restart", "rebinding"]


@dataclass(frozen=True, slots=True)
class Select:
    """Send to this address from now on."""

    address: stun.Address
    cause: SelectCause


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell web the link's new state."""

    state: Consent


Effect = Respond | Bind | Unbind | Select | Announce


@dataclass(frozen=True, slots=True)
class Challenge:
    """A check of ours that is not answered yet."""

    address: stun.Address
    generation: Credentials
    at: float


# How long a state lasts in silence.
PATIENCE_S = {
    Consent.CONNECTING: CONSENT_S,
    Consent.CONNECTED: SHAKY_S,
    Consent.SHAKY: CONSENT_S,
    Consent.LOST: CONSENT_S + REVIVAL_S,
    Consent.CLOSED: float("inf"),
}


class IceLite:
    """The ICE agent of one link (RFC 8445 §2.5: it answers checks and never sends any)."""

    def __init__(self, credentials: Credentials, now: float) -> None:
        self.current = credentials
        self.pending: Credentials | None = None
        self.retiring: Credentials | None = None
        self.selected: stun.Address | None = None
        self.state = Consent.CONNECTING
        self._heard_at = now
        self._changed_at = now
        self._paths: dict[stun.Address, float] = {}
        self._challenges: dict[bytes, Challenge] = {}

    def learn_remote(self, ufrag: str, password: str) -> None:
        """Take the peer's part of the newest generation, from its description."""
        newest = self.pending or self.current
        known = replace(newest, remote_ufrag=ufrag, remote_password=password)
        if self.pending is not None:
            self.pending = known
        else:
            self.current = known

    def credentials(self) -> tuple[Credentials, ...]:
        """Return every generation that is still answered; the shell routes checks by their ufrags."""
        return tuple(c for c in (self.current, self.pending, self.retiring) if c is not None)

    def restart(self, credentials: Credentials, now: float) -> None:
        """Begin a new generation; a restart that is under way is superseded."""
        self.pending, self._changed_at = credentials, now

    def receive_check(self, data: bytes, request: stun.Request, address: stun.Address, now: float) -> list[Effect]:
        """Answer a check that names one of our ufrags; nothing at all when it is not authentic."""
        generation = self._generation(request)
        if generation is None or self.state is Consent.CLOSED:
            return []
        if not stun.is_authentic(data, request, generation.password.encode()):
            return []
        response = stun.binding_response(request.transaction_id, address, generation.password.encode())
        effects: list[Effect] = [Respond(address, response), *self._bind(address, now)]
        if generation is not self.retiring and (request.is_nominating or self.selected is None):
            effects += self._select(address, generation, now)
        return effects + self.heard(now)

    def challenge(self, address: stun.Address, nonce: bytes, now: float) -> list[Effect]:
        """
        Ask who is at an address from which a media packet came that passed SRTP: a NAT may have moved the peer.

        The packet alone proves nothing about the address, since anybody may have sent a copy of it. `nonce`: 8 fresh
        random bytes.
        """
        peer = self.current
        self._challenges = {t: c for t, c in self._challenges.items() if now - c.at < CHALLENGE_LASTS_S}
        asked = [c.at for c in self._challenges.values() if c.address == address]
        is_too_soon = bool(asked) and now - max(asked) < CHALLENGE_EVERY_S
        if self.state is Consent.CLOSED or not peer.remote_password or address == self.selected or is_too_soon:
            return []
        if len(self._challenges) >= MAX_CHALLENGES:
            oldest = next((t for t, c in self._challenges.items() if c.address == address), None)
            if oldest is None:
                return []
            del self._challenges[oldest]
        transaction_id = bytes.fromhex(peer.ufrag) + nonce
        self._challenges[transaction_id] = Challenge(address, peer, now)
        username = f"{peer.remote_ufrag}:{peer.ufrag}"
        return [Respond(address, stun.challenge(transaction_id, username, peer.remote_password.encode()))]

    def receive_response(self, data: bytes, response: stun.Response, address: stun.Address, now: float) -> list[Effect]:
        """Take the answer to a challenge: from that address, with the peer's password, it is an authenticated check."""
        asked = self._challenges.get(response.transaction_id)
        if asked is None or asked.address != address or now - asked.at >= CHALLENGE_LASTS_S:
            return []
        if self.state is Consent.CLOSED or asked.generation is not self.current:
            return []
        if not stun.is_authentic(data, response, asked.generation.remote_password.encode()):
            return []
        self._challenges.clear()
        effects = self._bind(address, now)
        if address != self.selected:
            self.selected = address
            effects.append(Select(address, "rebinding"))
        return effects + self.heard(now)

    def heard(self, now: float) -> list[Effect]:
        """Note that something valid came: consent holds."""
        self._heard_at = now
        return self._move(Trigger.HEARD) if self.state is not Consent.CONNECTED else []

    def close(self) -> list[Effect]:
        """End the link and free its paths."""
        unbound: list[Effect] = [Unbind(address) for address in self._paths]
        self._paths.clear()
        return [*unbound, *self._move(Trigger.END)]

    def next_deadline(self) -> float:
        """Return when `handle_timer` has something to do at the earliest."""
        deadlines = [self._silence_deadline()]
        if self.pending is not None:
            deadlines.append(self._changed_at + RESTART_GIVE_UP_S)
        if self.retiring is not None:
            deadlines.append(self._changed_at + RETIRING_S)
        return min(deadlines)

    def handle_timer(self, now: float) -> list[Effect]:
        """Let generations and consent run out."""
        if self.retiring is not None and now >= self._changed_at + RETIRING_S:
            self.retiring = None
        if self.pending is not None and now >= self._changed_at + RESTART_GIVE_UP_S:
            self.pending = None
        if now < self._silence_deadline():
            return []
        if self.state is Consent.CONNECTED:
            return self._move(Trigger.SILENT)
        if self.state in (Consent.SHAKY, Consent.CONNECTING):
            return self._move(Trigger.EXPIRED)
        return self.close() if self.state is Consent.LOST else []

    def _silence_deadline(self) -> float:
        return self._heard_at + PATIENCE_S[self.state]

    def _generation(self, request: stun.Request) -> Credentials | None:
        local, _, remote = request.username.partition(":")
        for generation in self.credentials():
            if generation.ufrag == local and generation.remote_ufrag in ("", remote):
                return generation
        return None

    def _bind(self, address: stun.Address, now: float) -> list[Effect]:
        known = address in self._paths
        self._paths[address] = now
        if known:
            return []
        effects: list[Effect] = [Bind(address)]
        if len(self._paths) > MAX_PATHS:
            idle = min((a for a in self._paths if a != self.selected), key=self._paths.__getitem__)
            del self._paths[idle]
            effects.append(Unbind(idle))
        return effects

    def _select(self, address: stun.Address, generation: Credentials, now: float) -> list[Effect]:
        cause: SelectCause = "migration" if self.selected is not None else "first"
        if generation is self.pending:
            cause = "restart" if self.selected is not None else "first"
            self.retiring, self.current, self.pending = self.current, generation, None
            self._changed_at = now
        if address == self.selected:
            return []
        self.selected = address
        return [Select(address, cause)]

    def _move(self, trigger: Trigger) -> list[Effect]:
        state = TRANSITIONS[self.state].get(trigger)
        if state is None:
            return []
        self.state = state
        return [Announce(state)]
