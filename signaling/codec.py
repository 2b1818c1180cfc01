"""Frames to messages and back: bounded, and one error (BadMessage) for whatever is wrong with a frame."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NoReturn, assert_never

from signaling import messages as m
from signaling.errors import BadMessage, ChatTooLong
from signaling.media.reports import LayerWish, Track
from signaling.vitals import VITALS, is_vital

VERSION = 1
# A browser's offer with simulcast is about 12 kB, and an offer is the largest thing a page sends.
MAX_FRAME_BYTES = 64 * 1024
MAX_SDP_BYTES = 32 * 1024  # security.md §8: a parse may be quadratic
MAX_CHAT_CHARACTERS = 4_000  # two printed pages; longer belongs into a document
MAX_NAME_CHARACTERS = 64  # ids, keys, mids: ours have at most 36
MAX_TICKET_CHARACTERS = 256  # ours has 43
MAX_SOURCES = 8  # two cameras, a screen, a microphone, and as many to come
# An uncompressed P-256 point is 65 bytes, a sealed key 60; in base64 87 and 80 characters.
MAX_PUBLIC_KEY_CHARACTERS, MAX_BOX_CHARACTERS = 128, 256
MAX_WISHES = 32  # a room of 16 seats with two pictures each
MAX_STATS = 32
MAX_NETWORK_CHARACTERS = 20  # the longest of the Network Information API is bluetooth
NETWORK_WORDS: Mapping[str, frozenset[str]] = {
    "candidate": frozenset({"host", "srflx", "prflx", "relay"}),
    "protocol": frozenset({"udp", "tcp", "tls"}),
    "network": frozenset({"wifi", "cellular", "ethernet", "vpn", "bluetooth", "wimax"}),
}
MAX_HEIGHT_PX = 8_640
MAX_COUNT = 2**53 - 1  # what a JavaScript number counts exactly


class Body:
    """One frame's object, read field by field. `path` names it in errors."""

    def __init__(self, fields: Mapping[str, Any], reply_to: str | None = None, path: str = "body") -> None:
        self._fields, self._reply_to, self._path = fields, reply_to, path

    def refuse(self, name: str, wanted: str) -> NoReturn:
        """Raise the error for one field."""
        raise BadMessage(f"{self._path}.{name}: {wanted}", self._reply_to)

    def text(self, name: str, longest: int, shortest: int = 1) -> str:
        """Return a string of shortest to longest characters that UTF-8 can carry."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not shortest <= len(value) <= longest or not _is_unicode(value):
            self.refuse(name, f"a text of {shortest} to {longest} characters")
        return value

    def optional_text(self, name: str, longest: int) -> str | None:
        """Return a string, or None when it is missing or null."""
        return None if self._fields.get(name) is None else self.text(name, longest)

    def sdp(self) -> str:
        """Return the `sdp` field; its content is the relay's to judge."""
        value = self.text("sdp", MAX_SDP_BYTES)
        if len(value.encode()) > MAX_SDP_BYTES:
            self.refuse("sdp", f"at most {MAX_SDP_BYTES} bytes")
        return value

    def count(self, name: str, lowest: int = 0, highest: int = MAX_COUNT) -> int:
        """Return a whole number."""
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            self.refuse(name, f"a whole number, {lowest} to {highest}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return true or false; missing is refused unless there is a default."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "true or false")
        return value

    def source(self, name: str) -> m.Source:
        """Return one of the known sources."""
        value = self._fields.get(name)
        for source in m.SOURCES:
            if value == source:
                return source
        self.refuse(name, "one of " + ", ".join(m.SOURCES))

    def object(self, name: str, largest: int) -> "dict[str, Any]":
        """Return an object of at most `largest` members."""
        value = self._fields.get(name)
        if not isinstance(value, dict) or len(value) > largest:
            self.refuse(name, f"an object of at most {largest} members")
        if not all(0 < len(key) <= MAX_NAME_CHARACTERS and _is_unicode(key) for key in value):
            self.refuse(name, f"names of 1 to {MAX_NAME_CHARACTERS} characters")
        return value

    def inner(self, name: str) -> "Body | None":
        """Return an object field, None when it is missing or null."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(name, "an object")
        return Body(value, self._reply_to, f"{self._path}.{name}")

    def items(self, name: str, largest: int) -> "list[Body]":
        """Return a list of at most `largest` objects."""
        value = self._fields.get(name)
        if not isinstance(value, list) or len(value) > largest or not all(isinstance(item, dict) for item in value):
            self.refuse(name, f"a list of at most {largest} objects")
        return [Body(item, self._reply_to, f"{self._path}.{name}[{i}]") for i, item in enumerate(value)]


def _is_unicode(text: str) -> bool:
    """Tell whether the text is without lone surrogates, which JSON may escape but UTF-8 cannot carry."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _hello(body: Body) -> m.Hello:
    resume = body.inner("resume")
    ticket = body.text("ticket", MAX_TICKET_CHARACTERS)
    if resume is None:
        return m.Hello(ticket)
    return m.Hello(ticket, m.ResumePoint(resume.text("key", MAX_NAME_CHARACTERS), resume.count("ack")))


