// @ts-check
/**
 * Chat and readings on two ways at once: the socket, which stores them, and the data channel, which shows them to the others
 * while the socket is away. Kept in this tab until stored, so that a reload loses nothing.
 */

import { again, change, direct, hear, kept, NOTHING_WRITTEN, refused, write } from './written.js';

const STORE = 'teleconsult.unsent.';

/**
 * @typedef {object} OutboxPorts
 * @property {(type: string, body: unknown) => string} send to the socket; its id
 * @property {(type: 'chat'|'vitals', body: object) => boolean} sendDirect to the data channel; false while there is none
 * @property {(entries: object[]) => void} sendLast to the server by HTTP; nobody is there to hear an answer
 * @property {(written: import('./written.js').Written) => void} onChange
 */

export class Outbox {
  #written = NOTHING_WRITTEN;
  #seat = '';
  #store = '';
  #isSocketOpen = false;
  #ports;

  /** @param {OutboxPorts} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Send an entry to everybody and into the record. @param {import('./written.js').Kind} type @param {Record<string, any>} body */
  write(type, body) {
    const key = crypto.randomUUID();
    this.#give({ key, type, body, at: new Date().toISOString() });
    this.look(this.#isSocketOpen);
  }

  /** @param {{key: string, type: import('./written.js').Kind, body: Record<string, any>, at: string}} entry */
  #give({ key, type, body, at }) {
    const id = this.#ports.send(type, { ...body, key });
    this.#become(write(this.#written, { key, type, body, at, id, since: performance.now(), isDirect: false, isTaken: false, refusedAt: null, isFailed: false }));
  }

  /** Called twice a second and when the socket comes or goes. @param {boolean} isSocketOpen */
  look(isSocketOpen) {
    this.#isSocketOpen = isSocketOpen;
    const now = performance.now();
    for (const { key, type, body } of direct(this.#written, isSocketOpen, now)) {
      if (this.#ports.sendDirect(type, { ...body, key })) this.#become(change(this.#written, key, { isDirect: true }));
    }
    for (const { key, type, body } of again(this.#written, isSocketOpen, now)) {
      this.#become(change(this.#written, key, { id: this.#ports.send(type, { ...body, key }), refusedAt: null, since: now }));
    }
  }

  /** The page is closed: what is not stored goes by HTTP; the same key twice is one entry, should it come back after all. */
  leave() {
    const entries = this.#written.own.filter(({ isFailed }) => !isFailed).map(({ type, key, body }) => ({ type, key, ...body }));
    if (entries.length) this.#ports.sendLast(entries);
  }

  /** What the socket brought, after the page's state took it. @param {import('../types.js').Envelope} envelope */
  receive({ type, re, body }) {
    if (type === 'welcome') this.#welcomed(body);
    else if (type === 'chat' || type === 'vitals') this.#become(kept(this.#written, [body]));
    else if (type === 'error') this.#become(refused(this.#written, re, body.code, performance.now()));
  }

  /** What the data channel brought. @param {{type: import('./written.js').Kind, from: string, role: string, body: any}} message */
  hear({ type, from, role, body: { key, ...body } }) {
    this.#become(hear(this.#written, { key, from, role, type, body, at: new Date().toISOString() }, this.#seat));
  }

  /** The first welcome of a page: what the page before it could not send goes now. @param {any} body */
  #welcomed({ seat, visit, chat = [], vitals = [] }) {
    const isFirst = this.#store === '';
    this.#seat = seat;
    this.#store = `${STORE}${visit.id}`;
    const left = isFirst ? readStored(this.#store).filter(({ key }) => !this.#written.own.some((own) => own.key === key)) : [];
    const stored = [...chat, ...vitals];
    for (const entry of left.filter(({ key }) => !stored.some((line) => line.key === key))) this.#give(entry);
    this.#become(kept(this.#written, stored));
    this.#keep();
  }

  /** @param {import('./written.js').Written} written */
  #become(written) {
    if (written === this.#written) return;
    this.#written = written;
    this.#keep();
    this.#ports.onChange(written);
  }

  #keep() {
    if (!this.#store) return;
    const own = this.#written.own.filter(({ isFailed }) => !isFailed).map(({ key, type, body, at }) => ({ key, type, body, at }));
    if (own.length) sessionStorage.setItem(this.#store, JSON.stringify(own));
    else sessionStorage.removeItem(this.#store);
  }
}

/** @param {string} name @returns {{key: string, type: import('./written.js').Kind, body: Record<string, any>, at: string}[]} */
const readStored = (name) => JSON.parse(sessionStorage.getItem(name) ?? '[]');
