// @ts-check
/** What a test of the line says about the call to come, and how the call should begin. Pure. */

import { firstWay, WAYS } from './paths.js';

export const LineVerdict = Object.freeze({
  VIDEO: 'video', SMALL_VIDEO: 'small_video', SOUND: 'sound', WEAK: 'weak', NONE: 'none', UNTESTED: 'untested',
});
/** @typedef {typeof LineVerdict[keyof typeof LineVerdict]} LineVerdict */
/** @typedef {import('./paths.js').Way} Way */

/**
 * @typedef {object} Measured one way to the relay and back
 * @property {Way} way @property {boolean} isOpen
 * @property {number} up_bps @property {number} down_bps what came back: at least this much comes down
 * @property {number} rtt_ms @property {number} jitter_ms @property {number} up_loss_percent @property {number} down_loss_percent
 *
 * @typedef {object} LineFound as POST /api/visit/check takes it
 * @property {LineVerdict} verdict @property {Way[]} ways open ones, the best first
 * @property {number} [up_bps] @property {number} [down_bps] @property {number} [rtt_ms] @property {number} [jitter_ms]
 * @property {number} [up_loss_percent] @property {number} [down_loss_percent]
 */

// Best first. 700 kbit/s carries the full camera layer at ordinary movement; 300 + 50 kbit/s is the field's floor for a
// call with a picture (healthdirect 350, Mend 300 + 50); speech needs 50 (consultation.md §11). Loss: above 3 % repair by
// retransmission no longer keeps a picture whole (signaling/media/quality.py); above 10 % speech itself breaks.
const NEEDS = Object.freeze([
  { verdict: LineVerdict.VIDEO, bps: 700_000, loss: 3, rtt: 400 },
  { verdict: LineVerdict.SMALL_VIDEO, bps: 300_000, loss: 5, rtt: 600 },
  { verdict: LineVerdict.SOUND, bps: 50_000, loss: 10, rtt: 1_000 },
]);
const RANK = Object.freeze(Object.values(LineVerdict));

/** @param {Measured} line @returns {LineVerdict} */
export function verdictOfWay(line) {
  if (!line.isOpen) return LineVerdict.NONE;
  const bps = Math.min(line.up_bps, line.down_bps);
  const loss = Math.max(line.up_loss_percent, line.down_loss_percent);
  return NEEDS.find((need) => bps >= need.bps && loss <= need.loss && line.rtt_ms <= need.rtt)?.verdict ?? LineVerdict.WEAK;
}

/**
 * The whole test's result. UDP goes before TCP before TURN, unless a later way is good for more.
 * @param {readonly Measured[]} lines @returns {LineFound}
 */
export function judge(lines) {
  if (lines.length === 0) return { verdict: LineVerdict.UNTESTED, ways: [] };
  const rank = (/** @type {Measured} */ line) => RANK.indexOf(verdictOfWay(line));
  const open = lines.filter(({ isOpen }) => isOpen).sort((a, b) => rank(a) - rank(b) || WAYS.indexOf(a.way) - WAYS.indexOf(b.way));
  if (open.length === 0) return { verdict: LineVerdict.NONE, ways: [] };
  const [best] = open;
  const { up_bps, down_bps, rtt_ms, jitter_ms, up_loss_percent, down_loss_percent } = best;
  return { verdict: verdictOfWay(best), ways: open.map(({ way }) => way), up_bps, down_bps, rtt_ms, jitter_ms, up_loss_percent, down_loss_percent };
}

// Three quarters of what was measured: speech and repair need the rest.
const SHARE = 0.75;
const LOWEST_CEILING_BPS = 80_000;

/**
 * The most that the camera may send when the call begins; null: what the layers allow. @param {LineFound|null} found @returns {number|null}
 */
export function firstCeiling(found) {
  if (!found || found.up_bps === undefined || found.verdict === LineVerdict.VIDEO) return null;
  return Math.max(LOWEST_CEILING_BPS, Math.round(found.up_bps * SHARE));
}

/** Whether "sound only" is what the person should be advised to take. @param {LineFound|null} found */
export const prefersSound = (found) => found?.verdict === LineVerdict.SOUND || found?.verdict === LineVerdict.WEAK;

/**
 * The camera's layers below a ceiling: the full picture is left out where it would not fit. @param {readonly RTCRtpEncodingParameters[]} layers lowest first
 * @param {number|null} ceiling @returns {RTCRtpEncodingParameters[]}
 */
