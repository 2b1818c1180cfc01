// @ts-check
/**
 * Notices that the network has changed under a call, and when to restart ICE for it. Pure: observations and `now` in, a
 * decision out. What carries a seat's media is told to the server in words (host or relay, udp or tcp, wifi or cellular).
 */

export const POLL_MS = 150;
// The relay answers what we publish every 75 ms. Two answers missing are a reason to ask the socket, five to act.
export const SUSPECT_MS = 150;
export const STALL_MS = 400;
// ICE says "disconnected" after 2.5 s without an answer; then a second of silence before or after is enough.
export const SHAKY_STALL_MS = 1_000;
// A change of network is reported several times within a moment: wait for quiet, but not for long.
export const DEBOUNCE_MS = 250;
export const DEBOUNCE_MOST_MS = 500;
// A line that flaps is not restarted ever faster: the n-th restart within CALM_MS comes this long after the one before.
export const PAUSES_MS = Object.freeze([0, 1_000, 2_000, 4_000, 8_000]);
export const CALM_MS = 30_000;
const FLOWS_AFTER = 3; // polls in a row with something new

/**
 * @typedef {'up'|'down'} LinkName
 * @typedef {object} Flow what a link receives
 * @property {number} received bytes @property {number} sent bytes @property {number} heardAt ms of the last growth of `received`
 * @property {number} sentThen bytes sent at that time @property {number} grown polls in a row with growth
 * @property {boolean} flows it came steadily before it fell silent
 *
 * @typedef {object} NetworkWatch
 * @property {number|null} signalledAt ms of the first report of a change that is not acted on @property {number} quietSince ms of the newest
 * @property {readonly number[]} restarts ms of the restarts of the last CALM_MS
 * @property {boolean} doubted the socket was asked in this silence
 *
 * @typedef {object} Route what carries a link
 * @property {string} candidate host, srflx, prflx or relay @property {string} protocol udp or tcp @property {string} network wifi, cellular, …
 */

/** @returns {NetworkWatch} */
export const newNetwork = () => ({ signalledAt: null, quietSince: 0, restarts: [], doubted: false });
/** @param {number} now @returns {Flow} */
export const newFlow = (now) => ({ received: 0, sent: 0, heardAt: now, sentThen: 0, grown: 0, flows: false });

/** @param {Flow} flow @param {{received: number, sent: number}} bytes @param {number} now @returns {Flow} */
export function flowOf(flow, { received, sent }, now) {
  if (received < flow.received) return { ...newFlow(now), received, sent }; // another connection
  if (received === flow.received) return { ...flow, sent, grown: 0 };
  const grown = flow.grown + 1;
  return { received, sent, heardAt: now, sentThen: sent, grown, flows: flow.flows || grown >= FLOWS_AFTER };
}

/** The system says that the network is another. @param {NetworkWatch} watch @param {number} now @returns {NetworkWatch} */
export const signalled = (watch, now) => ({ ...watch, signalledAt: watch.signalledAt ?? now, quietSince: now });

/**
 * @param {NetworkWatch} watch @param {Record<LinkName, Flow>} flows @param {Record<LinkName, boolean>} shaky ICE says so @param {number} now
 * @returns {{watch: NetworkWatch, restart: LinkName[], doubt: boolean}} links to restart; whether to ask the socket at once
 */
export function decideNetwork(watch, flows, shaky, now) {
  const restarts = watch.restarts.filter((at) => now - at < CALM_MS);
  const silent = now - flows.up.heardAt >= SUSPECT_MS && isAnswerDue(flows.up);
  const doubt = silent && !watch.doubted;
  const calm = { ...watch, restarts, doubted: silent };
  const wanted = wantedRestarts(calm, flows, shaky, now);
  if (!wanted.length || !mayRestart(restarts, now)) return { watch: calm, restart: [], doubt };
  return { watch: { ...calm, signalledAt: null, restarts: [...restarts, now] }, restart: wanted, doubt: true };
}

/** @param {NetworkWatch} watch @param {Record<LinkName, Flow>} flows @param {Record<LinkName, boolean>} shaky @param {number} now @returns {LinkName[]} */
function wantedRestarts(watch, { up, down }, shaky, now) {
  const isSettled = watch.signalledAt !== null
    && (now - watch.quietSince >= DEBOUNCE_MS || now - watch.signalledAt >= DEBOUNCE_MOST_MS);
  if (isSettled) return ['up', 'down'];
  const upStalled = isAnswerDue(up) && now - up.heardAt >= STALL_MS;
  // Down alone may be silent because the others are; both together are our own line.
  if (upStalled) return now - down.heardAt >= SUSPECT_MS ? ['up', 'down'] : ['up'];
  return /** @type {LinkName[]} */ (['up', 'down']).filter((name) => {
    const flow = name === 'up' ? up : down;
    return shaky[name] && flow.flows && now - flow.heardAt >= SHAKY_STALL_MS;
  });
}

/** We send, so the relay would answer. @param {Flow} flow */
const isAnswerDue = (flow) => flow.flows && flow.sent > flow.sentThen;

/** @param {readonly number[]} restarts @param {number} now */
function mayRestart(restarts, now) {
  const last = restarts.at(-1);
  return last === undefined || now - last >= PAUSES_MS[Math.min(restarts.length, PAUSES_MS.length - 1)];
}

/** After a restart: silence counts anew once something came. @param {Flow} flow @param {number} now @returns {Flow} */
export const restarted = (flow, now) => ({ ...newFlow(now), received: flow.received, sent: flow.sent });

/** A change of the connection's figures (its estimated rate) is no change of network. @param {string|undefined} before @param {string|undefined} after */
export const isOtherNetwork = (before, after) => before !== undefined && after !== undefined && before !== after;

/** Read bytes and route of the selected pair. @param {Iterable<any>} report values of an RTCStatsReport @returns {{bytes: {received: number, sent: number}, route: Route|null}} */
export function readPair(report) {
  const entries = new Map();
  for (const entry of report) entries.set(entry.id, entry);
  const all = [...entries.values()];
  const transport = all.find((entry) => entry.type === 'transport');
  const pair = entries.get(transport?.selectedCandidatePairId) ?? all.find((entry) => entry.type === 'candidate-pair' && entry.nominated);
  const local = entries.get(pair?.localCandidateId);
  const bytes = { received: transport?.bytesReceived ?? pair?.bytesReceived ?? 0, sent: transport?.bytesSent ?? pair?.bytesSent ?? 0 };
  if (!local) return { bytes, route: null };
  const route = { candidate: local.candidateType ?? 'unknown', protocol: local.relayProtocol ?? local.protocol ?? 'unknown', network: local.networkType ?? 'unknown' };
  return { bytes, route };
}
