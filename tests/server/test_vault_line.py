"""records/README.md "Keys": the line to the key service breaks, lies or leads elsewhere; the answer is one error."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from records.crypto.keyring import Wrapped
from records.errors import KeyServiceUnavailable
from server.adapters.vault import MAX_ANSWER_BYTES, VaultKey, VaultProvider

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
WRAPPED = Wrapped("transit/k:v1", b"vault:v1:" + base64.b64encode(b"x" * 60))


@dataclass
class Line:
    """A server of raw bytes: says one thing to whoever asks, and closes."""

    says: bytes = b""
    heard: list[bytes] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        self.heard.append(head)
        writer.write(self.says)
        writer.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


@pytest.fixture
async def provider(line: Line) -> AsyncIterator[VaultProvider]:
    async with aiohttp.ClientSession() as session:
        yield VaultProvider(session, VaultKey(line.url, "k", "secret-token"))


def whole(body: object) -> bytes:
    data = json.dumps(body).encode()
    return OK % len(data) + data


class TestBrokenLine:
    @pytest.mark.parametrize("says", [
        b"", OK % 100, OK % 100 + b'{"data"', b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Sealed\r\nContent-Length: 15\r\n\r\n{\"sealed\":true}", b"not HTTP at all\r\n\r\n",
        whole([]), whole({"data": []}), whole({"data": {}}), whole({"data": {"plaintext": "***"}}),
        whole({"data": {"plaintext": 7}}), whole({"data": {"ciphertext": 7}}),
        whole({"data": {"ciphertext": "vault:x"}}),
        whole({"data": {"plaintext": "x" * MAX_ANSWER_BYTES}}),
    ])  # fmt: skip
    async def test_is_unavailable(self, line: Line, provider: VaultProvider, says: bytes) -> None:
        line.says = says
        with pytest.raises(KeyServiceUnavailable):
            await provider.unwrap(WRAPPED, b"context")
        with pytest.raises(KeyServiceUnavailable):
            await provider.wrap(b"k" * 32, b"context")
        assert not await provider.healthy()

    async def test_the_token_follows_no_redirect(self, line: Line, provider: VaultProvider) -> None:
        line.says = b"HTTP/1.1 307 Elsewhere\r\nLocation: " + line.url.encode() + b"/thief\r\nContent-Length: 0\r\n\r\n"
        with pytest.raises(KeyServiceUnavailable):
            await provider.current()
        assert len(line.heard) == 1
