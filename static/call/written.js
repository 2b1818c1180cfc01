// @ts-check
/**
 * What was written or measured in this call and is not known to be kept: our own entries on their way to the server, and
 * others' that came over the data channel before they were stored. An entry's key names it on every way. Pure.
 */

// The relay refuses longer ones (signaling/media/exchange.py); they wait for the socket.
const MOST_DIRECT_CHARACTERS = 600;
// The socket stores within a tenth of this; what it has not confirmed by then takes the other way too.
export const DIRECT_AFTER_MS = 1_500;
const AGAIN_AFTER_MS = 2_000;
// Whatever lost it: the same key twice is one entry.
const UNANSWERED_MS = 10_000;
// A page that others flood does not grow; what is stored comes with its number anyway.
const MOST_HEARD = 200;

/**
 * @typedef {'chat'|'vitals'} Kind
 * @typedef {object} Own @property {string} key @property {Kind} type @property {Record<string, any>} body @property {string} at
 * @property {number} since ms, when it was given to the socket @property {string} id of the message on the socket
 * @property {boolean} isDirect given to the data channel too @property {boolean} isTaken the relay has it: the others see it
 * @property {number|null} refusedAt ms @property {boolean} isFailed never sent again
 * @typedef {object} Heard @property {string} key @property {string} from @property {string} role @property {Kind} type
 * @property {Record<string, any>} body @property {string} at
 * @typedef {object} Written @property {readonly Own[]} own oldest first @property {readonly Heard[]} heard oldest first
 * @typedef {object} Pending an entry as it is shown @property {string} key @property {string} from @property {string} role
 * @property {Record<string, any>} body @property {string} at @property {'sending'|'direct'|'waiting'|'failed'|'unsaved'} note
 */

/** @type {Written} */
export const NOTHING_WRITTEN = Object.freeze({ own: [], heard: [] });

/** @param {Written} written @param {Own} entry @returns {Written} */
export const write = (written, entry) => ({ ...written, own: [...written.own, entry] });

/** @param {Written} written @param {string} key @param {Partial<Own>} change @returns {Written} */
export const change = (written, key, change) => ({ ...written, own: written.own.map((entry) => (entry.key === key ? { ...entry, ...change } : entry)) });

/** Somebody's entry came over the data channel; our own comes back when the relay has taken it. @param {Written} written @param {Heard} entry @param {string} seat ours @returns {Written} */
export function hear(written, entry, seat) {
  if (entry.from === seat) return written.own.some(({ key, isTaken }) => key === entry.key && !isTaken) ? change(written, entry.key, { isTaken: true }) : written;
  if (written.heard.some(({ key }) => key === entry.key)) return written;
  return { ...written, heard: [...written.heard, entry].slice(-MOST_HEARD) };
}

/** Entries that are stored. @param {Written} written @param {readonly {key: string}[]} stored @returns {Written} */
export function kept(written, stored) {
  const keys = new Set(stored.map(({ key }) => key));
  const isLeft = (/** @type {{key: string}} */ entry) => !keys.has(entry.key);
  if (written.own.every(isLeft) && written.heard.every(isLeft)) return written;
  return { own: written.own.filter(isLeft), heard: written.heard.filter(isLeft) };
}

/** The server refused a message of ours: for a moment, or for good. @param {Written} written @param {string|undefined} id @param {string} code @param {number} now @returns {Written} */
export function refused(written, id, code, now) {
  const entry = written.own.find((own) => own.id === id);
  return entry ? change(written, entry.key, code === 'try-again' ? { refusedAt: now } : { isFailed: true }) : written;
}

/**
 * What the data channel should carry now: a reading at once, a chat message when the socket is away or does not answer.
 * @param {Written} written @param {boolean} isSocketOpen @param {number} now @returns {Own[]}
 */
export const direct = (written, isSocketOpen, now) => written.own.filter((entry) => !entry.isDirect && !entry.isFailed && fits(entry)
  && (entry.type === 'vitals' || !isSocketOpen || now - entry.since > DIRECT_AFTER_MS));

/** @param {Own} entry */
const fits = (entry) => entry.type === 'vitals' || entry.body.text.length <= MOST_DIRECT_CHARACTERS;

/** What the open socket should be given again. @param {Written} written @param {boolean} isSocketOpen @param {number} now @returns {Own[]} */
export const again = (written, isSocketOpen, now) => written.own.filter(({ refusedAt, since, isFailed }) => isSocketOpen && !isFailed
  && (now - since > UNANSWERED_MS || (refusedAt !== null && now - refusedAt > AGAIN_AFTER_MS)));

/**
 * What is shown behind the stored entries, oldest first.
 * @param {Written} written @param {Kind} type @param {readonly {key: string}[]} stored
 * @param {{seat: string, role: string, isSocketOpen: boolean}} here @returns {Pending[]}
 */
export function pending(written, type, stored, { seat, role, isSocketOpen }) {
  const left = kept(written, stored);
  const own = left.own.map(({ key, type: kind, body, at, ...entry }) => ({ key, kind, from: seat, role, body, at, note: noteOf(entry, isSocketOpen) }));
  const heard = left.heard.map(({ type: kind, ...entry }) => ({ ...entry, kind, note: /** @type {const} */ ('unsaved') }));
  return [...heard, ...own].filter(({ kind }) => kind === type).sort((a, b) => a.at.localeCompare(b.at));
}

/** @param {{isTaken: boolean, isFailed: boolean, refusedAt: number|null}} entry @param {boolean} isSocketOpen @returns {Pending['note']} */
function noteOf({ isTaken, isFailed, refusedAt }, isSocketOpen) {
  if (isFailed) return 'failed';
  if (isTaken) return 'direct';
  return isSocketOpen && refusedAt === null ? 'sending' : 'waiting';
}
