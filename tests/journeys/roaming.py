"""
A patient's line that changes under the call: UDP through impaired lines, TCP through a SOCKS proxy, both in user space.

`rebind`: a NAT forgets, the page knows nothing. `leave`: the old network is gone without a word, as when a phone walks
out of the Wi-Fi: what was open hangs for ever, only new sockets work. `relay`, `relays`, `web`: the call's relay, both,
or the web process, are killed with SIGKILL. `python -m tests.journeys.roaming N [KIND…]` prints percentiles.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.journeys import product as running_product
from tests.journeys.browser import DESK, PHONE, WATCH_PEERS, Album, Faults, chromium, heard, hears_and_sees, new_person
from tests.journeys.people import Doctor, Patient
from tests.journeys.product import BACK_S, Product, children, kill, pid_of
from tests.signaling.net.impaired_line import Conditions, ImpairedLine

ONE_WAY_S = 0.02  # 5G and a city's net: 40 ms there and back
SETTLE_S = 4.0  # between two changes, so that each finds a call that flows
KILLS = ("relay", "relays", "web")
# Else each ICE restart counts as flapping (call/session.js), or each death as one in a row (server/restart.py).
PAUSES_S = {"leave": 2 * SETTLE_S, **dict.fromkeys(KILLS, 11.0)}

# The relay's candidates with the line's port instead, and none by TCP, which the line does not carry.
BEND = """
window.bend = (sdp) => sdp.replace(/a=candidate:\\S+ \\d+ tcp .*\\r\\n/gi, '')
  .replace(/( 127\\.0\\.0\\.1) (\\d+) typ/g, (all, host, port) => `${host} ${LINES[port] ?? port} typ`);
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (d) {
  return set.call(this, { type: d.type, sdp: bend(d.sdp) });
};
"""
# Looks 50 times a second (statistics are cached for 50 ms) for how long no stream brought anything new. A stream counts
# from its own last look: a connection that is closed and made anew brings nothing by that.
WATCH_GAPS = """() => {
  const seen = new WeakMap(), at = {};
  window.gaps = { audio: 0, video: 0 };
  clearInterval(window.gapTimer);
  window.gapTimer = setInterval(async () => {
    const grew = { audio: false, video: false };
    for (const peer of window.peers.filter((one) => one.connectionState !== 'closed')) {
      const last = seen.get(peer) ?? new Map();
      seen.set(peer, last);
      for (const entry of (await peer.getStats()).values()) {
        if (entry.type !== 'inbound-rtp') continue;
        const count = (entry.kind === 'audio' ? entry.packetsReceived : entry.framesDecoded) ?? 0;
        grew[entry.kind] ||= count > (last.get(entry.id) ?? 0);
        last.set(entry.id, count);
      }
    }
    const now = performance.now();
    for (const kind of ['audio', 'video']) {
      if (grew[kind]) at[kind] = now;
      window.gaps[kind] = Math.max(window.gaps[kind], now - (at[kind] ?? now));
    }
  }, 20);
}"""


class Proxy:
    """SOCKS5 without authentication (RFC 1928), with a delay; `leave` lets everything that is open hang."""

    def __init__(self) -> None:
        self._alive: set[asyncio.Event] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def leave(self) -> None:
        for dead in self._alive:
            dead.set()
        self._alive.clear()

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own last turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        dead = asyncio.Event()
        self._alive.add(dead)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await self._connect(reader, writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far, dead))
                both.create_task(self._carry(far_reader, writer, dead))
        except* (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # an end, ours or theirs
        finally:
            self._tasks.discard(task)
            self._alive.discard(dead)
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    @staticmethod
    async def _connect(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        methods = (await reader.readexactly(2))[1]
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        await reader.readexactly(size)
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        far = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return far

    @staticmethod
    async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(ONE_WAY_S)
            if dead.is_set():
                await asyncio.Event().wait()  # no reset, no end: as packets that nobody answers
            writer.write(data)
        writer.close()


@dataclass
class RoamingCall:
    """A call whose patient is on the line."""

    patient: Patient
    doctor: Doctor
    lines: list[ImpairedLine]
    proxy: Proxy
    product: Product
    faults: Faults = field(default_factory=Faults)

    def rebind(self) -> None:
        for line in self.lines:
            line.change_address()

    def leave(self) -> None:
        self.proxy.leave()
        for line in self.lines:
            line.leave()

    async def kill_relay(self) -> None:
        """End the relay that the call is on, without warning."""
        (port,) = (await heard(self.doctor.page)).ports
        kill(await pid_of(self.product, f"relay-{media_ports(self.product).index(port)}.sock"))

    async def kill_relays(self) -> None:
        """End every relay: the call waits for one to start."""
        for index in range(len(self.lines)):
            kill(await pid_of(self.product, f"relay-{index}.sock"))

    async def kill_web(self) -> None:
        kill(await pid_of(self.product, " web"))

    async def gaps(self) -> dict[str, float]:
        """Longest silences since the last `watch`, in ms: what the doctor hears and sees, and what the patient does."""
        doctor, patient = await self.doctor.page.evaluate("gaps"), await self.patient.page.evaluate("gaps")
        found = {f"up_{kind}": doctor[kind] for kind in ("audio", "video")}
        return {**found, **{f"down_{kind}": patient[kind] for kind in ("audio", "video")}}

    async def watch(self) -> None:
        for page in (self.doctor.page, self.patient.page):
            await page.evaluate(WATCH_GAPS)


def media_ports(product: Product) -> list[int]:
    """Return the UDP ports of the product's relays, from their command lines."""
    found = []
    for _, command in sorted(children(product), key=lambda child: child[1]):
        words = command.split()
        if "--udp" in words:
            found.append(int(words[words.index("--udp") + 1].rpartition(":")[2]))
    return sorted(found)