def _publish(body: Body) -> m.Publish:
    named = body.object("sources", MAX_SOURCES)
    sources = Body(named, body._reply_to, "body.sources")
    taken = {mid: sources.source(mid) for mid in named}
    if len(set(taken.values())) < len(taken):
        body.refuse("sources", "each source once")
    return m.Publish(body.count("generation", 1), body.sdp(), taken)


def _chat(body: Body) -> m.ChatText:
    key = body.text("key", MAX_NAME_CHARACTERS)
    text = body.text("text", MAX_FRAME_BYTES, 0)
    if not text.strip() or len(text) > MAX_CHAT_CHARACTERS:
        raise ChatTooLong
    return m.ChatText(text, key)


def _vitals(body: Body) -> m.Vitals:
    values = body.object("values", len(VITALS))
    for name, value in values.items():
        if not is_vital(name, value):
            body.refuse(f"values.{name}", "a known vital sign in the range of a living body")
    if not values:
        body.refuse("values", "at least one vital sign")
    return m.Vitals(values, body.text("key", MAX_NAME_CHARACTERS))


def _record(body: Body) -> m.Record:
    for action in m.RECORD_ACTIONS:
        if body._fields.get("action") == action:
            return m.Record(action)
    body.refuse("action", "one of " + ", ".join(m.RECORD_ACTIONS))


def _wish(item: Body) -> LayerWish:
    height = None if item._fields.get("max_height") is None else item.count("max_height", 1, MAX_HEIGHT_PX)
    return LayerWish(item.text("mid", MAX_NAME_CHARACTERS), height, item.flag("paused", False))


def _quality(body: Body) -> m.ClientQuality:
    stats = body.object("stats", MAX_STATS)
    for name, value in stats.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            body.refuse(f"stats.{name}", "a number")
    network = body.optional_text("network", MAX_NETWORK_CHARACTERS)
    return m.ClientQuality({name: float(value) for name, value in stats.items()}, network)


def _network(body: Body) -> m.Network:
    """A word that a newer browser uses and this server does not know is `unknown`."""
    words = {name: body.text(name, MAX_NAME_CHARACTERS) for name in NETWORK_WORDS}
    return m.Network(**{name: word if word in NETWORK_WORDS[name] else "unknown" for name, word in words.items()})


