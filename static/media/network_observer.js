// @ts-check
/** Watches the network of a call: the system's events, and whether the links are answered. Decides by network.js. */

import { decideNetwork, flowOf, isOtherNetwork, newFlow, newNetwork, POLL_MS, readPair, restarted, signalled } from './network.js';

/**
 * @typedef {import('./network.js').LinkName} LinkName
 * @typedef {import('./network.js').Route} Route
 * @typedef {object} ObserverPorts
 * @property {(name: LinkName) => RTCPeerConnection|null} peer @property {(name: LinkName) => boolean} isShaky
 * @property {(names: LinkName[]) => void} restart ICE on these links @property {() => void} doubt ask the socket at once
 * @property {(name: LinkName) => void} heard the link is answered
 * @property {(route: Route) => void} onRoute what carries the media is another now
 */

export class NetworkObserver {
  #watch = newNetwork();
  #flows = { up: newFlow(0), down: newFlow(0) };
  #route = '';
  #isPolling = false;
  #ports;

  /** @param {ObserverPorts} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Watch until aborted. @param {AbortSignal} signal */
  open(signal) {
    const connection = /** @type {(EventTarget & {type?: string})|undefined} */ (/** @type {any} */ (navigator).connection);
    let kind = connection?.type;
    connection?.addEventListener('change', () => {
      const before = kind;
      kind = connection.type;
      if (isOtherNetwork(before, kind)) this.#changed();
    }, { signal });
    window.addEventListener('online', () => this.#changed(), { signal });
    const timer = setInterval(() => void this.#poll(), POLL_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  #changed() {
    this.#watch = signalled(this.#watch, performance.now());
    this.#ports.doubt();
  }

  async #poll() {
    if (this.#isPolling) return; // an old phone may be slower than the clock
    this.#isPolling = true;
    try {
      await Promise.all([this.#read('up'), this.#read('down')]);
    } finally {
      this.#isPolling = false;
    }
    this.#decide();
  }

  #decide() {
    const now = performance.now();
    const shaky = { up: this.#ports.isShaky('up'), down: this.#ports.isShaky('down') };
    const { watch, restart, doubt } = decideNetwork(this.#watch, this.#flows, shaky, now);
    this.#watch = watch;
    if (doubt) this.#ports.doubt();
    for (const name of restart) this.#flows[name] = restarted(this.#flows[name], now);
    if (restart.length) this.#ports.restart(restart);
  }

  /** @param {LinkName} name */
  async #read(name) {
    const peer = this.#ports.peer(name);
    if (!peer || peer.connectionState === 'closed') return;
    const { bytes, route } = readPair((await peer.getStats()).values());
    const before = this.#flows[name];
    this.#flows[name] = flowOf(before, bytes, performance.now());
    if (this.#flows[name].heardAt !== before.heardAt) this.#ports.heard(name);
    if (name === 'up' && route) this.#told(route);
  }

  /** @param {Route} route */
  #told(route) {
    const words = `${route.candidate}/${route.protocol}/${route.network}`;
    if (words === this.#route) return;
    this.#route = words;
    this.#ports.onRoute(route);
  }
}
