// @ts-check
/**
 * The data channel of the up link: strokes and pointers on a picture, readings and chat, quicker than the socket. What is sent is kept until the
 * relay says `done`, but for pointers; a new channel says how far both sides are (signaling/net/README.md "Data channel"). The counting is pure.
 */

const CHANNEL = { negotiated: true, id: 1 };
// As many as the relay keeps for a room.
const MOST = 512;
// Quick enough for an eye that follows, a sixth of what the relay takes.
const POINT_EVERY_MS = 100;
// Long enough to be found on a picture; then nobody takes it for a finger that is still there.
const POINTED_MS = 5_000;

/**
 * @typedef {object} Stroke @property {number} number @property {string} on "seat/source" @property {number} color @property {number[]} points x, y, … from 0 to 1
 * @typedef {object} Pointer @property {string} from the seat; '' is our own @property {string} on "seat/source" @property {number} x from 0 to 1 @property {number} y
 * @typedef {object} Numbered @property {number} seq @property {string} type @property {object} body
 * @typedef {object} Shared
 * @property {string} room the relay's memory that `number` counts in @property {number} number the highest that we have
 * @property {number} next the number of our next message @property {readonly Numbered[]} unsent not known to be taken
 * @property {readonly Stroke[]} strokes @property {readonly Pointer[]} pointers the newest of each seat
 */

/** @type {Shared} */
export const NOTHING = Object.freeze({ room: '', number: 0, next: 1, unsent: [], strokes: [], pointers: [] });

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
    case 'pointer': return point(shared, { from: message.from, ...message.body });
    case 'error': return refused(shared, message);
    default: return message.number > shared.number ? shown({ ...shared, number: message.number }, message) : shared;
  }
}

/** A seat points at one place at a time. Pure. @param {Shared} shared @param {Pointer} pointer @returns {Shared} */
export function point(shared, pointer) {
  return { ...shared, pointers: [...shared.pointers.filter(({ from }) => from !== pointer.from), pointer] };
}

/** A pointer that nothing newer followed. Pure. @param {Shared} shared @param {Pointer} pointer @returns {Shared} */
export function unpoint(shared, pointer) {
  return { ...shared, pointers: shared.pointers.filter((each) => each !== pointer) };
}

/** What is not taken yet is counted anew from what the relay knows of us. @param {Shared} shared @param {any} message @returns {Shared} */
function welcomed(shared, { room, resumed, done }) {
  const isSame = room === shared.room;
  const left = shared.unsent.filter(({ seq }) => !isSame || seq > done);
  const unsent = left.map((message, place) => ({ ...message, seq: done + 1 + place }));
  const kept = resumed ? { number: shared.number, strokes: shared.strokes } : { number: 0, strokes: [] };
  return { room, ...kept, pointers: shared.pointers, unsent, next: done + 1 + unsent.length };
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
  #onEntry;
  /** @type {object|null} */
  #waiting = null;
  #pointTimer = 0;

  /** @param {() => void} onChange @param {(entry: any) => void} [onEntry] somebody's chat message or reading, once or more */
  constructor(onChange, onEntry) {
    this.#onChange = onChange;
    this.#onEntry = onEntry;
  }

  /** Before a link's first offer. @param {RTCPeerConnection} peer */
  attach(peer) {
    const channel = peer.createDataChannel('room', CHANNEL);
    this.#channel = channel;
    channel.addEventListener('open', () => this.#write({ type: 'hello', room: this.shared.room || null, after: this.shared.number }));
    channel.addEventListener('message', ({ data }) => this.#channel === channel && this.#receive(JSON.parse(data)));
  }

  /** Whether what is sent now goes now. */
  get isOpen() {
    return this.#channel?.readyState === 'open' && this.shared.room !== '';
  }

  /** @param {'stroke'|'clear'|'chat'|'vitals'} type @param {object} body */
  send(type, body) {
    this.shared = add(this.shared, type, body);
    const last = this.shared.unsent.at(-1);
    if (last) this.#write(last);
  }

  /** Show the others a place; only the newest counts, and it is sent again to a new channel while it is shown. @param {{on: string, x: number, y: number}} body */
  point(body) {
    this.#waiting = { type: 'pointer', body };
    this.shared = point(this.shared, { from: '', ...body });
    this.#fade();
    if (!this.#pointTimer) this.#writePointer();
    this.#onChange();
  }

  #writePointer() {
    if (this.#waiting) this.#write(this.#waiting);
    this.#pointTimer = this.#waiting ? window.setTimeout(() => this.#writePointer(), POINT_EVERY_MS) : 0;
    this.#waiting = null;
  }

  #pointAgain() {
    const own = this.shared.pointers.find(({ from }) => from === '');
    if (own) this.#write({ type: 'pointer', body: { on: own.on, x: own.x, y: own.y } });
  }

  /** The newest pointer goes after a while. */
  #fade() {
    const shown = this.shared.pointers.at(-1);
    if (shown) setTimeout(() => { this.shared = unpoint(this.shared, shown); this.#onChange(); }, POINTED_MS);
  }

  /** @param {any} message */
  #receive(message) {
    this.shared = take(this.shared, message);
    if (message.type === 'pointer') this.#fade();
    if (message.type === 'chat' || message.type === 'vitals') this.#onEntry?.(message);
    const isBehind = message.type === 'welcome' || (message.type === 'error' && message.code !== 'too-fast');
    if (isBehind) this.#writeAll();
    if (message.type === 'welcome') this.#pointAgain();
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