def _is_finite(value: int | float) -> bool:
    """Tell whether a float can hold the number: 1e999 and a 400-digit integer are JSON too."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _send_key(body: Body) -> m.SendKey:
    return m.SendKey(body.text("to", MAX_NAME_CHARACTERS), body.count("epoch", 1), body.text("box", MAX_BOX_CHARACTERS))


CLIENT_TYPES: Mapping[str, Callable[[Body], m.ClientMessage]] = {
    "hello": _hello,
    "ping": lambda body: m.Ping(),
    "publish": _publish,
    "subscribe": lambda body: m.Subscribe(body.flag("restart", False)),
    "answer": lambda body: m.Answer(body.count("generation"), body.sdp()),
    "mute": lambda body: m.Mute(body.source("source"), body.flag("muted")),
    "chat": _chat,
    "vitals": _vitals,
    "layers": lambda body: m.Layers(tuple(_wish(item) for item in body.items("wishes", MAX_WISHES))),
    "quality": _quality,
    "network": _network,
    "ring": lambda body: m.Ring(),
    "accept": lambda body: m.Accept(),
    "hold": lambda body: m.Hold(),
    "resume": lambda body: m.Resume(),
    "end": lambda body: m.End(),
    "escalate": lambda body: m.Escalate(),
    "remove": lambda body: m.Remove(body.text("seat", MAX_NAME_CHARACTERS)),
    "record": _record,
    "consent": lambda body: m.Consent(body.flag("given"), body.text("text_version", MAX_NAME_CHARACTERS)),
    "leave": lambda body: m.Leave(),
    "e2ee-identity": lambda body: m.Identify(body.text("public_key", MAX_PUBLIC_KEY_CHARACTERS)),
    "e2ee": lambda body: m.Encrypt(body.flag("on")),
    "e2ee-key": _send_key,
}


def parse(frame: str | bytes) -> m.ClientEnvelope:
    """
    Return a client's message.

    Raises:
        BadMessage: the frame is not one; `reply_to` is its id where that could be read.
        ChatTooLong: a chat text that a person can shorten.
    """
    envelope = _load(frame)
    body = Body(envelope, path="envelope")
    if envelope.get("v") != VERSION or isinstance(envelope.get("v"), bool):
        body.refuse("v", f"{VERSION}")
    message_id = body.optional_text("id", MAX_NAME_CHARACTERS)
    body = Body(envelope, message_id, "envelope")
    read = CLIENT_TYPES.get(body.text("type", MAX_NAME_CHARACTERS))
    if read is None:
        body.refuse("type", "a type of the protocol")
    fields = envelope.get("body", {})
    if not isinstance(fields, dict):
        body.refuse("body", "an object")
    seq, ack = (body.count(name) if name in envelope else 0 for name in ("seq", "ack"))
    return m.ClientEnvelope(read(Body(fields, message_id)), message_id, seq, ack)


def _load(frame: str | bytes) -> dict[str, Any]:
    if len(frame) > MAX_FRAME_BYTES:
        raise BadMessage(f"a frame has at most {MAX_FRAME_BYTES} bytes")
    try:
        envelope = json.loads(frame)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError; depth is the recursion
        raise BadMessage("a frame is one JSON object") from None
    if not isinstance(envelope, dict):
        raise BadMessage("a frame is one JSON object")
    return envelope


SERVER_TYPES: Mapping[type[m.ServerMessage], str] = {
    m.Welcome: "welcome",
    m.Pong: "pong",
    m.Done: "done",
    m.StateChanged: "state",
    m.SeatsChanged: "seats",
    m.QueuePlace: "queue",
    m.Claimed: "claimed",
    m.Released: "released",
    m.Ringing: "ringing",
    m.Published: "published",
    m.Offer: "offer",
    m.RelayLost: "relay-lost",
    m.RelayMoves: "relay-moves",
    m.ChatMessage: "chat",
    m.VitalsMessage: "vitals",
    m.Drop: "drop",
    m.Unanswered: "unanswered",
    m.Speaker: "speaker",
    m.SeatQuality: "quality",
    m.MediaStopped: "media-stopped",
    m.LayerChanged: "layer",
    m.LayerSoon: "layer-soon",
    m.Demand: "demand",
    m.PathChanged: "path-changed",
    m.Recording: "recording",
    m.Emergency: "emergency",
    m.EncryptionChanged: "e2ee",
    m.KeySent: "e2ee-key",
    m.Bye: "bye",
    m.Failure: "error",
}
# Media-rate signals and answers of the moment: the next one replaces them, so they are not replayed.
UNJOURNALLED: frozenset[type[m.ServerMessage]] = frozenset(
    {m.Welcome, m.Pong, m.Done, m.QueuePlace, m.Speaker, m.SeatQuality, m.MediaStopped, m.LayerChanged, m.LayerSoon}
    | {m.PathChanged, m.RelayMoves, m.Bye, m.Failure}
)


def encode(envelope: m.ServerEnvelope) -> str:
    """Return the frame's text."""
    frame = {
        "v": VERSION,
        "type": SERVER_TYPES[type(envelope.message)],
        "seq": envelope.seq,
        "ack": envelope.ack,
        "body": body_of(envelope.message),
    }
    if envelope.re is not None:
        frame["re"] = envelope.re
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


