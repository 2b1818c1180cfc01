"""The relay's end of the control channel: requests to the relay, replies and events to every connection."""

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

from signaling.media.errors import BadRequest, MediaError
from signaling.media.reports import LayerWish
from signaling.net import wire
from signaling.net.link import LinkName
from signaling.net.registry import Registry, drain
from signaling.net.relay import Relay
from signaling.net.snapshots import snapshot

# A web that does not read for this long a queue is hung: its connection is cut, it comes back with a snapshot.
MAX_UNSENT_BYTES = 4 << 20
MAX_TEXT = 64 * 1024
MAX_CONNECTIONS = 8

log = logging.getLogger(__name__)


class ControlServer:
    """Serves the control socket."""

    def __init__(self, registry: Registry, index: int) -> None:
        self._registry, self._relay, self._index = registry, Relay(registry), index
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, path: str) -> None:
        """Listen at `path`, readable by the owner alone; a stale socket of a dead relay is replaced."""
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.stat(path).st_mode):
                os.unlink(path)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path, limit=2 * wire.MAX_FRAME_BYTES)
        finally:
            os.umask(before)

    async def tell(self) -> None:
        """Send events to every connection as they come; runs for ever."""
        while True:
            await self._registry.outbox.is_filled.wait()
            for event in self._registry.outbox.take():
                frame = wire.encode_event(event)
                for writer in list(self._writers):
                    self._write(writer, frame)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(frame)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        try:
            while True:
                length = wire.frame_length(await reader.readexactly(wire.LENGTH_BYTES))
                reply = self.answer(await reader.readexactly(length))
                self._write(writer, reply)
        except (asyncio.IncompleteReadError, OSError, BadRequest):
            pass  # web went away, or does not speak our frames: it connects again
        finally:
            self._writers.discard(writer)
            writer.close()

    def answer(self, body: bytes) -> bytes:
        """Return the reply frame to one request frame; every refusal has a code."""
        number: Any = None
        try:
            message = wire.decode(body)
            number = message.get("id")
            return wire.encode({"re": number, "ok": self._carry_out(message)})
        except MediaError as error:
            return wire.encode({"re": number, "error": {"code": error.code, "detail": str(error)[:500]}})
        except Exception:  # noqa: BLE001  # outermost frame of a request: our bug is told, the other rooms go on
            log.exception("relay.request_failed")
            return wire.encode({"re": number, "error": {"code": "internal", "detail": "a fault of the relay"}})

    def _carry_out(self, message: dict[str, Any]) -> Any:
        kind = message.get("type")
        request = REQUESTS.get(kind) if isinstance(kind, str) else None
        if request is None:
            raise BadRequest("unknown request type")
        if request is _snapshot:
            return wire.to_json(snapshot(self._registry, self._index))
        if request is _drain:
            drain(self._registry)
            return None
        result = request(self._relay, Fields(message))
        return wire.to_json(result) if result is not None else None


class Fields:
    """A request's fields, read with their types; BadRequest names the one that is wrong."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self._message = message

    def text(self, name: str, most: int = 200, least: int = 1) -> str:
        value = self._message.get(name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise BadRequest(f"{name}: a text of {least} to {most} characters")
        return value

    def number(self, name: str) -> int:
        value = self._message.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest(f"{name}: an integer")
        return value

    def flag(self, name: str) -> bool:
        value = self._message.get(name, False)
        if not isinstance(value, bool):
            raise BadRequest(f"{name}: true or false")
        return value

    def sources(self) -> dict[str, str]:
        value = self._message.get("sources", {})
        if not isinstance(value, dict) or len(value) > 40:
            raise BadRequest("sources: mid to source")
        if not all(isinstance(v, str) and len(v) <= 40 and len(k) <= 40 for k, v in value.items()):
            raise BadRequest("sources: mid to source")
        return dict(value)

    def wishes(self) -> list[LayerWish]:
        value = self._message.get("wishes")
        if not isinstance(value, list) or len(value) > 100:
            raise BadRequest("wishes: a list")
        return [_wish(Fields(item)) if isinstance(item, dict) else _refuse_wish() for item in value]

    def name(self) -> LinkName:
        return LinkName(self.text("room"), self.text("seat"), self.text("link"))


def _wish(fields: Fields) -> LayerWish:
    height = fields._message.get("max_height")
    if height is not None:
        height = fields.number("max_height")
    return LayerWish(fields.text("mid"), height, fields.flag("paused"))


def _refuse_wish() -> LayerWish:
    raise BadRequest("wishes: objects with mid, max_height, paused")


def _snapshot(relay: Relay, fields: Fields) -> None:
    """Answered by the server, which knows the registry."""


def _drain(relay: Relay, fields: Fields) -> None:
    """Answered by the server, which knows the registry."""


REQUESTS: Mapping[str, Callable[[Relay, Fields], Any]] = {
    "publish": lambda relay, f: relay.publish(
        f.name(), f.text("sdp", MAX_TEXT), f.sources(), role=f.text("role", 20, least=0)
    ),
    "subscribe": lambda relay, f: relay.subscribe(f.name(), restart=f.flag("restart")),
    "answer": lambda relay, f: relay.answer(
        f.text("room"), f.text("link"), f.number("generation"), f.text("sdp", MAX_TEXT)
    ),
    "subscribe_offer": lambda relay, f: relay.subscribe_offer(f.name(), f.text("sdp", MAX_TEXT)),
    "add_candidates": lambda relay, f: relay.check_fragment(
        f.text("room"), f.text("link"), f.text("fragment", MAX_TEXT)
    ),
    "set_muted": lambda relay, f: relay.set_muted(f.text("room"), f.text("seat"), f.text("source"), f.flag("muted")),
    "set_layers": lambda relay, f: relay.set_layers(
        f.text("room"), f.text("link"), f.wishes(), f.text("network", 20, 0)
    ),
    "record": lambda relay, f: relay.record(f.text("room"), f.text("channel", least=0)),
    "close_link": lambda relay, f: relay.close_link(f.text("room"), f.text("link")),
    "close_room": lambda relay, f: relay.close_room(f.text("room")),
    "snapshot": _snapshot,
    "drain": _drain,
}
