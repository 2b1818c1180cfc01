"""A seat in a real Chromium page: one up link, one down link, played against the relay without a web process."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from signaling.net.control import OfferReady, RelayClient, SourceDemand

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--use-fake-device-for-media-stream=fps=30",
    "--use-fake-ui-for-media-stream",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-quic",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
]
PAGE = "https://relay.test/"  # a secure context, so that the page may use camera and microphone

SCRIPT = """
window.up = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
window.down = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
window.tracks = [];
down.ontrack = ({track, transceiver}) => {
  tracks.push({mid: transceiver.mid, kind: track.kind});
  const element = document.createElement(track.kind);
  element.autoplay = true; element.srcObject = new MediaStream([track]);
  document.body.append(element);
};
window.makeOffer = async (options) => {
  const {kinds = ['audio', 'video'], codec = null, iceRestart = false, simulcast = false} = options;
  if (!window.local) {
    window.local = await navigator.mediaDevices.getUserMedia(
      {audio: kinds.includes('audio'), video: kinds.includes('video') && {width: 1280, height: 720, frameRate: 30}});
    for (const track of local.getTracks()) {
      const layers = [{rid: 'l', scaleResolutionDownBy: 4}, {rid: 'm', scaleResolutionDownBy: 2}, {rid: 'h'}];
      const sendEncodings = simulcast && track.kind === 'video' ? layers : [{}];
      const transceiver = up.addTransceiver(track, {direction: 'sendonly', streams: [local], sendEncodings});
      if (codec && track.kind === 'video') {
        const all = RTCRtpSender.getCapabilities('video').codecs;
        const wanted = all.filter(c => c.mimeType.toLowerCase() === 'video/' + codec);
        transceiver.setCodecPreferences([...wanted, ...all.filter(c => c.mimeType === 'video/rtx')]);
      }
    }
  }
  if (options.data && !window.channel) {
    window.channel = up.createDataChannel('room', {negotiated: true, id: 1});
    window.heard = [];
    channel.onmessage = ({data}) => heard.push(JSON.parse(data));
    channel.onopen = () => channel.send('{"type":"hello"}');
  }
  await up.setLocalDescription(await up.createOffer({iceRestart}));
  const sources = {};
  for (const t of up.getTransceivers()) sources[t.mid] = t.sender.track.kind === 'audio' ? 'microphone' : 'camera';
  return {sdp: up.localDescription.sdp, sources};
};
window.follow = async ({source, rids, max_bps}) => {  // as static/media/links.js does
  const kind = source === 'microphone' ? 'audio' : 'video';
  for (const {sender} of up.getTransceivers().filter(t => t.sender.track?.kind === kind)) {
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) {
      encoding.active = rids.includes(encoding.rid ?? '');
      if (max_bps) encoding.maxBitrate = max_bps; else if (kind === 'audio') delete encoding.maxBitrate;
    }
    await sender.setParameters(parameters);
  }
};
window.filter = sdp => sdp;
window.takeAnswer = (sdp) => up.setRemoteDescription({type: 'answer', sdp: filter(sdp)});
window.answerOffer = async (sdp) => {
  await down.setRemoteDescription({type: 'offer', sdp: filter(sdp)});
  await down.setLocalDescription(await down.createAnswer());
  return down.localDescription.sdp;
};
window.statistics = async (pc) => {
  const found = {frames: 0, energy: 0, sent: 0, height: 0, received: 0, path: null, lost: 0, nack: 0, rtx: 0, target: 0,
                 codec: null, cipher: null, remoteLoss: null, rtt: null, samples: 0, concealed: 0, audioSent: 0,
                 audioReceived: 0, audioPackets: 0};
  const report = await pc.getStats();
  report.forEach(s => {
    if (s.type === 'inbound-rtp') {
      found.frames += s.framesDecoded || 0; found.keyFrames = (found.keyFrames || 0) + (s.keyFramesDecoded || 0);
      found.energy += s.totalAudioEnergy || 0; found.received += s.bytesReceived;
      found.height = Math.max(found.height, s.frameHeight || 0); found.lost += s.packetsLost || 0;
      found.rtx += s.retransmittedPacketsReceived || 0;
      if (s.kind === 'audio') {
        found.samples = s.totalSamplesReceived; found.concealed = s.concealedSamples - s.silentConcealedSamples;
        found.audioReceived = s.bytesReceived; found.audioPackets = s.packetsReceived;
      }
      if (s.kind === 'video') found.codec = report.get(s.codecId)?.mimeType;
    }
    if (s.type === 'outbound-rtp' && s.kind === 'audio') found.audioSent = s.bytesSent;
    if (s.type === 'outbound-rtp' && s.kind === 'video') {
      found.sent += s.bytesSent; found.target = s.targetBitrate || 0; found.nack += s.nackCount || 0;
      found.sentHeight = s.frameHeight; found.limit = s.qualityLimitationReason;
    }
    if (s.type === 'remote-inbound-rtp' && s.kind === 'video') {
      found.remoteLoss = s.fractionLost; found.rtt = s.roundTripTime;
    }
    if (s.type === 'transport') {
      found.cipher = s.srtpCipher;
      const pair = report.get(s.selectedCandidatePairId);
      if (pair) {
        found.path = report.get(pair.remoteCandidateId)?.port; found.available = pair.availableOutgoingBitrate;
        found.protocol = report.get(pair.remoteCandidateId)?.protocol;
      }
    }
  });
  return found;
};
"""


class BrowserSeat:
    """One page and its two links."""

    def __init__(self, page: Page, client: RelayClient, room: str, seat: str) -> None:
        self.page, self.room, self.seat = page, room, seat
        self.up, self.down = f"l_up_{seat}", f"l_down_{seat}"
        self._client = client

    async def publish(self, *, role: str = "", **options: Any) -> None:
        offer = await self.page.evaluate("(o) => makeOffer(o)", options)
        answered = await self._client.publish(self.room, self.seat, self.up, offer["sdp"], offer["sources"], role=role)
        await self.page.evaluate("(sdp) => takeAnswer(sdp)", answered.sdp)

    async def subscribe(self, *, restart: bool = False) -> None:
        offered = await self._client.subscribe(self.room, self.seat, self.down, restart=restart)
        await self.take_offer(offered.sdp, offered.generation)

    async def take_offer(self, sdp: str, generation: int) -> None:
        answer = await self.page.evaluate("(sdp) => answerOffer(sdp)", sdp)
        await self._client.answer(self.room, self.down, generation, answer)

    async def say(self, **fields: Any) -> None:
        """Send over the data channel."""
        await self.page.evaluate("(text) => channel.send(text)", json.dumps(fields))

    async def hears(self, kind: str, count: int = 1, timeout_s: float = 10) -> list[dict[str, Any]]:
        """Wait for so many messages of a type from the data channel."""
        async with asyncio.timeout(timeout_s):
            while True:
                heard = await self.page.evaluate("() => window.heard")
                found = [message for message in heard if message["type"] == kind]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)

    async def statistics(self) -> dict[str, dict[str, Any]]:
        return {
            "up": await self.page.evaluate("() => statistics(up)"),
            "down": await self.page.evaluate("() => statistics(down)"),
        }

    async def wait_until(self, condition: str, timeout_s: float = 20) -> None:
        """Wait until a JavaScript condition over `up` and `down` statistics `u`, `d` holds."""
        script = f"""async () => {{
          const until = performance.now() + {timeout_s * 1000};
          for (;;) {{
            const u = await statistics(up), d = await statistics(down);
            if ({condition}) return null;
            if (performance.now() > until) return {{u, d}};
            await new Promise(resolve => setTimeout(resolve, 250));
          }}
        }}"""
        last = await self.page.evaluate(script)
        assert last is None, f"not within {timeout_s} s: {condition}; last seen: {last}"


class Negotiator:
    """Hands the relay's later offers to the pages, as web would; keeps every event."""

    def __init__(self, client: RelayClient, seats: list[BrowserSeat]) -> None:
        self.events: list[Any] = []
        self._client, self._seats = client, {seat.down: seat for seat in seats}
        self._people = {seat.seat: seat for seat in seats}

    async def run(self) -> None:
        async for event in self._client.events():
            self.events.append(event)
            if isinstance(event, OfferReady):
                await self._seats[event.link].take_offer(event.sdp, event.generation)
            if isinstance(event, SourceDemand):
                demand = {"source": event.source, "rids": event.rids, "max_bps": event.max_bps}
                await self._people[event.seat].page.evaluate("(d) => follow(d)", demand)


@contextlib.asynccontextmanager
async def chromium(*extra: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS, *extra])
        try:
            yield browser
        finally:
            await browser.close()


async def open_seat(browser: Browser, client: RelayClient, room: str, seat: str) -> BrowserSeat:
    """Open a page of its own context for a seat."""
    context = await browser.new_context(ignore_https_errors=True)
    await context.route(
        PAGE + "**", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><title>seat</title>")
    )
    page = await context.new_page()
    await page.goto(PAGE)
    await page.add_script_tag(content=SCRIPT)
    return BrowserSeat(page, client, room, seat)


@contextlib.asynccontextmanager
async def negotiating(client: RelayClient, seats: list[BrowserSeat]) -> AsyncIterator[Negotiator]:
    negotiator = Negotiator(client, seats)
    task = asyncio.create_task(negotiator.run())
    try:
        yield negotiator
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
