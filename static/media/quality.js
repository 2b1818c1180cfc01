// @ts-check
/** From RTCStatsReport to a few honest numbers and a verdict. The arithmetic is pure; reading is one call. */

export const Verdict = Object.freeze({ UNKNOWN: 'unknown', GOOD: 'good', FAIR: 'fair', POOR: 'poor' });
/** @typedef {typeof Verdict[keyof typeof Verdict]} Verdict */

/**
 * @typedef {object} Sample
 * @property {number} at ms @property {number} received packets @property {number} lost packets
 * @property {number} bytes @property {number} rtt_ms @property {number} jitter_ms
 */

/** Add up what matters. Pure. @param {Iterable<any>} report values of an RTCStatsReport @param {number} at @returns {Sample} */
export function sampleOf(report, at) {
  const sample = { at, received: 0, lost: 0, bytes: 0, rtt_ms: 0, jitter_ms: 0 };
  for (const entry of report) {
    if (entry.type === 'inbound-rtp') {
      sample.received += entry.packetsReceived ?? 0;
      sample.lost += Math.max(0, entry.packetsLost ?? 0);
      sample.bytes += entry.bytesReceived ?? 0;
      if (entry.kind === 'audio') sample.jitter_ms = Math.max(sample.jitter_ms, Math.round((entry.jitter ?? 0) * 1000));
    } else if (entry.type === 'candidate-pair' && entry.nominated) {
      sample.rtt_ms = Math.round((entry.currentRoundTripTime ?? 0) * 1000);
    }
  }
  return sample;
}

/**
 * What happened between two samples. Pure.
 * @param {Sample} before @param {Sample} after
 * @returns {{loss_percent: number, rate_bps: number, rtt_ms: number, jitter_ms: number}}
 */
export function between(before, after) {
  const received = Math.max(0, after.received - before.received);
  const lost = Math.max(0, after.lost - before.lost);
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  return {
    loss_percent: received + lost === 0 ? 0 : Math.round((1000 * lost) / (received + lost)) / 10,
    rate_bps: Math.round((8 * Math.max(0, after.bytes - before.bytes)) / seconds),
    rtt_ms: after.rtt_ms,
    jitter_ms: after.jitter_ms,
  };
}

/** Speech stays easy below 2 % loss and 300 ms round trip, hard work above 8 % or 600 ms (ITU-T G.114, G.107). Pure. @param {{loss_percent: number, rtt_ms: number, rate_bps: number}} line @returns {Verdict} */
export function verdictOf({ loss_percent: loss, rtt_ms: rtt, rate_bps: rate }) {
  if (rate === 0) return Verdict.UNKNOWN;
  if (loss > 8 || rtt > 600) return Verdict.POOR;
  return loss > 2 || rtt > 300 ? Verdict.FAIR : Verdict.GOOD;
}
