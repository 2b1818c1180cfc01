"""Connections: slow, many and malformed ones (security.md §13, rows 26 and 27)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.web_server import Server

from server.http import connections
from server.http.connections import LOOPBACK, ConnectionServer, Runner

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Awaitable[Opened]]]:
    """A bare server whose clock for headers is a tenth of a second, and a way to open raw connections to it."""
    monkeypatch.setattr(connections, "HEADERS_S", 0.1)
    monkeypatch.setattr(connections, "PER_ADDRESS", 3)
    app = web.Application()

    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app.router.add_route("*", "/", echo)
    runner = Runner(app, uncounted=(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    opened: list[asyncio.StreamWriter] = []

    async def open_one() -> Opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        return reader, writer

    yield open_one
    for writer in opened:
        writer.close()
    await runner.cleanup()


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Connect = Callable[[], Awaitable[Opened]]


async def answer(opened: Opened, request: bytes) -> bytes:
    reader, writer = opened
    writer.write(request)
    return await asyncio.wait_for(reader.read(65_536), 5)


class TestSlowHeaders:
    """Headers have a time to arrive."""

    async def test_a_silent_connection_is_closed(self, connect: Connect) -> None:
        reader, _ = await connect()
        assert await asyncio.wait_for(reader.read(), 5) == b""

    async def test_half_a_header_is_cut_off(self, connect: Connect) -> None:
        assert await answer(await connect(), b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a") == b""

    async def test_half_a_header_of_a_second_request_is_cut_off(self, connect: Connect) -> None:
        opened = await connect()
        assert b"200 OK" in await answer(opened, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await answer(opened, b"GET / HTTP/1.1\r\nHo") == b""

    async def test_a_body_on_its_way_is_not_cut_off_by_the_clock_for_headers(self, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        loop = asyncio.get_running_loop()
        later = loop.create_future()
        loop.call_later(0.3, later.set_result, None)  # three times the clock for headers
        await later
        writer.write(b"cd")
        assert b"200 OK" in await asyncio.wait_for(reader.read(65_536), 5)


class TestManyConnections:
    """So many per address, the next is refused."""

    async def test_the_connection_above_the_number_is_not_served(self, connect: Connect) -> None:
        for _ in range(3):
            await connect()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            reader, writer = await connect()
            writer.write(REQUEST)
            await asyncio.wait_for(reader.readexactly(1), 5)

    async def test_a_closed_connection_makes_room(self, connect: Connect) -> None:
        held = [await connect() for _ in range(3)]
        held[0][1].close()
        await held[0][1].wait_closed()
        assert b"200 OK" in await answer(await connect(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


class TestProxies:
    """A proxy carries everybody's connections."""

    @pytest.mark.parametrize(
        ("address", "is_counted"),
        [("198.51.100.1", True), ("10.1.2.3", False), ("127.0.0.1", False), ("::1", False), ("fe80::1%eth0", True)],
    )
    async def test_only_addresses_of_single_people_are_limited(self, address: str, is_counted: bool) -> None:
        async def nothing(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response()

        server = ConnectionServer(Server(nothing), (*LOOPBACK, "10.0.0.0/8"))
        assert server._carries_everybody(address) is not is_counted


POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = {
    "two different lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "length and chunked": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length with a sign": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
    "length with an underscore": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n0123456789",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunk size with a prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "line folding": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "bare carriage return in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\rc\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\r\n\r\n",
    "a header of 100 kB": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"GET / HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"X-%d: b\r\n" % n for n in range(1_000))
    + b"\r\n",
}


class TestMalformedRequests:
    """What could be read in two ways is refused, with a problem document, and the connection ends."""

    @pytest.mark.parametrize("name", sorted(SMUGGLED))
    async def test_an_ambiguous_request_is_refused_and_its_connection_closed(self, connect: Connect, name: str) -> None:
        reader, writer = await connect()
        writer.write(SMUGGLED[name] + b"GET / HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        received = await asyncio.wait_for(reader.read(), 5)  # to the end: the server closes
        assert received.count(b"HTTP/1.1 ") <= 1
        assert b" 200 OK" not in received

    async def test_a_malformed_request_is_answered_without_an_echo(self, connect: Connect) -> None:
        received = await answer(await connect(), b"GET /?t=SECRETTOKEN HTTP/9.9junk\r\n\r\n")
        assert b"application/problem+json" in received
        assert b"SECRETTOKEN" not in received