def body_of(message: m.ServerMessage) -> dict[str, Any]:
    """Return a server message's body as README "Messages" gives it."""
    match message:
        case m.Welcome():
            return _welcome(message)
        case m.Pong() | m.Done() | m.Released() | m.Ringing() | m.RelayLost() | m.RelayMoves():
            return {}
        case m.StateChanged(state, at, admitted):
            return {"state": state.value, "at": at, "admitted": admitted}
        case m.SeatsChanged(seats):
            return {"seats": [_seat(seat) for seat in seats]}
        case m.Claimed(display, registration_number):
            return {"practitioner": {"display": display, "registration_number": registration_number}}
        case m.Published(generation, sdp):
            return {"generation": generation, "sdp": sdp}
        case m.Offer(generation, sdp, tracks):
            return {"generation": generation, "sdp": sdp, "tracks": [_track(track) for track in tracks]}
        case m.ChatMessage(line):
            return _line(line)
        case m.VitalsMessage(reading):
            return _reading(reading)
        case m.PathChanged():
            return _path(message)
        case _:
            return _plain(message)


def _plain(message: Any) -> dict[str, Any]:
    """Return the body of a message whose fields are strings, numbers, lists of them, or None."""
    match message:
        case m.QueuePlace() | m.Unanswered() | m.Speaker() | m.SeatQuality() | m.MediaStopped() | m.Drop():
            pass
        case m.EncryptionChanged() | m.KeySent():
            pass
        case m.LayerChanged() | m.LayerSoon() | m.Demand() | m.Recording() | m.Emergency() | m.Bye() | m.Failure():
            pass
        case _:
            assert_never(message)
    body = {name: getattr(message, name) for name in message.__dataclass_fields__}
    if isinstance(message, m.Drop):
        body["role"] = message.role.value
    return body


def _welcome(message: m.Welcome) -> dict[str, Any]:
    return {
        "seat": message.seat,
        "role": message.role.value,
        "resume_key": message.resume_key,
        "resumed": message.resumed,
        "visit": {"id": message.visit, "state": message.state.value},
        "seats": [_seat(seat) for seat in message.seats],
        "links": dict(message.links),
        "ice_servers": [dict(server) for server in message.ice_servers],
        "ice_ttl_s": message.ice_ttl_s,
        "chat": [_line(line) for line in message.chat],
        "admitted": message.admitted,
        "encrypted": message.encrypted,
        "vitals": [_reading(reading) for reading in message.vitals],
    }


def _path(change: m.PathChanged) -> dict[str, Any]:
    return {
        "seat": change.seat,
        "link": change.link,
        "from": asdict(change.before),
        "to": asdict(change.after),
        "cause": change.cause,
        "gap_ms": change.gap_ms,
    }


def _seat(seat: m.SeatView) -> dict[str, Any]:
    return {
        "seat": seat.seat,
        "role": seat.role.value,
        "display": seat.display,
        "presence": seat.presence.value,
        "muted": list(seat.muted),
        "sources": list(seat.sources),
        "public_key": seat.public_key,
    }


def _track(track: Track) -> dict[str, str]:
    return {"mid": track.mid, "seat": track.seat, "kind": track.kind, "source": track.source}


def _line(line: m.ChatLine) -> dict[str, Any]:
    return {
        "from": line.seat,
        "role": line.role,
        "text": line.text,
        "at": line.at,
        "key": line.key,
        "number": line.number,
    }


def _reading(reading: m.Reading) -> dict[str, Any]:
    return {
        "from": reading.seat,
        "role": reading.role,
        "values": dict(reading.values),
        "at": reading.at,
        "key": reading.key,
        "number": reading.number,
    }
