"""
Debian's Firefox through a real relay process: its own ICE, post-quantum ClientHello, order of codecs and layers.

The relay listens on an address that is not loopback, where Firefox does not connect.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from signaling.net.control import LayerWish, LinkState
from tests.journeys.firefox import Firefox, firefox
from tests.signaling.net.browser_seat import SCRIPT, BrowserSeat, chromium, negotiating, open_seat
from tests.signaling.net.test_aiortc import own_address
from tests.signaling.net.worker_process import Running, relay_process

pytestmark = pytest.mark.journey


async def _blank(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>seat</title>", content_type="text/html")


@contextlib.asynccontextmanager
async def reachable_relay(folder: Path) -> AsyncIterator[Running]:
    address = own_address()
    async with relay_process(folder, options=("--udp", f"{address}:0", "--public-address", address)) as relay:
        yield relay


@contextlib.asynccontextmanager
async def seats_of(browser: Firefox, relay: Running, *names: str) -> AsyncIterator[list[BrowserSeat]]:
    """Pages of this Firefox, each a seat; their origin is a server of the test's own, since camera needs an origin."""
    app = web.Application()
    app.router.add_get("/", _blank)
    async with TestServer(app) as server:
        found = []
        for name in names:
            page = await browser.new_page()
            await page.goto(str(server.make_url("/")))
            await page.add_script_tag(content=SCRIPT)
            found.append(BrowserSeat(page, relay.client, "room", name))  # type: ignore[arg-type]  # the calls it needs
        yield found


class TestFirefox:
    @pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
    async def test_both_seats_see_and_hear_each_other_and_keep_it_over_an_ice_restart(
        self, tmp_path: Path, codec: str
    ) -> None:
        """H.264 is not here: Debian's Firefox encodes it only after fetching OpenH264 from Cisco."""
        async with reachable_relay(tmp_path) as relay, firefox() as browser:
            async with seats_of(browser, relay, "s_a", "s_b") as seats, negotiating(relay.client, seats) as negotiator:
                for seat in seats:
                    await seat.subscribe()
                    await seat.publish(codec=codec)
                for seat in seats:
                    await seat.wait_until("d.frames > 20 && d.energy > 0.005")
                    found = await seat.statistics()
                    assert found["down"]["codec"].lower() == f"video/{codec}"
                    assert {found["up"]["path"], found["down"]["path"]} == {relay.port}
                    assert "GCM" in found["up"]["cipher"]
                await seats[0].publish(iceRestart=True)
                await seats[1].subscribe(restart=True)
                before = (await seats[1].statistics())["down"]
                await seats[1].wait_until(
                    f"d.frames > {before['frames']} + 40 && d.energy > {before['energy']} + 0.005"
                )
            assert "lost" not in {event.state for event in negotiator.events if isinstance(event, LinkState)}


class TestFirefoxAndChromium:
    async def test_chromium_sees_the_layer_of_its_tile_of_firefox_and_firefox_sees_chromium(
        self, tmp_path: Path
    ) -> None:
        async with reachable_relay(tmp_path) as relay, firefox() as browser, chromium() as other:
            chrome = await open_seat(other, relay.client, "room", "s_chrome")
            async with seats_of(browser, relay, "s_fox") as (fox,), negotiating(relay.client, [fox, chrome]):
                for seat in (fox, chrome):
                    await seat.subscribe()
                    await seat.publish(simulcast=True)
                await fox.wait_until("d.frames > 20 && d.energy > 0.005")
                await chrome.wait_until("d.frames > 20 && d.energy > 0.005 && d.height >= 360", timeout_s=40)
                await relay.client.set_layers("room", chrome.down, [LayerWish("1", max_height=180)])
                await chrome.wait_until("d.height <= 180", timeout_s=15)
                frames = (await chrome.statistics())["down"]["frames"]
                await chrome.wait_until(f"d.frames > {frames} + 30")

    async def test_firefox_and_chromium_draw_and_point_over_data_channels(self, tmp_path: Path) -> None:
        async with reachable_relay(tmp_path) as relay, firefox() as browser, chromium() as other:
            chrome = await open_seat(other, relay.client, "room", "s_chrome")
            async with seats_of(browser, relay, "s_fox") as (fox,):
                for seat, role in ((chrome, "doctor"), (fox, "patient")):
                    await seat.publish(role=role, data=True, kinds=["audio"])
                    await seat.hears("welcome")
                await chrome.say(type="stroke", seq=1, body={"on": "s_fox/camera", "points": [0, 0, 1, 1]})
                await fox.say(type="pointer", body={"on": "s_fox/camera", "x": 0.5, "y": 0.25})
                assert (await fox.hears("stroke"))[0]["from"] == "s_chrome"
                assert (await chrome.hears("pointer"))[0]["body"]["y"] == 0.25
