"""
ICE-TCP on the relay's port number, for networks that let no UDP through (RFC 6544, framing of RFC 4571).

Each connection gets a UDP socket of its own on loopback, through which its frames enter the relay's port as datagrams
of one more address. So the guard, ICE and the packet plane see nothing new, and TCP costs nothing where it is not used.
"""

import asyncio
import contextlib
import socket

from signaling.media.guard import MAX_DATAGRAM_BYTES
from signaling.net.port import Address, plain_address

LENGTH_BYTES = 2
MAX_CONNECTIONS = 256  # each costs two sockets; a relay carries about as many calls
FIRST_FRAME_S = 10.0  # a browser checks at once; a stranger who says nothing is sent away
IDLE_S = 40.0  # consent is over after 30 s
# What waits for a slow connection. Media that late is no use: the newest is dropped, as a router would.
MAX_UNSENT_BYTES = 128 * 1024


class TcpBridge:
    """The listener and its connections."""

    def __init__(self, relay: Address) -> None:
        """`relay`: where the UDP port is bound."""
        self._relay = _loopback(relay)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.addresses: set[Address] = set()
        """Where the relay's port sees clients that came by TCP."""
        self.dropped = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError when the port is taken by another program."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=4 * MAX_DATAGRAM_BYTES)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._tasks.add(task)
        family = socket.AF_INET6 if ":" in self._relay[0] else socket.AF_INET
        loop = asyncio.get_running_loop()
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self._relay)
            own = plain_address(sock.getsockname())
            self.addresses.add(own)
            loop.add_reader(sock.fileno(), self._to_client, sock, writer)
            try:
                await self._to_relay(reader, sock)
            except (asyncio.IncompleteReadError, TimeoutError, OSError):
                pass  # the connection is over, which consent tells the room
            finally:
                loop.remove_reader(sock.fileno())
                self._tasks.discard(task)
                self.addresses.discard(own)
                writer.close()

    async def _to_relay(self, reader: asyncio.StreamReader, sock: socket.socket) -> None:
        patience = FIRST_FRAME_S
        while True:
            async with asyncio.timeout(patience):
                size = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                if size > MAX_DATAGRAM_BYTES:
                    return
                frame = await reader.readexactly(size)
            patience = IDLE_S
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                sock.send(frame)

    def _to_client(self, sock: socket.socket, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data = sock.recv(MAX_DATAGRAM_BYTES)
                if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    self.dropped += 1
                else:
                    writer.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)


def _loopback(address: Address) -> Address:
    """Return where a local socket reaches the port; a wildcard is reached by loopback."""
    return ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0]), address[1])
