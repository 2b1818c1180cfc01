// @ts-check
/**
 * The client's half of the message journal (signaling/README.md "Journal"): numbers what we send, keeps it until
 * the server has acknowledged it, knows what to send again after a reconnect and what was received already. Pure.
 */

// More unacknowledged messages than this means the other side is gone: start afresh instead of growing.
export const MAX_UNACKED = 256;
/** What people wrote or measured: sent again even to a server that begins a new journal. */
export const WRITTEN = Object.freeze(['chat', 'vitals']);
/** Types that are worth nothing later; they travel with seq 0. */
export const UNJOURNALLED = Object.freeze(['hello', 'ping', 'quality', 'media-rate']);

/**
 * @typedef {import('../types.js').Envelope} Envelope
 * @typedef {object} Journal
 * @property {number} sent highest seq given out @property {number} received highest seq of the server that we handled
 * @property {readonly Envelope[]} unacked oldest first @property {number} ids counter for message ids
 */

/** @returns {Journal} */
export const emptyJournal = () => ({ sent: 0, received: 0, unacked: [], ids: 0 });

/**
 * Number a message. @param {Journal} journal @param {string} type @param {unknown} body @param {string} [id] of a message that is numbered anew
 * @returns {{journal: Journal, envelope: Envelope, overflow: boolean}}
 */
export function outgoing(journal, type, body, id) {
  const journalled = !UNJOURNALLED.includes(type);
  const seq = journalled ? journal.sent + 1 : 0;
  const ids = journal.ids + 1;
  const envelope = /** @type {Envelope} */ ({ v: 1, type, id: id ?? `m${ids}`, seq, ack: journal.received, body });
  const unacked = journalled ? [...journal.unacked, envelope] : journal.unacked;
  return {
    journal: { ...journal, ids, sent: journalled ? seq : journal.sent, unacked },
    envelope,
    overflow: unacked.length > MAX_UNACKED,
  };
}

/**
 * Take a message in. @param {Journal} journal @param {Envelope} envelope
 * @returns {{journal: Journal, fresh: boolean}} `fresh` is false for a repetition
 */
export function incoming(journal, envelope) {
  const unacked = journal.unacked.filter((message) => message.seq > envelope.ack);
  if (envelope.seq === 0) return { journal: { ...journal, unacked }, fresh: true };
  const fresh = envelope.seq > journal.received;
  return { journal: { ...journal, unacked, received: Math.max(journal.received, envelope.seq) }, fresh };
}

/** What to send again after a resumed hello, with today's ack. @param {Journal} journal @returns {Envelope[]} */
export function replay(journal) {
  return journal.unacked.map((message) => ({ ...message, ack: journal.received }));
}
