// @ts-check
/** TURN servers of a seat. Their credentials end; new ones are asked for in time, for the next ICE restart. */

import { get } from '../api.js';

// At three quarters of their time a lost request or two can still be repeated before they end.
const RENEW_AT = 0.75;
const RETRY_MS = 10_000;

/** @typedef {{ice_servers: RTCIceServer[], ttl_s: number}} IceAnswer `ttl_s` 0: they do not end */

export class IceServers {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #isClosed = false;
  #apply;
  #ask;

  /**
   * @param {(servers: RTCIceServer[]) => void} apply gives them to the connections, now and after each renewal
   * @param {() => Promise<IceAnswer>} [ask]
   */
  constructor(apply, ask = () => get('/api/ice')) {
    this.#apply = apply;
    this.#ask = ask;
  }

  /** Use these from now on. @param {IceAnswer} answer */
  take({ ice_servers, ttl_s }) {
    if (this.#isClosed) return;
    this.#apply(ice_servers);
    clearTimeout(this.#timer);
    if (ttl_s > 0) this.#timer = setTimeout(() => this.#renew(), ttl_s * 1000 * RENEW_AT);
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #renew() {
    try {
      this.take(await this.#ask());
    } catch {
      if (!this.#isClosed) this.#timer = setTimeout(() => this.#renew(), RETRY_MS);
    }
  }
}
