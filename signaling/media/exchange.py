"""
What a room shares over data channels: strokes on a picture, a pointer, vital signs, chat. Pure: texts in, texts out.

Each sender numbers its messages from 1 and the room numbers what it took; so a page that lost its channel, its relay's
memory or itself says how far it came and gets the rest, each message once (net/README.md "Data channel").
"""

import json
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from signaling.vitals import is_vital

MAX_MESSAGE_BYTES = 4096  # a stroke of 128 points; one SCTP message of four packets
MAX_CHAT_CHARACTERS = 600  # so that they fit, six bytes each as JSON escapes them; longer texts wait for the socket
MAX_KEY_CHARACTERS = 64
MAX_ENTRIES = 512  # some minutes of lively drawing; older ones leave, and who missed them begins anew
MAX_LOG_BYTES = 256 * 1024
RATE_PER_S, BURST = 60.0, 120.0  # a finger gives 60 points a second, which a page gathers into strokes
MAX_BAD = 8
MAX_POINTS = 128
MAX_SEATS = 32
PEOPLE = frozenset(("patient", "caregiver", "interpreter", "doctor", "expert"))
# Who may send what, by the role of the authenticated seat.
ALLOWED: Mapping[str, frozenset[str]] = {
    "stroke": frozenset(("doctor", "expert")),
    "clear": frozenset(("doctor", "expert")),
    "pointer": PEOPLE,
    "vitals": frozenset(("patient", "caregiver", "doctor", "device")),
    "chat": PEOPLE,
}


class BadMessage(Exception):
    """A message that is not one of ours; `code` tells the sender why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered message of the room."""

    number: int
    seat: str
    role: str
    kind: str
    body: dict[str, Any]
    size: int

    def text(self) -> str:
        """Return it as the others get it."""
        fields = {"type": self.kind, "number": self.number, "from": self.seat, "role": self.role, "body": self.body}
        return write(fields)


@dataclass(slots=True)
class Member:
    """A seat with a channel now or before: how far it was heard, how far it heard."""

    role: str
    done: int = 0
    """The highest own number that the room took."""
    sent: int | None = None
    """The room's number up to which it was told; None until it said hello on this channel."""
    replies: list[str] = field(default_factory=list)
    pointers: dict[str, str] = field(default_factory=dict)
    """The newest pointer of each other seat that it was not told yet."""
    tokens: float = BURST
    heard_at: float = 0.0
    bad: int = 0

    def may_send(self, now: float) -> bool:
        """Return whether the rate allows one more message, and count it."""
        self.tokens = min(BURST, self.tokens + (now - self.heard_at) * RATE_PER_S)
        self.heard_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Exchange:
    """One room's shared messages."""

    def __init__(self, key: str) -> None:
        """`key`: a random name, so that a page can tell this memory from one before a restart."""
        self.key = key
        self._log: OrderedDict[int, Entry] = OrderedDict()
        self._last = self._floor = self._bytes = 0
        self._members: dict[str, Member] = {}

    def join(self, seat: str, role: str) -> None:
        """A seat has a new channel: it is told nothing before its hello."""
        member = self._members.get(seat)
        if member is None:
            if len(self._members) >= MAX_SEATS:
                return
            member = self._members[seat] = Member(role)
        member.role, member.sent, member.bad = role, None, 0
        member.replies.clear()
        member.pointers.clear()

    def receive(self, seat: str, text: str | bytes, now: float) -> None:
        """Take a message of a seat that joined. Nothing is raised; what was wrong is told to the sender."""
        member = self._members.get(seat)
        if member is None or member.bad >= MAX_BAD:
            return
        if not member.may_send(now):
            return self._refuse(member, "too-fast")
        try:
            kind, message = parse(text)
            self._take(seat, member, kind, message)
        except BadMessage as error:
            if error.code == "bad-message":
                member.bad += 1
            self._refuse(member, error.code)

    def is_refused(self, seat: str) -> bool:
        """Return whether a seat sent so much nonsense that its channel is to be closed."""
        member = self._members.get(seat)
        return member is None or member.bad >= MAX_BAD

    def take(self, seat: str, room_bytes: int) -> Iterator[str]:
        """
        Yield what the seat has not been told, at most about `room_bytes`; the rest waits for the next call.

        So a slow receiver holds up nobody and costs no memory: what waits is the log, which all share.
        """
        member = self._members.get(seat)
        if member is None:
            return
        while member.replies and room_bytes > 0:
            room_bytes -= len(member.replies[0])
            yield member.replies.pop(0)
        if member.sent is None:
            return
        if member.sent < self._floor:
            member.sent = 0 if not self._log else self._floor
            yield write({"type": "reset", "number": self._floor})
        for number in [n for n in self._log if n > member.sent]:
            if room_bytes <= 0:
                return
            entry = self._log[number]
            member.sent = number
            room_bytes -= entry.size
            yield entry.text()
        while member.pointers and room_bytes > 0:
            text = member.pointers.pop(next(iter(member.pointers)))
            room_bytes -= len(text)
            yield text

    # Inside

    def _take(self, seat: str, member: Member, kind: str, message: dict[str, Any]) -> None:
        if kind == "hello":
            return self._welcome(member, message)
        if member.role not in ALLOWED[kind]:
            raise BadMessage("not-allowed")
        body = BODIES[kind](message.get("body"))
        if kind == "pointer":
            text = write({"type": kind, "number": 0, "from": seat, "role": member.role, "body": body})
            for name, other in self._members.items():
                if name != seat and other.sent is not None:
                    other.pointers[seat] = text
            return None
        sequence = whole(message.get("seq"))
        if sequence > member.done + 1:
            raise BadMessage("gap")
        if sequence == member.done + 1:
            member.done = sequence
            self._append(seat, member.role, kind, body)
        if len(member.replies) < MAX_ENTRIES:
            member.replies.append(write({"type": "done", "seq": member.done}))
        return None

    def _welcome(self, member: Member, message: dict[str, Any]) -> None:
        is_ours = message.get("room") == self.key
        after = whole(message.get("after", 0)) if is_ours else 0
        resumed = is_ours and self._floor <= after <= self._last
        member.sent = after if resumed else self._floor
        fields = {"type": "welcome", "room": self.key, "resumed": resumed, "done": member.done, "role": member.role}
        member.replies.append(write(fields))

    def _append(self, seat: str, role: str, kind: str, body: dict[str, Any]) -> None:
        self._last += 1
        entry = Entry(self._last, seat, role, kind, body, len(write(body)))
        if kind == "clear":
            for number in [e.number for e in self._log.values() if e.body.get("on") == body["on"]]:
                self._forget(number)
        self._log[entry.number] = entry
        self._bytes += entry.size
        while len(self._log) > MAX_ENTRIES or self._bytes > MAX_LOG_BYTES:
            self._floor = next(iter(self._log))
            self._forget(self._floor)

    def _forget(self, number: int) -> None:
        self._bytes -= self._log.pop(number).size

    def _refuse(self, member: Member, code: str) -> None:
        if len(member.replies) < MAX_ENTRIES:
            member.replies.append(write({"type": "error", "code": code, "done": member.done}))


