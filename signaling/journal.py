"""A seat's two counts: what was sent to it and not yet acknowledged, and what was received from it and done."""

from collections import deque
from dataclasses import dataclass, field, replace

from signaling import codec
from signaling import messages as m

# An hour of a lively call is some 200 journalled messages; a client acknowledges every 10 s. A seat that is away
# longer than this much traffic gets the whole state instead.
MAX_ENTRIES = 256
# Only the newest of these means anything; on replay the older ones are left out.
LATEST_WINS = (m.SeatsChanged, m.StateChanged, m.Offer, m.Published)


@dataclass(slots=True)
class Journal:
    """Messages to one seat, numbered from 1, until it acknowledges them."""

    _entries: deque[m.ServerEnvelope] = field(default_factory=lambda: deque(maxlen=MAX_ENTRIES))
    _last: int = 0

    @property
    def last(self) -> int:
        """The highest number given out."""
        return self._last

    def number(self, message: m.ServerMessage, re: str | None = None) -> m.ServerEnvelope:
        """Return the message in its envelope, kept for replay unless it is of a kind that is not journalled."""
        if type(message) in codec.UNJOURNALLED:
            return m.ServerEnvelope(message, re=re)
        self._last += 1
        envelope = m.ServerEnvelope(message, seq=self._last, re=re)
        self._entries.append(envelope)
        return envelope

    def acknowledge(self, ack: int) -> None:
        """Forget what the client has seen. An `ack` for what was never sent (before a restart of web) is ignored."""
        if ack > self._last:
            return
        while self._entries and self._entries[0].seq <= ack:
            self._entries.popleft()

    def can_replay(self, ack: int) -> bool:
        """Tell whether everything after `ack` is still here."""
        if not 0 <= ack <= self._last:
            return False
        oldest = self._entries[0].seq if self._entries else self._last + 1
        return ack >= oldest - 1

    def tail(self, ack: int) -> list[m.ServerEnvelope]:
        """Return the messages after `ack` in order; one that a newer one replaces leaves that the `re` it had."""
        missed = [entry for entry in self._entries if entry.seq > ack]
        newest = {type(entry.message): entry.seq for entry in missed}
        answers = {type(entry.message): entry.re for entry in missed if entry.re is not None}
        return [
            replace(entry, re=answers.get(type(entry.message))) if isinstance(entry.message, LATEST_WINS) else entry
            for entry in missed
            if not isinstance(entry.message, LATEST_WINS) or newest[type(entry.message)] == entry.seq
        ]


@dataclass(slots=True)
class Received:
    """Which of a client's numbered messages were seen, and up to which all are done with."""

    _highest: int = 0
    _pending: set[int] = field(default_factory=set)

    def is_new(self, seq: int) -> bool:
        """Tell whether the message is to be handled; 0 always is. Counts it."""
        if seq == 0:
            return True
        if seq <= self._highest:
            return False
        self._highest = seq
        return True

    def wait_for(self, seq: int) -> None:
        """Hold the acknowledgement below this message until `settle`: what it asked for is not stored yet."""
        if seq:
            self._pending.add(seq)

    def settle(self, seq: int) -> None:
        """The message is done with: stored, or refused with an answer."""
        self._pending.discard(seq)

    @property
    def ack(self) -> int:
        """The number up to which everything is done with."""
        return min(self._pending) - 1 if self._pending else self._highest
