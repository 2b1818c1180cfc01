// @ts-check
/** Keeps the screen on while the person waits or talks: a phone that falls asleep misses the doctor. */

/** @type {WakeLockSentinel|null} */
let held = null;
let isWanted = false;

/** @param {boolean} wanted */
export async function keepAwake(wanted) {
  isWanted = wanted;
  if (!wanted) { await held?.release(); held = null; return; }
  if (held && !held.released) return;
  held = await navigator.wakeLock?.request('screen').catch(() => null) ?? null; // no lock on a low battery: not an error
}

/** The browser drops the lock when the page is hidden. @param {AbortSignal} [signal] */
export function watchVisibility(signal) {
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible' && isWanted) void keepAwake(true); }, { signal });
}
