// @ts-check
/**
 * A test of the line over the real path: a picture of noise and a quiet tone go to a relay and come back, by UDP, by TCP and
 * by TURN, one after another. Nothing of the person is sent. At most 25 s; `signal` ends it at once.
 */

import { ApiProblem, get, post, remove } from '../api.js';
import { judge, LineVerdict, lookOf, measured } from './line_verdict.js';
import { only, policyOf, Way } from './paths.js';

/** @typedef {import('./line_verdict.js').Measured} Measured */
/** @typedef {import('./line_verdict.js').LineFound} LineFound */

const CONNECT_MS = 5_000; // four tries of STUN and DTLS on a bad line
const MEASURE_MS = 5_000; // the bandwidth estimate climbs from 300 kbit/s to the ceiling in about three
const SETTLE_MS = 1_000;
const GLANCE_MS = 1_500; // a way that is only kept in reserve
const WHOLE_MS = 25_000;
const CEILING_BPS = 1_000_000; // enough to say "good for video"; more would burden a bad line and the relay
const STORE = 'teleconsult.line';

/**
 * Test every way. A test that cannot begin (the relay is busy, we are offline) is a result without ways.
 * @param {AbortSignal} signal @param {(way: Way, number: number, of: number) => void} onWay
 * @returns {Promise<LineFound>}
 */
export async function testLine(signal, onWay) {
  const ended = new AbortController();
  const timer = setTimeout(() => ended.abort(), WHOLE_MS);
  signal.addEventListener('abort', () => ended.abort(), { once: true, signal: ended.signal });
  const source = new TestSource();
  /** @type {Measured[]} */
  const lines = [];
  let isOffline = false;
  try {
    const { ice_servers: servers } = await get('/api/ice');
    const ways = [Way.UDP, Way.TCP, ...(servers.length ? [Way.TURN] : [])];
    for (const [index, way] of ways.entries()) {
      if (ended.signal.aborted) break;
      onWay(way, index + 1, ways.length);
      const isReserve = lines.some(({ isOpen }) => isOpen);
      lines.push(await new WayTest(way, servers, source).run(isReserve ? GLANCE_MS : MEASURE_MS, ended.signal));
    }
  } catch (error) {
    isOffline = error instanceof ApiProblem && error.status === 0; // else what was found so far counts
  } finally {
    clearTimeout(timer);
    ended.abort();
    source.close();
  }
  const found = isOffline && !lines.length ? { verdict: LineVerdict.NONE, ways: [] } : judge(lines);
  sessionStorage.setItem(STORE, JSON.stringify(found));
  return found;
}

/** What the last test in this tab found. @returns {LineFound|null} */
export function lastFound() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) ?? 'null');
  } catch {
    return null;
  }
}

/** One way, there and back. */
class WayTest {
  #way;
  #source;
  #up;
  #down;

  /** @param {Way} way @param {RTCIceServer[]} iceServers @param {TestSource} source */
  constructor(way, iceServers, source) {
    this.#way = way;
    this.#source = source;
    /** @type {RTCConfiguration} */
    const configuration = { bundlePolicy: 'max-bundle', iceServers: way === Way.TURN ? iceServers : [], iceTransportPolicy: policyOf(way) };
    this.#up = new RTCPeerConnection(configuration);
    this.#down = new RTCPeerConnection(configuration);
  }

  /** @param {number} measureMs @param {AbortSignal} signal @returns {Promise<Measured>} */
  async run(measureMs, signal) {
    let id = '';
    try {
      id = await this.#begin();
      await Promise.all([connected(this.#up, signal), connected(this.#down, signal)]);
      await pause(Math.min(SETTLE_MS, measureMs / 3), signal);
      let before = await this.#look();
      const half = measureMs / 2;
      await pause(half, signal);
      const first = measured(this.#way, before, await this.#look());
      before = await this.#look();
      await pause(half, signal);
      const second = measured(this.#way, before, await this.#look());
      return { ...second, up_bps: Math.max(first.up_bps, second.up_bps), down_bps: Math.max(first.down_bps, second.down_bps) };
    } catch (error) {
      if (!(error instanceof WayClosed)) throw error;
      return { way: this.#way, isOpen: false, up_bps: 0, down_bps: 0, rtt_ms: 0, jitter_ms: 0, up_loss_percent: 0, down_loss_percent: 0 };
    } finally {
      this.#up.close();
      this.#down.close();
      if (id) void remove(`/api/line-tests/${id}`).catch(() => {}); // the server ends it by itself after 15 s
    }
  }

  async #begin() {
    const { audio, video } = this.#source;
    this.#up.addTransceiver(audio, { direction: 'sendonly' });
    this.#up.addTransceiver(video, { direction: 'sendonly', sendEncodings: [{ maxBitrate: CEILING_BPS }] });
    for (const kind of ['audio', 'video']) this.#down.addTransceiver(kind, { direction: 'recvonly' });
    for (const peer of [this.#up, this.#down]) await peer.setLocalDescription(await peer.createOffer());
    const answer = await post('/api/line-tests', { up: this.#up.localDescription?.sdp, down: this.#down.localDescription?.sdp });
    await this.#up.setRemoteDescription({ type: 'answer', sdp: only(answer.up, this.#way) });
    await this.#down.setRemoteDescription({ type: 'answer', sdp: only(answer.down, this.#way) });
    return /** @type {string} */ (answer.id);
  }

  async #look() {
    const [up, down] = await Promise.all([this.#up.getStats(), this.#down.getStats()]);
    return lookOf(up.values(), down.values(), performance.now());
  }
}

/** This way does not lead to the relay. */
class WayClosed extends Error {}

/** @param {RTCPeerConnection} peer @param {AbortSignal} signal @returns {Promise<void>} */
function connected(peer, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new WayClosed()), CONNECT_MS);
    const look = () => {
      if (peer.connectionState === 'connected') { clearTimeout(timer); resolve(); }
      if (peer.connectionState === 'failed') { clearTimeout(timer); reject(new WayClosed()); }
    };
    peer.addEventListener('connectionstatechange', look, { signal });
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
    look();
  });
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}

// Small and slow, for an old phone; noise does not compress, so it fills any rate up to the ceiling.
const WIDTH = 320, HEIGHT = 240, FRAMES_PER_S = 15;

/** A picture of noise and a tone that is not played: something to send that shows nobody. */
class TestSource {
  #context = new AudioContext();
  #timer;
  audio;
  video;

  constructor() {
    const tone = this.#context.createOscillator();
    const target = this.#context.createMediaStreamDestination();
    tone.connect(target);
    tone.start();
    [this.audio] = target.stream.getAudioTracks();
    const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const picture = pen.createImageData(WIDTH, HEIGHT);
    const pixels = new Uint32Array(picture.data.buffer);
    let seed = 1;
    this.#timer = setInterval(() => {
      for (let index = 0; index < pixels.length; index += 1) {
        seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5; // xorshift32: fast, and random enough to fill a line
        pixels[index] = seed | 0xff000000;
      }
      pen.putImageData(picture, 0, 0);
    }, 1000 / FRAMES_PER_S);
    [this.video] = canvas.captureStream(FRAMES_PER_S).getVideoTracks();
  }

  close() {
    clearInterval(this.#timer);
    this.audio.stop();
    this.video.stop();
    void this.#context.close();
  }
}
