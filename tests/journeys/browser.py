"""Chromium with a fake camera and microphone, and what a test wants to know of its calls."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--use-fake-device-for-media-stream=device-count=3,display-media-type=monitor",
    "--use-fake-ui-for-media-stream",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-quic",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "journey"
PHONE = {"width": 412, "height": 840}
DESK = {"width": 1440, "height": 900}
# Remembers every peer connection, so that a test can ask for its statistics; changes nothing.
WATCH_PEERS = """
window.peers = [];
const Original = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Original { constructor(...a) { super(...a); window.peers.push(this); } };
"""
READ_STATS = """
async () => {
  const total = { framesDecoded: 0, totalAudioEnergy: 0, packetsReceived: 0, ports: [] };
  for (const peer of window.peers.filter((one) => one.connectionState === 'connected')) {
    const report = await peer.getStats();
    for (const entry of report.values()) {
      if (entry.type === 'inbound-rtp') {
        total.framesDecoded += entry.framesDecoded ?? 0;
        total.totalAudioEnergy += entry.totalAudioEnergy ?? 0;
        total.packetsReceived += entry.packetsReceived ?? 0;
      }
      if (entry.type === 'candidate-pair' && entry.state === 'succeeded') {
        total.ports.push(report.get(entry.remoteCandidateId).port);
      }
    }
  }
  return total;
}
"""


@dataclass(frozen=True)
class Heard:
    """What a page has received so far."""

    frames_decoded: int
    audio_energy: float
    packets: int
    ports: frozenset[int]


@dataclass
class Faults:
    """Everything that went wrong in a page without the test looking."""

    seen: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect uncaught errors and refused content."""
        page.on("pageerror", lambda error: self.seen.append(str(error)))
        page.on(
            "console",
            lambda message: self.seen.append(message.text) if "Content Security Policy" in message.text else None,
        )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Debian's Chromium."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: `make test` installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def new_person(browser: Browser, viewport: dict[str, int], faults: Faults) -> Page:
    """A person with a browser of their own: own cookies, own storage, camera and microphone allowed."""
    context: BrowserContext = await browser.new_context(viewport=viewport, permissions=["camera", "microphone"])  # type: ignore[arg-type]
    await context.add_init_script(WATCH_PEERS)
    page = await context.new_page()
    faults.watch(page)
    return page


async def heard(page: Page) -> Heard:
    """Ask all connected peer connections of the page."""
    total = await page.evaluate(READ_STATS)
    return Heard(total["framesDecoded"], total["totalAudioEnergy"], total["packetsReceived"], frozenset(total["ports"]))


async def until(page: Page, expression: str, timeout_s: float = 15.0) -> None:
    """Wait until a JavaScript expression is true; Playwright's own way needs eval, which the content policy forbids."""
    deadline = time.monotonic() + timeout_s
    while not await page.evaluate(expression):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {expression}"
        await asyncio.sleep(0.1)


async def hears_and_sees(page: Page, timeout_s: float = 20.0) -> None:
    """Return once pictures are decoded and sound arrives, both more than a moment ago."""
    before = await heard(page)
    deadline = time.monotonic() + timeout_s
    while True:
        now = await heard(page)
        if now.frames_decoded > before.frames_decoded and now.audio_energy > before.audio_energy:
            return
        assert time.monotonic() < deadline, f"no picture or no sound within {timeout_s} s: {before} then {now}"
        before = now if now.packets < before.packets else before  # a new connection counts from zero
        await asyncio.sleep(0.25)


@dataclass
class Album:
    """Numbered screenshots of one journey, kept as artefacts."""

    name: str
    count: int = 0

    async def take(self, page: Page, what: str) -> None:
        """Take the whole page."""
        self.count += 1
        folder = SCREENSHOTS / self.name
        folder.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=folder / f"{self.count:02d}-{what}.png", full_page=True)
