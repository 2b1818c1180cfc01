// @ts-check
/**
 * One WebSocket to the consultation that comes back by itself: ticket, hello, journal, ping, back-off, resume.
 * The protocol is signaling/README.md; the bookkeeping is journal.js.
 */

import { backoff } from './backoff.js';
import { emptyJournal, incoming, outgoing, replay, WRITTEN } from './journal.js';

/** After these the socket stays closed (signaling/README.md "Socket"): over, no seat, taken over by a newer page, visit over. */
export const FINAL_CLOSES = Object.freeze([1000, 4403, 4409, 4410]);
/** Close code -> least wait in ms before coming back. @type {Readonly<Record<number, number>>} */
const PAUSES_MS = Object.freeze({ 1013: 1_000, 4400: 5_000, 4429: 5_000 });
// A dead radio link is silent: a ping every 5 s with 4 s for the pong notices it before a person asks "hello?".
const PING_EVERY_MS = 5_000;
const PONG_WITHIN_MS = 4_000;
// Where there is a reason for doubt (media fell silent), three round trips and at least this.
const DOUBT_MS = 150;
// A ticket is good for 30 s; a line that is in doubt again and again takes one in this time.
const SPARE_MS = 20_000;

export const Connection = Object.freeze({ IDLE: 'idle', CONNECTING: 'connecting', OPEN: 'open', RECONNECTING: 'reconnecting', CLOSED: 'closed' });
/** @typedef {typeof Connection[keyof typeof Connection]} Connection */

/**
 * @typedef {import('../types.js').Envelope} Envelope
 * @typedef {object} SocketPorts
 * @property {(signal?: AbortSignal) => Promise<string>} ticket a fresh one-use ticket
 * @property {(envelope: Envelope) => void} onMessage each message of the server once, in order
 * @property {(connection: Connection) => void} onConnection
 * @property {(error: unknown) => boolean} isFinal whether a refused ticket ends the attempts
 * @property {(closeCode: number) => void} onEnd no further attempt is made; 0 when the ticket was refused for good
 */

export class SignallingSocket {
  /** @type {WebSocket|null} */
  #socket = null;
  #journal = emptyJournal();
  #resumeKey = '';
  #attempt = 0;
  /** @type {Connection} */
  #connection = Connection.IDLE;
  #timer = 0;
  #pingTimer = 0;
  #pongTimer = 0;
  #pongDue = 0;
  /** @type {{at: number, ticket: Promise<string>}|null} */
  #spare = null;
  #askedAt = 0;
  /** ms of the last ping */
  #roundTrip = 0;
  #ports;
  #abort = new AbortController();

