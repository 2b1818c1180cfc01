// @ts-check
/** The live queue: server-sent events, and a way back when they stop. */

import { get } from '../api.js';

const RETRY_MS = 3_000;

/**
 * @param {(action: any) => void} dispatch @param {() => void} onRefused the session may be over
 * @param {AbortSignal} signal ends it
 */
export function listenToQueue(dispatch, onRefused, signal) {
  const stream = new EventSource('/api/queue/stream');
  signal.addEventListener('abort', () => stream.close(), { once: true });
  stream.addEventListener('queue', (event) => {
    const { rows, counts } = JSON.parse(event.data);
    dispatch({ type: 'queue', rows, counts });
  });
  stream.addEventListener('error', () => {
    dispatch({ type: 'live', isLive: false });
    if (stream.readyState !== EventSource.CLOSED || signal.aborted) return; // the browser retries by itself
    onRefused();
    void readOnce(dispatch);
    setTimeout(() => { if (!signal.aborted) listenToQueue(dispatch, onRefused, signal); }, RETRY_MS);
  });
}

/** @param {(action: any) => void} dispatch */
async function readOnce(dispatch) {
  const queue = await get('/api/queue').catch(() => null);
  if (queue) dispatch({ type: 'queue', rows: queue.rows, counts: queue.counts });
}