def parse(text: str | bytes) -> tuple[str, dict[str, Any]]:
    """Return type and message; BadMessage is the only error, whatever the text is."""
    if isinstance(text, bytes) or len(text) > MAX_MESSAGE_BYTES:
        raise BadMessage("bad-message")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("bad-message") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in (*ALLOWED, "hello"):
        raise BadMessage("bad-message")
    return kind, message


def whole(value: Any) -> int:
    """Return a count; BadMessage for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise BadMessage("bad-message")
    return value


def write(fields: dict[str, Any]) -> str:
    """Return a message as it goes over the channel: ASCII, since a sender's half characters are no UTF-8."""
    return json.dumps(fields, separators=(",", ":"))


def _place(body: Any) -> str:
    """Whose picture: "seat/source"."""
    on = body.get("on") if isinstance(body, dict) else None
    if not isinstance(on, str) or not 0 < len(on) <= 80:
        raise BadMessage("bad-message")
    return on


def _number(value: Any, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise BadMessage("bad-message")
    return round(float(value), 4)


def _stroke(body: Any) -> dict[str, Any]:
    on, points = _place(body), body.get("points")
    if not isinstance(points, list) or not 2 <= len(points) <= 2 * MAX_POINTS or len(points) % 2:
        raise BadMessage("bad-message")
    return {"on": on, "color": whole(body.get("color", 0)) % 6, "points": [_number(p, 0, 1) for p in points]}


def _clear(body: Any) -> dict[str, Any]:
    return {"on": _place(body)}


def _pointer(body: Any) -> dict[str, Any]:
    return {"on": _place(body), "x": _number(body.get("x"), 0, 1), "y": _number(body.get("y"), 0, 1)}


def _vitals(body: Any) -> dict[str, Any]:
    values = body.get("values") if isinstance(body, dict) else None
    if not isinstance(values, dict) or not values or not all(is_vital(*each) for each in values.items()):
        raise BadMessage("bad-message")
    return {"key": _key(body), "values": values}


def _chat(body: Any) -> dict[str, Any]:
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHAT_CHARACTERS:
        raise BadMessage("bad-message")
    return {"key": _key(body), "text": text}


def _key(body: Any) -> str:
    """The sender's name of an entry, by which the page knows it when it is stored."""
    key = body.get("key")
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise BadMessage("bad-message")
    return key


BODIES = {"stroke": _stroke, "clear": _clear, "pointer": _pointer, "vitals": _vitals, "chat": _chat}
