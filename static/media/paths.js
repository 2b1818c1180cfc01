// @ts-check
/** The three ways to a relay: UDP, TCP on the same port, and a TURN server. Pure. */

export const Way = Object.freeze({ UDP: 'udp', TCP: 'tcp', TURN: 'turn' });
/** @typedef {typeof Way[keyof typeof Way]} Way */

/** In the order in which they are wanted: TCP holds speech up when a packet is lost, TURN is a detour. */
export const WAYS = Object.freeze([Way.UDP, Way.TCP, Way.TURN]);

const CANDIDATE = /^a=candidate:\S+ \d+ (udp|tcp) /i;

/**
 * The relay's description with the candidates of one way only. TURN reaches the relay's UDP candidate from outside.
 * @param {string} sdp @param {Way|null} way null: all of them @returns {string}
 */
export function only(sdp, way) {
  if (way === null) return sdp;
  const wanted = way === Way.TCP ? 'tcp' : 'udp';
  return sdp.split('\r\n').filter((line) => (CANDIDATE.exec(line)?.[1].toLowerCase() ?? wanted) === wanted).join('\r\n');
}

/** @param {Way|null} way @returns {RTCIceTransportPolicy} */
export const policyOf = (way) => (way === Way.TURN ? 'relay' : 'all');

/**
 * How a call begins, from the ways that the line test found open: straight on by what worked, without waiting for what did not.
 * With UDP open nothing is left out, so that the browser may still fall back by itself.
 * @param {readonly Way[]} open @returns {Way|null}
 */
export const firstWay = (open) => (open.length === 0 || open[0] === Way.UDP ? null : open[0]);
