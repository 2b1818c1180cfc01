"""The relay's end of a recorder's channel: one Unix socket, messages that go out at once or not at all."""

import socket
from typing import Any

from signaling.media.recording import wire

SEND_BUFFER_BYTES = 4 << 20  # the kernel grants what net.core.wmem_max allows: 200 kB at least, 0.4 s of 3 Mbit/s


class ChannelLost(Exception):
    """The recorder is not there (any more)."""


class Channel:
    """Never waits: what does not fit is dropped and counted, and the count goes with the next packet."""

    def __init__(self, path: str, *, buffer_bytes: int = SEND_BUFFER_BYTES) -> None:
        """Connect; ChannelLost when no recorder listens there."""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        self._dropped = 0
        self._record: Any = None
        try:
            self._sock.connect(path)
        except OSError as error:
            self._sock.close()
            raise ChannelLost(type(error).__name__) from None

    @property
    def dropped(self) -> int:
        """How many messages the channel had no room for."""
        return self._dropped + (self._record.dropped if self._record is not None else 0)

    def record_for(self, ffi: Any) -> Any:
        """Return the packet kernel's view of this channel; it lives as long as the channel."""
        if self._record is None:
            self._record = ffi.new("relay_tap *", {"fd": self._sock.fileno(), "dropped": self._dropped})
            self._dropped = 0
        return self._record

    def send_packet(self, track: int, packet: bytes, now: float) -> None:
        """Hand over a packet."""
        self.send(wire.Packet(track, self.dropped, now, packet))

    def send(self, message: wire.Message) -> bool:
        """Hand a message over; False when there was no room."""
        try:
            self._sock.send(wire.encode(message))
        except OSError:  # full, or the recorder is gone: `take` tells the latter
            self._dropped += 1
            return False
        return True

    def take(self) -> list[wire.Message]:
        """Return what the recorder asked since the last call. Raises ChannelLost when it is gone."""
        found: list[wire.Message] = []
        while True:
            try:
                data = self._sock.recv(wire.MAX_MESSAGE_BYTES)
                if not data:
                    raise ChannelLost("closed")
                found.append(wire.parse(data))
            except BlockingIOError:
                return found
            except wire.BadMessage:
                continue
            except OSError as error:
                raise ChannelLost(type(error).__name__) from None

    def close(self) -> None:
        """Hang up. Untap every stream before: the kernel writes to this descriptor."""
        self._sock.close()
