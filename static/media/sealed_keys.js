// @ts-check
/**
 * Keys of an end-to-end encrypted call: a page's identity, boxes for its media key, and the number that is read aloud.
 * signaling/README.md "End-to-end encryption". Pure but for WebCrypto.
 */

import { join } from './sframe.js';

const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
export const KEY_BYTES = 32;
const NONCE_BYTES = 12, GROUPS = 12, GROUP_BYTES = 5;
const text = new TextEncoder();

/** @typedef {{keys: CryptoKeyPair, point: string}} Identity `point`: the public key, uncompressed, base64url */

/** A new identity; its private part cannot leave the browser. @returns {Promise<Identity>} */
export async function newIdentity() {
  const keys = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey(CURVE, false, ['deriveBits']));
  return { keys, point: toBase64(new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey))) };
}

export const newMediaKey = () => crypto.getRandomValues(new Uint8Array(KEY_BYTES));

/** @typedef {{visitId: string, epoch: number}} Purpose what a box is for */

/** A media key that only the owner of `point` can open. @param {Identity} own @param {string} point @param {Purpose} purpose @param {Uint8Array} mediaKey */
export async function sealKey(own, point, { visitId, epoch }, mediaKey) {
  const key = await boxKey(own, point, visitId, [own.point, point]);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: epochBytes(epoch) }, key, /** @type {any} */ (mediaKey));
  return toBase64(join(nonce, new Uint8Array(sealed)));
}

/** The media key in a box from the owner of `point`; null when it was not made by them for us and this epoch. @param {Identity} own @param {string} point @param {Purpose} purpose @param {string} box @returns {Promise<Uint8Array|null>} */
export async function openKey(own, point, { visitId, epoch }, box) {
  try {
    const bytes = fromBase64(box);
    const key = await boxKey(own, point, visitId, [point, own.point]);
    const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: bytes.subarray(0, NONCE_BYTES), additionalData: epochBytes(epoch) }, key, /** @type {any} */ (bytes.subarray(NONCE_BYTES)));
    return opened.byteLength === KEY_BYTES ? new Uint8Array(opened) : null;
  } catch {
    return null;
  }
}

/** Twelve groups of five digits that everybody in the call sees alike, unless somebody swapped a key. @param {string} visitId @param {readonly string[]} points @returns {Promise<string[]>} */
export async function safetyNumber(visitId, points) {
  const sorted = [...points].sort().map(fromBase64);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-512', join(text.encode('teleconsult safety number '), text.encode(visitId), ...sorted)));
  return Array.from({ length: GROUPS }, (_, group) => {
    const bytes = digest.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES);
    return String(bytes.reduce((value, byte) => value * 256 + byte, 0) % 100_000).padStart(5, '0');
  });
}

/** @param {Identity} own @param {string} point @param {string} visitId @param {[string, string]} way sender's point, receiver's */
async function boxKey(own, point, visitId, [from, to]) {
  const theirs = await crypto.subtle.importKey('raw', fromBase64(point), CURVE, false, []);
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: theirs }, own.keys.privateKey, 256);
  const secret = await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const info = join(text.encode('teleconsult e2ee box '), fromBase64(from), fromBase64(to));
  return crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: text.encode(visitId), info }, secret, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** @param {number} epoch */
function epochBytes(epoch) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, epoch);
  return bytes;
}

/** @param {Uint8Array} bytes */
export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
/** @param {string} encoded */
export const fromBase64 = (encoded) => Uint8Array.from(atob(encoded.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
