// @ts-check
/**
 * The data channel of the up link: strokes on a picture, quicker than the socket. What is sent is kept until the relay says
 * `done`; a new channel says how far both sides are (signaling/net/README.md "Data channel"). The counting is pure.
 */

const CHANNEL = { negotiated: true, id: 1 };
// As many as the relay keeps for a room.
const MOST = 512;

/**
 * @typedef {object} Stroke @property {number} number @property {string} on "seat/source" @property {number} color @property {number[]} points x, y, … from 0 to 1
 * @typedef {object} Numbered @property {number} seq @property {string} type @property {object} body
 * @typedef {object} Shared
 * @property {string} room the relay's memory that `number` counts in @property {number} number the highest that we have
 * @property {number} next the number of our next message @property {readonly Numbered[]} unsent not known to be taken
 * @property {readonly Stroke[]} strokes
 */

/** @type {Shared} */
export const NOTHING = Object.freeze({ room: '', number: 0, next: 1, unsent: [], strokes: [] });

/** Count a message of ours. Pure. @param {Shared} shared @param {string} type @param {object} body @returns {Shared} */
export function add(shared, type, body) {
  if (shared.unsent.length >= MOST) return shared;
  return { ...shared, next: shared.next + 1, unsent: [...shared.unsent, { seq: shared.next, type, body }] };
}

/** Take a message of the relay's. Pure. @param {Shared} shared @param {any} message @returns {Shared} */
export function take(shared, message) {
  switch (message.type) {
    case 'welcome': return welcomed(shared, message);
    case 'reset': return { ...shared, number: message.number, strokes: [] };
    case 'done': return { ...shared, unsent: shared.unsent.filter(({ seq }) => seq > message.seq) };
    case 'error': return refused(shared, message);
    default: return message.number > shared.number ? shown({ ...shared, number: message.number }, message) : shared;
  }
}

/** What is not taken yet is counted anew from what the relay knows of us. @param {Shared} shared @param {any} message @returns {Shared} */
function welcomed(shared, { room, resumed, done }) {
  const isSame = room === shared.room;
  const left = shared.unsent.filter(({ seq }) => !isSame || seq > done);
  const unsent = left.map((message, place) => ({ ...message, seq: done + 1 + place }));
  const kept = resumed ? { number: shared.number, strokes: shared.strokes } : { number: 0, strokes: [] };
  return { room, ...kept, unsent, next: done + 1 + unsent.length };
}

/** What our role may not do, or what is no message, is not sent again. @param {Shared} shared @param {any} message @returns {Shared} */
function refused(shared, { code, done }) {
  if (code !== 'not-allowed' && code !== 'bad-message') return shared;
  const unsent = shared.unsent.filter(({ seq }) => seq > done + 1).map((message) => ({ ...message, seq: message.seq - 1 }));
  return { ...shared, unsent, next: done + 1 + unsent.length };
}

/** @param {Shared} shared @param {any} message @returns {Shared} */
function shown(shared, { type, number, body }) {
  if (type === 'clear') return { ...shared, strokes: shared.strokes.filter(({ on }) => on !== body.on) };
  if (type !== 'stroke') return shared;
  return { ...shared, strokes: [...shared.strokes, { number, ...body }].slice(-MOST) };
}

export class RoomChannel {
  shared = NOTHING;
  /** @type {RTCDataChannel|null} */
  #channel = null;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Before a link's first offer. @param {RTCPeerConnection} peer */
  attach(peer) {
    const channel = peer.createDataChannel('room', CHANNEL);
    this.#channel = channel;
    channel.addEventListener('open', () => this.#write({ type: 'hello', room: this.shared.room || null, after: this.shared.number }));
    channel.addEventListener('message', ({ data }) => this.#channel === channel && this.#receive(JSON.parse(data)));
  }

  /** @param {'stroke'|'clear'} type @param {object} body */
  send(type, body) {
    this.shared = add(this.shared, type, body);
    const last = this.shared.unsent.at(-1);
    if (last) this.#write(last);
  }

  /** @param {any} message */
  #receive(message) {
    this.shared = take(this.shared, message);
    const isBehind = message.type === 'welcome' || (message.type === 'error' && message.code !== 'too-fast');
    if (isBehind) this.#writeAll();
    if (message.code === 'too-fast') setTimeout(() => this.#writeAll(), 1_000); // the relay allows 60 a second
    this.#onChange();
  }

  #writeAll() {
    for (const left of this.shared.unsent) this.#write(left);
  }

  /** @param {object} message */
  #write(message) {
    if (this.#channel?.readyState === 'open') this.#channel.send(JSON.stringify(message));
  }
}
