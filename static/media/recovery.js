// @ts-check
/**
 * Decides when a media link needs help. Pure: observations and `now` in, an action out.
 * Ladder of one link: watch -> ICE restart on the same link -> a new link -> again, with longer pauses.
 */

export const LinkHealth = Object.freeze({ NEW: 'new', CHECKING: 'checking', CONNECTED: 'connected', SHAKY: 'shaky', LOST: 'lost' });
/** @typedef {typeof LinkHealth[keyof typeof LinkHealth]} LinkHealth */
export const Action = Object.freeze({ NONE: 'none', RESTART: 'restart', REBUILD: 'rebuild' });
/** @typedef {typeof Action[keyof typeof Action]} Action */

// "disconnected" often heals within two seconds (a moment behind a wall); an ICE restart earlier is wasted.
export const SHAKY_PATIENCE_MS = 2_000;
// A first connection or a restart that has not succeeded by then will not: DTLS and ICE need about 1 s on a bad line.
export const CHECK_PATIENCE_MS = 6_000;
export const REBUILD_PAUSES_MS = Object.freeze([0, 2_000, 4_000, 8_000]);

/**
 * @typedef {object} LinkWatch
 * @property {LinkHealth} health @property {number} since ms, when this health began
 * @property {number} restarts tries since the link was last connected @property {number} actedAt ms of the last action
 */

/** @param {number} now @returns {LinkWatch} */
export const newWatch = (now) => ({ health: LinkHealth.NEW, since: now, restarts: 0, actedAt: now });

/** RTCPeerConnection.connectionState in our words. @param {string} state @returns {LinkHealth} */
export function healthOf(state) {
  switch (state) {
    case 'connected': return LinkHealth.CONNECTED;
    case 'connecting': return LinkHealth.CHECKING;
    case 'disconnected': return LinkHealth.SHAKY;
    case 'failed': case 'closed': return LinkHealth.LOST;
    default: return LinkHealth.NEW;
  }
}

/** @param {LinkWatch} watch @param {LinkHealth} health @param {number} now @returns {LinkWatch} */
export function observe(watch, health, now) {
  if (health === watch.health) return watch;
  return { ...watch, health, since: now, restarts: health === LinkHealth.CONNECTED ? 0 : watch.restarts };
}

/** Something came on a connected link: earlier tries count no more. @param {LinkWatch} watch @returns {LinkWatch} */
export const answered = (watch) => (watch.health === LinkHealth.CONNECTED && watch.restarts ? { ...watch, restarts: 0 } : watch);

/**
 * What to do now; the caller does it and keeps the returned watch.
 * @param {LinkWatch} watch @param {number} now @param {boolean} networkChanged a change of network was just reported
 * @returns {{watch: LinkWatch, action: Action}}
 */
export function decide(watch, now, networkChanged = false) {
  const action = wanted(watch, now, networkChanged);
  if (action === Action.NONE) return { watch, action };
  return { watch: { ...watch, since: now, actedAt: now, restarts: watch.restarts + 1 }, action };
}

/** @param {LinkWatch} watch @param {number} now @param {boolean} networkChanged @returns {Action} */
function wanted(watch, now, networkChanged) {
  const waited = now - watch.since;
  const pause = REBUILD_PAUSES_MS[Math.min(watch.restarts, REBUILD_PAUSES_MS.length - 1)];
  switch (watch.health) {
    case LinkHealth.CONNECTED: return networkChanged ? Action.RESTART : Action.NONE;
    case LinkHealth.SHAKY:
      if (networkChanged && watch.restarts === 0) return Action.RESTART;
      if (waited < SHAKY_PATIENCE_MS) return Action.NONE;
      return watch.restarts === 0 ? Action.RESTART : afterPause(watch, now, Math.max(pause, CHECK_PATIENCE_MS));
    case LinkHealth.LOST:
      return watch.restarts === 0 ? Action.RESTART : afterPause(watch, now, pause);
    default:
      return waited >= CHECK_PATIENCE_MS ? Action.REBUILD : Action.NONE;
  }
}

/** @param {LinkWatch} watch @param {number} now @param {number} pause */
const afterPause = (watch, now, pause) => (now - watch.actedAt >= pause ? Action.REBUILD : Action.NONE);
