"""
TCP connections as aiohttp serves them, with what it leaves open: a time for headers, a number per address, quiet
errors.

It reaches into aiohttp in four places (`_make_server`, `_kwargs`, `_messages`, `_current_request`), which
tests/server/test_connections.py pins.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from server.errors import Problem
from server.http import problem as problems
from server.http import security

log = logging.getLogger("teleconsult.http")

# A request's headers are one or two packets; on the worst line they come within seconds (security.md §8: no limit
# upstream).
HEADERS_S = 10.0
# Unacknowledged data, a closed window included: a reader that is gone or plays dead for so long is cut off by the
# kernel.
UNREAD_MS = 30_000
# A ward behind one address: 60 pages with six connections each. The proxy of the settings is not counted.
PER_ADDRESS = 400
IN_ALL = 5_000
# Where a proxy on this machine comes from; whoever else is here needs no connections to do harm.
LOOPBACK = ("127.0.0.0/8", "::1/128")
LOCAL = "local"  # a Unix socket


class Connection(RequestHandler):
    """One connection whose request headers must arrive in time."""

    __slots__ = ("_overdue",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the clock for the first request."""
        self._overdue: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        _limit_unread(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a request's headers are whole; start it at the first byte of the next."""
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self._arrived()
        elif self._overdue is None:
            self._expect()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the clock."""
        self._arrived()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """
        Answer what is not HTTP with a problem document. Upstream logs and echoes the line, which may hold a token.
        """
        log.info("http.malformed", extra={"status": status, "error": type(exc).__name__})
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; nothing more can be said")
        is_ours = status >= 500
        response = problems.answer(
            Problem(500, "unexpected", "This is our fault.")
            if is_ours
            else Problem(
                status, "bad-request", "The request line, a header or the framing of the body is not HTTP/1.1."
            )
        )
        response.headers.update(security.headers_for("/", is_https=False))
        response.force_close()
        return response

    def _expect(self) -> None:
        self._overdue = asyncio.get_running_loop().call_later(HEADERS_S, self._cut_off)

    def _arrived(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _cut_off(self) -> None:
        self._overdue = None
        if self._current_request is None and not self._messages:
            self.force_close()


def _limit_unread(transport: asyncio.BaseTransport) -> None:
    connected = transport.get_extra_info("socket")
    if connected is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):  # not TCP: a Unix socket behind a local proxy
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)


class ConnectionServer(Server):
    """Makes connections, so many per address."""

    def __init__(self, upstream: Server, uncounted: Sequence[str]) -> None:
        super().__init__(
            upstream.request_handler,
            request_factory=upstream.request_factory,
            handler_cancellation=upstream.handler_cancellation,
            loop=asyncio.get_running_loop(),
        )
        self._kwargs = upstream._kwargs
        self._uncounted = tuple(ipaddress.ip_network(network) for network in uncounted)
        self._addresses: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        """Make the protocol of one accepted connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count a connection, and refuse one too many without a word."""
        address = _address(transport)
        self._addresses[address] += 1
        super().connection_made(handler, transport)
        is_many = self._addresses[address] > PER_ADDRESS and not self._carries_everybody(address)
        if is_many or len(self._connections) > IN_ALL:
            transport.abort()

    def _carries_everybody(self, address: str) -> bool:
        if address == LOCAL:
            return True
        found = ipaddress.ip_address(address.partition("%")[0])
        return any(found in network for network in self._uncounted)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Count it no more."""
        transport = self._connections.get(handler)
        if transport is not None:
            self._addresses -= Counter({_address(transport): 1})
        super().connection_lost(handler, exc)


def _address(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else LOCAL


class Runner(web.AppRunner):
    """`web.AppRunner` with these connections. `uncounted`: networks of proxies, which carry everybody."""

    def __init__(self, app: web.Application, *, uncounted: Sequence[str] = LOOPBACK, **settings: object) -> None:
        super().__init__(app, **settings)  # type: ignore[arg-type]  # handed on as they came
        self._uncounted = uncounted

    async def _make_server(self) -> Server:
        return ConnectionServer(await super()._make_server(), self._uncounted)