async def roaming_person(browser: Browser, proxy: Proxy, lines: dict[int, ImpairedLine], faults: Faults) -> Page:
    """A patient's page whose every packet passes the line or the proxy."""
    server = {"server": f"socks5://127.0.0.1:{proxy.port}"}
    context = await browser.new_context(viewport=PHONE, permissions=["camera", "microphone"], proxy=server)  # type: ignore[arg-type]
    bends = json.dumps({str(port): line.port for port, line in lines.items()})
    await context.add_init_script(WATCH_PEERS + BEND.replace("LINES", bends))
    page = await context.new_page()
    faults.watch(page)
    return page


@contextlib.asynccontextmanager
async def roaming_call(product: Product, browser: Browser):  # type: ignore[no-untyped-def]  # a context of RoamingCall
    """Book, prepare, claim, ring; both see and hear."""
    faults, album, proxy = Faults(), Album("roaming"), await Proxy().open()
    conditions = Conditions(delay_s=ONE_WAY_S)
    lines = {port: ImpairedLine(port, conditions) for port in media_ports(product)}
    visit = await running_product.book(product, "Roaming")
    patient = Patient(await roaming_person(browser, proxy, lines, faults), album)
    doctor = Doctor(await new_person(browser, DESK, faults), album)
    await patient.prepare_quickly(visit.link)
    await doctor.sign_in(product.base_url, product.doctors[0])
    await doctor.read(visit.visit_id)
    await doctor.claim()
    await doctor.ring()
    await patient.in_call()
    await doctor.in_call()
    for page in (patient.page, doctor.page):
        await hears_and_sees(page)
    try:
        yield RoamingCall(patient, doctor, list(lines.values()), proxy, product, faults)
    finally:
        await patient.page.context.close()
        await doctor.page.context.close()
        await proxy.close()
        for line in lines.values():
            line.close()


async def change(call: RoamingCall, how: str) -> dict[str, float]:
    """Let the network change once, and return the silences that it brought."""
    await call.watch()
    await asyncio.sleep(1.0)
    match how:
        case "rebind":
            call.rebind()
        case "leave":
            call.leave()
        case "relay":
            await call.kill_relay()
        case "relays":
            await call.kill_relays()
        case _:
            await call.kill_web()
    await asyncio.sleep(SETTLE_S)
    if how in KILLS:
        await hears_and_sees(call.doctor.page, BACK_S)
        await hears_and_sees(call.patient.page, BACK_S)
    return await call.gaps()


def percentile(values: list[float], percent: int) -> float:
    """Nearest rank."""
    return sorted(values)[max(0, -(-percent * len(values) // 100) - 1)]


async def measure(count: int, kinds: list[str]) -> None:
    """Print the percentiles of many changes of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_product.running(Path(folder)) as product,
            chromium() as browser,
            roaming_call(product, browser) as call,
        ):
            for how in kinds or ["rebind", "leave"]:
                await asyncio.sleep(SETTLE_S)
                found = []
                for _ in range(count):
                    await asyncio.sleep(PAUSES_S.get(how, 0.0))
                    found.append(await change(call, how))
                    print(how, {name: round(gap) for name, gap in found[-1].items()}, flush=True)
                for name in found[0]:
                    values = [one[name] for one in found]
                    p50, p95 = percentile(values, 50), percentile(values, 95)
                    print(f"{how} {name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms of {count}")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]), sys.argv[2:]))