  /** @param {SocketPorts} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Start, and keep trying until `close`. */
  open() {
    const { signal } = this.#abort;
    window.addEventListener('online', () => this.retryNow(), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#probe(), { signal });
    void this.#connect();
  }

  /** The network changed or came back: do not wait for the timer. */
  retryNow() {
    if (this.#connection === Connection.OPEN) this.#probe();
    else if (this.#timer) { clearTimeout(this.#timer); void this.#connect(); }
  }

  /** The line may be dead, which a socket notices too late: ask now, and do not wait long for the answer. */
  doubt() {
    if (this.#connection === Connection.OPEN) this.#prepare();
    if (this.#connection === Connection.OPEN) this.#probe(Math.min(PONG_WITHIN_MS, Math.max(DOUBT_MS, 3 * this.#roundTrip)));
    else this.retryNow();
  }

  /** Send now, or as soon as the connection is back. @param {string} type @param {unknown} [body] @returns {string} its id, which the answer has as `re` */
  send(type, body = {}) {
    const { journal, envelope, overflow } = outgoing(this.#journal, type, body);
    this.#journal = overflow ? { ...emptyJournal(), ids: journal.ids } : journal;
    if (overflow) this.#resumeKey = '';
    if (this.#connection === Connection.OPEN) this.#transmit(envelope);
    return envelope.id ?? '';
  }

  /** End for good. */
  close() {
    this.#abort.abort();
    this.#become(Connection.CLOSED);
    this.#drop();
  }

  /** @param {() => Promise<string>} [ticket] */
  async #connect(ticket = this.#ports.ticket) {
    this.#timer = 0;
    if (this.#connection === Connection.CLOSED) return;
    this.#become(this.#resumeKey || this.#attempt ? Connection.RECONNECTING : Connection.CONNECTING);
    try {
      const fresh = await ticket();
      if (!this.#isClosed()) this.#open(fresh);
    } catch (error) {
      if (this.#ports.isFinal(error)) this.#end(0);
      else this.#later();
    }
  }

  #isClosed() {
    return this.#connection === Connection.CLOSED;
  }

  /** @param {string} ticket */
  #open(ticket) {
    const url = new URL('/api/ws', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, 'teleconsult.v1');
    this.#socket = socket;
    socket.addEventListener('open', () => {
      const resume = this.#resumeKey ? { key: this.#resumeKey, ack: this.#journal.received } : undefined;
      const { journal, envelope } = outgoing(this.#journal, 'hello', { ticket, ...(resume ? { resume } : {}) });
      this.#journal = journal;
      socket.send(JSON.stringify(envelope));
    });
    socket.addEventListener('message', (event) => this.#socket === socket && this.#receive(JSON.parse(event.data)));
    socket.addEventListener('close', (event) => this.#socket === socket && this.#closed(event.code));
  }

  /** @param {Envelope} envelope */
  #receive(envelope) {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    if (envelope.type === 'pong') { this.#roundTrip = performance.now() - this.#askedAt; return; }
    if (envelope.type === 'welcome') this.#welcomed(envelope);
    const { journal, fresh } = incoming(this.#journal, envelope);
    this.#journal = journal;
    if (fresh) this.#ports.onMessage(envelope);
    if (envelope.type === 'welcome') this.#opened();
  }

  /** Not resumed: the server starts a new journal; of ours only what people wrote is worth sending again. @param {Envelope} envelope */
  #welcomed(envelope) {
    if (!envelope.body.resumed && this.#resumeKey) {
      const written = this.#journal.unacked.filter((message) => WRITTEN.includes(message.type));
      this.#journal = { ...emptyJournal(), sent: envelope.ack, ids: this.#journal.ids };
      for (const message of written) this.#journal = outgoing(this.#journal, message.type, message.body, message.id).journal;
    }
    this.#resumeKey = envelope.body.resume_key;
  }

  #opened() {
    this.#attempt = 0;
    this.#become(Connection.OPEN);
    for (const envelope of replay(this.#journal)) this.#transmit(envelope);
    clearInterval(this.#pingTimer);
    this.#pingTimer = window.setInterval(() => this.#probe(), PING_EVERY_MS);
  }

  /** @param {number} [patience] ms */
  #probe(patience = PONG_WITHIN_MS) {
    if (this.#connection !== Connection.OPEN) return;
    const due = performance.now() + patience;
    if (this.#pongTimer && this.#pongDue <= due) return; // a second doubt gives no more time
    clearTimeout(this.#pongTimer);
    this.#pongDue = due;
    this.#pongTimer = window.setTimeout(() => (patience < PONG_WITHIN_MS ? this.#renew() : this.#lost()), patience);
    this.#askedAt = performance.now();
    this.send('ping');
  }

  /** Ask for a ticket while the socket is asked: if that is dead, a third of the way back is done. */
  #prepare() {
    if (this.#spare && performance.now() - this.#spare.at < SPARE_MS) return;
    this.#spare = { at: performance.now(), ticket: impatient(this.#ports.ticket) };
    this.#spare.ticket.catch(() => { this.#spare = null; });
  }

  /** @returns {Promise<string>} */
  #spareTicket() {
    const spare = this.#spare;
    this.#spare = null; // one use
    if (!spare || performance.now() - spare.at >= SPARE_MS) return impatient(this.#ports.ticket);
    return spare.ticket.catch(() => impatient(this.#ports.ticket));
  }

  /** Leave a socket that does not answer, without a pause: most likely the network is another. */
  #renew() {
    this.#drop();
    this.#become(Connection.RECONNECTING);
    void this.#connect(() => this.#spareTicket());
  }

  /** @param {Envelope} envelope */
  #transmit(envelope) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(envelope));
  }

  /** @param {number} code RFC 6455 §7.4 */
  #closed(code) {
    if (FINAL_CLOSES.includes(code)) return this.#end(code);
    this.#lost(PAUSES_MS[code] ?? 0);
  }

  /** @param {number} code */
  #end(code) {
    this.close();
    this.#ports.onEnd(code);
  }

  /** @param {number} [pause] least wait in ms */
  #lost(pause = 0) {
    this.#drop();
    if (!this.#isClosed()) this.#later(pause);
  }

  #drop() {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    clearTimeout(this.#timer);
    this.#pongTimer = this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {number} [pause] least wait in ms */
  #later(pause = 0) {
    this.#become(Connection.RECONNECTING);
    this.#timer = window.setTimeout(() => this.#connect(), Math.max(pause, backoff(this.#attempt, Math.random())));
    this.#attempt += 1;
  }

  /** @param {Connection} connection */
  #become(connection) {
    if (this.#connection === connection || this.#isClosed()) return;
    this.#connection = connection;
    this.#ports.onConnection(connection);
  }
}

// A browser keeps up to six connections to a server for its requests; after a change of network each of them may be dead, and
// only an abort frees it. The last pauses are for slow lines.
const TICKET_WITHIN_MS = Object.freeze([120, 120, 120, 120, 150, 200, 400, 1_000]);

/** Ask again and again, each time on another connection, until there is an answer. @template T @param {(signal?: AbortSignal) => Promise<T>} ask @returns {Promise<T>} */
async function impatient(ask) {
  for (const patience of TICKET_WITHIN_MS) {
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(), patience);
    try {
      return await ask(attempt.signal);
    } catch (error) {
      if (!attempt.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
  return ask();
}
