// The mark of a recording and the player's words: pure parts (static/README.md "Recording").

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { markKey } from '../../../static/call/recording.js';
import { initialCall, reduceCall } from '../../../static/call/state.js';
import { clockText, missing, nextMedia } from '../../../static/doctor/recordings.js';

/** @param {object} body */
const told = (body, role = 'patient') =>
  markKey({ ...reduceCall(initialCall(), { type: 'message', envelope: { type: 'recording', seq: 1, body } }, 0), role });

test('tells every state of a recording', () => {
  assert.equal(told({ state: 'off' }), '');
  assert.equal(told({ state: 'on' }), 'recording.on');
  assert.equal(told({ state: 'gap', because: 'paused' }), 'recording.paused');
  assert.equal(told({ state: 'gap', because: 'media' }), 'recording.media');
  assert.equal(told({ state: 'sealed' }), 'recording.sealed');
  assert.equal(told({ state: 'sealed', because: 'failed' }), 'recording.failed');
  assert.equal(told({ state: 'off', because: 'end-to-end-encrypted' }), 'recording.end-to-end-encrypted');
});

test('asks whose consent is wanted, and tells the others what it waits for', () => {
  assert.equal(told({ state: 'consent-pending', because: 'consent', ask: true }), 'recording.ask');
  assert.equal(told({ state: 'consent-pending', because: 'consent', ask: false }), 'recording.consent');
});

test('words a refusal for the one who hears it', () => {
  assert.equal(told({ state: 'off', because: 'declined' }, 'doctor'), 'recording.declined');
  assert.equal(told({ state: 'off', because: 'declined' }), 'recording.declined_own');
});

const met = (/** @type {import('../../../static/call/state.js').CallState} */ state) => {
  const welcome = { seat: 's', role: 'patient', visit: { id: 'v', state: 'in_consult' }, admitted: true, resumed: false, seats: [], chat: [] };
  return reduceCall(state, { type: 'message', envelope: { type: 'welcome', seq: 0, body: welcome } }, 0);
};

test('says that a server which started anew cut the recording off', () => {
  const on = reduceCall(initialCall(), { type: 'message', envelope: { type: 'recording', seq: 1, body: { state: 'on' } } }, 0);
  assert.equal(met(on).recording, 'off');
  assert.equal(markKey(met(on)), 'recording.failed');
  assert.equal(markKey(met(met(on))), 'recording.failed');
});

test('says nothing of a recording that there was not', () => {
  assert.equal(markKey(met(initialCall())), '');
});

test('writes times as a clock', () => {
  assert.deepEqual([0, 999, 61_000, 3_600_000].map(clockText), ['0:00', '0:01', '1:01', '60:00']);
});

test('lists what is missing in order, by what it is', () => {
  const gap = (since, track) => ({ track, since_ms: since, until_ms: since + 1, cause: 'network' });
  const tracks = [{ kind: 'audio', source: 'microphone' }, { kind: 'video', source: 'camera' }];
  const part = (gaps) => ({ part: 0, seat: 's', start_ms: 0, duration_ms: 9, is_finished: true, tracks, gaps });
  const found = missing({ id: 'r', started_at: '', ended_at: null, is_finished: true, duration_ms: 9, parts: [part([gap(5, 1)]), part([gap(2, 0)])] });
  assert.deepEqual(found.map(({ since_ms, kind }) => [since_ms, kind]), [[2, 'audio'], [5, 'video']]);
});

test('goes over a pause, and stays where something is', () => {
  const parts = /** @type {any[]} */ ([{ start_ms: 500, duration_ms: 1000 }, { start_ms: 60_000, duration_ms: 1000 }]);
  assert.deepEqual([0, 700, 1500, 60_500, 70_000].map((at) => nextMedia(parts, at)), [500, 700, 60_000, 60_500, 70_000]);
});
