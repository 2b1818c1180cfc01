// @ts-check
/** How long to wait before trying again. Pure: the caller brings the randomness. */

// Quick at first (a tunnel, a lift), then easy on a server that a whole clinic comes back to.
export const BACKOFF_MS = Object.freeze([250, 500, 1000, 2000, 4000, 5000]);

/**
 * @param {number} attempt 0 for the first retry
 * @param {number} random 0..1; half of the wait is spread by it so that clients do not return in step
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  const full = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)];
  return Math.round(full / 2 + (full / 2) * random);
}
