// @ts-check
/**
 * Frames sealed end to end: SFrame (RFC 9605) with AES_256_GCM_SHA512_128, behind the few bytes that a relay has to read.
 * Pure but for WebCrypto. Every failure to open is the same error.
 */

const SUITE = 0x0005; // RFC 9605 §4.5: AES_256_GCM_SHA512_128
const KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16;
// A VP8 key frame says its size in its first 10 bytes, another frame its kind in 3 (RFC 6386 §9.1); Opus its table of
// contents in 1 (RFC 6716 §3.1).
const CLEAR = Object.freeze({ key: 10, delta: 3, audio: 1 });
const text = new TextEncoder();

/** @typedef {'audio'|'video'} Kind */
/** @typedef {{key: CryptoKey, salt: Uint8Array}} FrameKey */

/** The frame is not for us, was changed, or is none: one error for all of it. */
export class FrameRefused extends Error {}

/** A header (RFC 9605 §4.3) of the shortest form. @param {number} kid @param {number} ctr @returns {Uint8Array} */
export function encodeHeader(kid, ctr) {
  const [first, second] = [part(kid), part(ctr)];
  return Uint8Array.of((first.code << 4) | second.code, ...first.bytes, ...second.bytes);
}

/** @param {number} value below 2^53 @returns {{code: number, bytes: number[]}} small values live in the config byte */
function part(value) {
  if (value < 8) return { code: value, bytes: [] };
  const bytes = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return { code: 8 | (bytes.length - 1), bytes };
}

/** Read a header; refuses what is cut short, longer than needed, or beyond 2^53. @param {Uint8Array} data @returns {{kid: number, ctr: number, length: number}} */
export function decodeHeader(data) {
  if (data.length === 0) throw new FrameRefused();
  let at = 1;
  const read = (/** @type {number} */ code) => {
    if (code < 8) return code;
    const length = (code & 7) + 1;
    if (at + length > data.length) throw new FrameRefused();
    let value = 0;
    for (const byte of data.subarray(at, at + length)) value = value * 256 + byte;
    if (part(value).bytes.length !== length || value > Number.MAX_SAFE_INTEGER) throw new FrameRefused();
    at += length;
    return value;
  };
  const kid = read(data[0] >> 4);
  const ctr = read(data[0] & 15);
  return { kid, ctr, length: at };
}

/** Key and salt of a KID (RFC 9605 §4.4.2). @param {BufferSource} baseKey @param {number} kid @returns {Promise<FrameKey>} */
export async function deriveFrameKey(baseKey, kid) {
  const secret = await crypto.subtle.importKey('raw', baseKey, 'HKDF', false, ['deriveBits']);
  const expand = async (/** @type {string} */ label, /** @type {number} */ length) => new Uint8Array(await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-512', salt: new Uint8Array(), info: join(text.encode(`SFrame 1.0 Secret ${label} `), bigEndian(kid, 8), bigEndian(SUITE, 2)) }, secret, length * 8));
  const key = await crypto.subtle.importKey('raw', await expand('key', KEY_BYTES), 'AES-GCM', false, ['encrypt', 'decrypt']);
  return { key, salt: await expand('salt', NONCE_BYTES) };
}

/** An SFrame: header, ciphertext, tag. @param {FrameKey} frameKey @param {{kid: number, ctr: number}} ids @param {Uint8Array} metadata @param {Uint8Array} plain */
export async function seal({ key, salt }, { kid, ctr }, metadata, plain) {
  const header = encodeHeader(kid, ctr);
  const parameters = { name: 'AES-GCM', iv: nonceOf(salt, ctr), additionalData: join(header, metadata), tagLength: TAG_BYTES * 8 };
  return join(header, new Uint8Array(await crypto.subtle.encrypt(parameters, key, /** @type {any} */ (plain))));
}

/**
 * What was sealed. @param {(kid: number) => Promise<FrameKey|null>} keyOf @param {Uint8Array} metadata @param {Uint8Array} sealed @returns {Promise<Uint8Array>}
 */
export async function open(keyOf, metadata, sealed) {
  const { kid, ctr, length } = decodeHeader(sealed);
  const frameKey = await keyOf(kid);
  if (!frameKey || sealed.length < length + TAG_BYTES) throw new FrameRefused();
  const parameters = { name: 'AES-GCM', iv: nonceOf(frameKey.salt, ctr), additionalData: join(sealed.subarray(0, length), metadata), tagLength: TAG_BYTES * 8 };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, frameKey.key, /** @type {any} */ (sealed.subarray(length))));
  } catch {
    throw new FrameRefused();
  }
}

/** A media frame: its clear bytes, then an SFrame of the rest. @param {FrameKey} frameKey @param {{kid: number, ctr: number}} ids @param {Kind} kind @param {Uint8Array} frame */
export async function sealFrame(frameKey, ids, kind, frame) {
  const clear = frame.subarray(0, clearBytes(kind, frame));
  return join(clear, await seal(frameKey, ids, join(text.encode(kind), clear), frame.subarray(clear.length)));
}

/** @param {(kid: number) => Promise<FrameKey|null>} keyOf @param {Kind} kind @param {Uint8Array} frame @returns {Promise<Uint8Array>} */
export async function openFrame(keyOf, kind, frame) {
  const clear = frame.subarray(0, clearBytes(kind, frame));
  return join(clear, await open(keyOf, join(text.encode(kind), clear), frame.subarray(clear.length)));
}

/** How many bytes stay readable; both sides see it in the first one. No encoder makes a shorter frame. @param {Kind} kind @param {Uint8Array} frame */
export function clearBytes(kind, frame) {
  const isKey = (frame[0] & 1) === 0; // RFC 6386 §9.1: the P bit
  const clear = kind === 'audio' ? CLEAR.audio : isKey ? CLEAR.key : CLEAR.delta;
  if (frame.length < clear) throw new FrameRefused();
  return clear;
}

/** @param {Uint8Array} salt @param {number} ctr */
function nonceOf(salt, ctr) {
  const nonce = bigEndian(ctr, NONCE_BYTES);
  for (const [index, byte] of salt.entries()) nonce[index] ^= byte;
  return nonce;
}

/** @param {number} value @param {number} length */
function bigEndian(value, length) {
  const bytes = new Uint8Array(length);
  for (let index = length - 1, rest = value; rest > 0; index -= 1, rest = Math.floor(rest / 256)) bytes[index] = rest % 256;
  return bytes;
}

/** @param {...Uint8Array} parts */
export function join(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const one of parts) { joined.set(one, at); at += one.length; }
  return joined;
}
