// @ts-check
/**
 * Seals and opens the media of an end-to-end encrypted call, off the page's thread. One worker for the life of a seat: the
 * number of a stream and its counter are never used twice under one key.
 */

import { deriveFrameKey, FrameRefused, openFrame, sealFrame } from './sframe.js';

/** @typedef {import('./sframe.js').FrameKey} FrameKey */
/** @typedef {import('./sframe.js').Kind} Kind */
/**
 * @typedef {{type: 'own', epoch: number, key: Uint8Array}|{type: 'theirs', seat: string, epoch: number, key: Uint8Array}|{type: 'assign', line: number, seat: string}} Order
 * @typedef {{side: 'send', kind: Kind}|{side: 'receive', kind: Kind, line: number}} Duty
 */

// KID = epoch × 2^20 + stream: more connections than any call makes.
const STREAMS = 2 ** 20;
// Of each seat the newest and the one before: frames under way when an epoch changes still open.
const KEPT_EPOCHS = 2;

/** @type {{epoch: number, key: Uint8Array}|null} */
let own = null;
let streams = 0;
/** @type {Map<string, Map<number, Uint8Array>>} seat -> epoch -> media key */
const theirs = new Map();
/** @type {Map<number, string>} line that we receive on -> whose media it carries now */
const seats = new Map();

self.addEventListener('message', ({ data }) => obey(/** @type {Order} */ (data)));
self.addEventListener('rtctransform', (event) => {
  const { readable, writable, options } = /** @type {any} */ (event).transformer;
  const transform = options.side === 'send' ? sender(options) : receiver(options);
  void readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {}); // ends with its connection
});

/** @param {Order} order */
function obey(order) {
  switch (order.type) {
    case 'own': own = { epoch: order.epoch, key: order.key }; return;
    case 'assign': seats.set(order.line, order.seat); return;
    case 'theirs': {
      const epochs = theirs.get(order.seat) ?? new Map();
      epochs.set(order.epoch, order.key);
      const kept = [...epochs].sort(([a], [b]) => b - a).slice(0, KEPT_EPOCHS);
      theirs.set(order.seat, new Map(kept));
    }
  }
}

/** Without a key nothing goes out. @param {Duty} duty */
function sender({ kind }) {
  const stream = streams++;
  let counter = 0;
  let epoch = -1;
  /** @type {FrameKey|null} */
  let frameKey = null;
  return async (/** @type {any} */ frame, /** @type {any} */ out) => {
    if (!own) return;
    const now = own;
    const kid = now.epoch * STREAMS + stream;
    if (epoch !== now.epoch || !frameKey) { frameKey = await deriveFrameKey(/** @type {any} */ (now.key), kid); epoch = now.epoch; counter = 0; }
    await pass(frame, out, (data) => sealFrame(/** @type {FrameKey} */ (frameKey), { kid, ctr: counter++ }, kind, data));
  };
}

/** What does not open is dropped: the decoder asks for a key frame by itself. @param {Duty & {line: number}} duty */
function receiver({ kind, line }) {
  /** @type {Map<number, {from: Uint8Array, made: Promise<FrameKey>}>} */
  const made = new Map();
  const keyOf = async (/** @type {number} */ kid) => {
    const from = theirs.get(seats.get(line) ?? '')?.get(Math.floor(kid / STREAMS));
    if (!from) return null;
    const known = made.get(kid);
    if (known?.from === from) return known.made;
    if (made.size > KEPT_EPOCHS * 2) made.clear();
    const fresh = { from, made: deriveFrameKey(/** @type {any} */ (from), kid) };
    made.set(kid, fresh);
    return fresh.made;
  };
  return (/** @type {any} */ frame, /** @type {any} */ out) => pass(frame, out, (data) => openFrame(keyOf, kind, data));
}

/** @param {any} frame @param {any} out @param {(data: Uint8Array) => Promise<Uint8Array>} change */
async function pass(frame, out, change) {
  try {
    frame.data = (await change(new Uint8Array(frame.data))).buffer;
    out.enqueue(frame);
  } catch (error) {
    if (!(error instanceof FrameRefused)) throw error;
  }
}
