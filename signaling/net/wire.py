"""Frames of the control channel: 4-byte big-endian length and JSON, and JSON to and from the frozen reports. Pure."""

import dataclasses
import json
import types
import typing
from typing import Any

from signaling.media import reports
from signaling.media.errors import BadRequest

MAX_FRAME_BYTES = 256 * 1024  # an offer is at most 32 KiB; a snapshot of 400 links is about 150 KiB
LENGTH_BYTES = 4

EVENTS: dict[str, Any] = {
    "link_state": reports.LinkState,
    "offer_ready": reports.OfferReady,
    "tracks_changed": reports.TracksChanged,
    "media_stopped": reports.MediaStopped,
    "quality": reports.Quality,
    "active_speaker": reports.ActiveSpeaker,
    "path_changed": reports.PathChanged,
    "layer_changed": reports.LayerChanged,
    "layer_soon": reports.LayerSoon,
    "source_demand": reports.SourceDemand,
    "room_closed": reports.RoomClosed,
    "draining": reports.RelayDraining,
}
EVENT_NAMES = {kind: name for name, kind in EVENTS.items()}


def encode(message: dict[str, Any]) -> bytes:
    """Return one frame. A message over the limit is our own bug."""
    body = json.dumps(message, separators=(",", ":")).encode()
    assert len(body) <= MAX_FRAME_BYTES, "control frame over the limit"
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def frame_length(prefix: bytes) -> int:
    """Return the body's length; BadRequest when it is over the limit."""
    length = int.from_bytes(prefix, "big")
    if length > MAX_FRAME_BYTES:
        raise BadRequest(f"frame of {length} bytes, at most {MAX_FRAME_BYTES}")
    return length


def decode(body: bytes) -> dict[str, Any]:
    """Return a frame's message; BadRequest when it is not a JSON object."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("a control frame is a JSON object") from None
    if not isinstance(message, dict):
        raise BadRequest("a control frame is a JSON object")
    return message


def to_json(value: Any) -> Any:
    """Return a report as JSON values."""
    return dataclasses.asdict(value)


def encode_event(event: reports.RelayEvent) -> bytes:
    """Return the frame of one event."""
    return encode({"event": EVENT_NAMES[type(event)], **to_json(event)})


def decode_event(message: dict[str, Any]) -> reports.RelayEvent | None:
    """Return the event; None for one that a newer relay knows and this web does not."""
    kind = EVENTS.get(message.get("event", ""))
    if kind is None:
        return None
    event: reports.RelayEvent = from_json(kind, message)
    return event


def from_json(kind: Any, value: Any) -> Any:
    """Build a report from JSON: dataclasses and tuples of them; unknown keys are left out (newer peer)."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise BadRequest("expected an object")
        build: Any = kind
        hints = typing.get_type_hints(kind)
        try:
            return build(**{name: from_json(hints[name], value[name]) for name in hints if name in value})
        except TypeError as error:
            raise BadRequest(str(error)) from None
    if typing.get_origin(kind) is tuple:
        return tuple(from_json(typing.get_args(kind)[0], item) for item in value)
    if typing.get_origin(kind) is types.UnionType:
        return value
    return value