export function underCeiling(layers, ceiling) {
  if (ceiling === null) return layers.map((layer) => ({ ...layer, active: true }));
  let left = ceiling;
  return layers.map((layer, index) => {
    const wanted = layer.maxBitrate ?? left;
    const isFirst = index === 0;
    const active = isFirst || left >= wanted / 4;
    const maxBitrate = Math.max(1, Math.min(wanted, left));
    if (active) left = Math.max(0, left - maxBitrate);
    return { ...layer, active, maxBitrate: active ? maxBitrate : wanted };
  });
}

// The estimate of a call needs some seconds to be worth anything: five looks, 2 s apart, all of them good.
const GOOD_LOOKS = 5;

/** How a call begins, and when it may do more than that. Pure. */
export class Beginning {
  /** The only way to take; null: every one. @type {Way|null} */
  way;
  /** @type {number|null} */
  ceiling;
  #good = 0;

  /** @param {LineFound|null} found */
  constructor(found) {
    this.way = firstWay(found?.ways ?? []);
    this.ceiling = firstCeiling(found);
  }

  /** Count one look at the call's line; tell once when the ceiling is to be lifted. @param {boolean} isGood */
  lifts(isGood) {
    if (this.ceiling === null) return false;
    this.#good = isGood ? this.#good + 1 : 0;
    if (this.#good < GOOD_LOOKS) return false;
    this.ceiling = null;
    return true;
  }
}

/**
 * Figures of one way from two looks at both links' statistics. Pure.
 * @param {Way} way @param {Look} before @param {Look} after @returns {Measured}
 */
export function measured(way, before, after) {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  const rate = (/** @type {number} */ bytes) => Math.round((8 * Math.max(0, bytes)) / seconds);
  const arrived = Math.max(0, after.received - before.received);
  const missing = Math.max(0, after.missing - before.missing);
  const both = share(missing, arrived + missing);
  const up = Math.min(both, share(Math.max(0, after.lostUp - before.lostUp), Math.max(1, after.sent - before.sent)));
  return {
    way, isOpen: true, up_bps: Math.round(rate(after.bytesUp - before.bytesUp) * (1 - up / 100)), down_bps: rate(after.bytesDown - before.bytesDown),
    rtt_ms: after.rtt_ms, jitter_ms: after.jitter_ms, up_loss_percent: up, down_loss_percent: Math.round((both - up) * 10) / 10,
  };
}

/** @param {number} part @param {number} whole */
const share = (part, whole) => (whole <= 0 ? 0 : Math.round((1000 * part) / whole) / 10);

/**
 * @typedef {object} Look @property {number} at ms @property {number} bytesUp @property {number} bytesDown
 * @property {number} sent audio packets @property {number} lostUp of these, as the relay reports @property {number} received audio packets that came back
 * @property {number} missing of these @property {number} rtt_ms @property {number} jitter_ms
 */

/**
 * One look. Loss is counted on sound: lost pictures are sent again and would hide it. Pure.
 * @param {Iterable<any>} up values of an RTCStatsReport @param {Iterable<any>} down @param {number} at @returns {Look}
 */
export function lookOf(up, down, at) {
  const look = { at, bytesUp: 0, bytesDown: 0, sent: 0, lostUp: 0, received: 0, missing: 0, rtt_ms: 0, jitter_ms: 0 };
  for (const entry of up) {
    if (entry.type === 'outbound-rtp') look.bytesUp += entry.bytesSent ?? 0;
    if (entry.type === 'outbound-rtp' && entry.kind === 'audio') look.sent += entry.packetsSent ?? 0;
    if (entry.type === 'remote-inbound-rtp' && entry.kind === 'audio') look.lostUp += Math.max(0, entry.packetsLost ?? 0);
    if (entry.type === 'candidate-pair' && entry.nominated) look.rtt_ms = Math.max(look.rtt_ms, Math.round((entry.currentRoundTripTime ?? 0) * 1000));
  }
  for (const entry of down) {
    if (entry.type !== 'inbound-rtp') continue;
    look.bytesDown += entry.bytesReceived ?? 0;
    if (entry.kind !== 'audio') continue;
    look.received += entry.packetsReceived ?? 0;
    look.missing += Math.max(0, entry.packetsLost ?? 0);
    look.jitter_ms = Math.max(look.jitter_ms, Math.round((entry.jitter ?? 0) * 1000));
  }
  return look;
}
