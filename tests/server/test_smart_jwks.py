"""Keys by URL: kept as long as their Cache-Control says, fetched anew for an unknown key, never from anywhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.auth.smart import InvalidClient
from server.auth.smart_jwks import FAILED_S, MAX_BYTES, REFETCH_S, JwksCache


@dataclass
class Vendor:
    """A hospital system's key page."""

    kids: list[str] = field(default_factory=lambda: ["a"])
    cache_control: str = "max-age=60"
    body: bytes | None = None
    redirect: str = ""
    pieces: int = 1
    asked: int = 0
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.redirect:
            raise web.HTTPFound(self.redirect)
        headers = {"Cache-Control": self.cache_control}
        if self.body is not None:
            return web.Response(body=self.body, headers=headers)
        text = json.dumps({"keys": [{"kid": kid} for kid in self.kids]}).encode()
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        size = -(-len(text) // self.pieces)
        for start in range(0, len(text), size):
            await response.write(text[start : start + size])
            await asyncio.sleep(0)
        return response


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    made, app = Vendor(), web.Application()
    app.router.add_get("/jwks", made.answer)
    server = TestServer(app)
    await server.start_server()
    made.url = str(server.make_url("/jwks"))
    yield made
    await server.close()


@pytest.fixture
async def cache() -> AsyncIterator[JwksCache]:
    async with aiohttp.ClientSession() as session:
        yield JwksCache(session)


async def kids(cache: JwksCache, vendor: Vendor, kid: str, now: float) -> list[Any]:
    return [key["kid"] for key in await cache.keys(vendor.url, kid, now)]


class TestCache:
    """No request asks the vendor twice within its Cache-Control."""

    @pytest.mark.parametrize(
        ("cache_control", "life"), [("max-age=60", 60), ("public, max-age=10", 10), ("", 300), ("max-age=999999", 3600)]
    )
    async def test_life(self, vendor: Vendor, cache: JwksCache, cache_control: str, life: float) -> None:
        vendor.cache_control = cache_control
        for now in (0.0, life - 0.1):
            await kids(cache, vendor, "a", now)
        assert vendor.asked == 1
        await kids(cache, vendor, "a", life)
        assert vendor.asked == 2

    @pytest.mark.parametrize("cache_control", ["no-store", "no-cache, max-age=60"])
    async def test_not_kept_at_all(self, vendor: Vendor, cache: JwksCache, cache_control: str) -> None:
        vendor.cache_control = cache_control
        for now in (0.0, 0.1):
            await kids(cache, vendor, "a", now)
        assert vendor.asked == 2

    async def test_a_rotated_key_is_found(self, vendor: Vendor, cache: JwksCache) -> None:
        await kids(cache, vendor, "a", 0.0)
        vendor.kids = ["a", "b"]
        assert await kids(cache, vendor, "b", REFETCH_S) == ["a", "b"]

    async def test_an_answer_in_pieces_is_read_to_its_end(self, vendor: Vendor, cache: JwksCache) -> None:
        vendor.pieces = 40
        vendor.kids = [f"key-{n}" for n in range(200)]
        assert await kids(cache, vendor, "key-199", 0.0) == vendor.kids

    async def test_many_who_ask_at_once_make_one_request(self, vendor: Vendor, cache: JwksCache) -> None:
        vendor.cache_control = "no-store"
        found = await asyncio.gather(*(kids(cache, vendor, "a", 0.0) for _ in range(20)))
        assert (found, vendor.asked) == ([["a"]] * 20, 1)

    async def test_a_vendor_that_fails_is_left_alone_for_a_while(self, vendor: Vendor, cache: JwksCache) -> None:
        vendor.body = b"out of order"
        for now in (0.0, FAILED_S - 0.1):
            with pytest.raises(InvalidClient):
                await kids(cache, vendor, "a", now)
        assert vendor.asked == 1
        vendor.body = None
        assert await kids(cache, vendor, "a", FAILED_S) == ["a"]

    async def test_strange_kids_do_not_make_us_hammer_the_vendor(self, vendor: Vendor, cache: JwksCache) -> None:
        for n in range(50):
            await kids(cache, vendor, f"strange-{n}", REFETCH_S * n / 50)
        assert vendor.asked == 1


class TestRefused:
    """What is no key set of that very address."""

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b"[" * 60_000, b" " * (MAX_BYTES + 1)])
    async def test_body(self, vendor: Vendor, cache: JwksCache, body: bytes) -> None:
        vendor.body = body
        with pytest.raises(InvalidClient):
            await kids(cache, vendor, "a", 0.0)

    async def test_redirect(self, vendor: Vendor, cache: JwksCache) -> None:
        vendor.redirect = "http://169.254.169.254/"
        with pytest.raises(InvalidClient):
            await kids(cache, vendor, "a", 0.0)

    @pytest.mark.parametrize("url", ["http://vendor.example/jwks", "ftp://vendor.example/jwks", "file:///etc/passwd"])
    async def test_address_that_is_not_https(self, cache: JwksCache, url: str) -> None:
        with pytest.raises(InvalidClient):
            await cache.keys(url, "a", 0.0)

    async def test_nobody_answers(self, cache: JwksCache) -> None:
        with pytest.raises(InvalidClient):
            await cache.keys("http://127.0.0.1:9/jwks", "a", 0.0)
