// README "The call": messages in, state and effects out.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Effect, effectsOf, initialCall, others, pictureTrouble, reduceCall, Rung, rung, whyPaused } from '../../../static/call/state.js';
import { LinkHealth } from '../../../static/media/recovery.js';
import { Connection } from '../../../static/signalling/socket.js';

const envelope = (type, body = {}) => ({ v: 1, type, seq: 0, ack: 0, body });
const welcome = (changes = {}) => envelope('welcome', {
  seat: 's_1', role: 'patient', resume_key: 'k', resumed: false, visit: { id: 'v', state: 'waiting' }, seats: [], links: {}, chat: [], admitted: false, ...changes,
});
const after = (...messages) => messages.reduce((state, message) => reduceCall(state, { type: 'message', envelope: message }, 0), initialCall());
const effects = (before, message) => effectsOf(before, reduceCall(before, { type: 'message', envelope: message }, 0), message);
const inCall = () => {
  let state = after(welcome({ visit: { id: 'v', state: 'in_consult' }, admitted: true }));
  state = reduceCall(state, { type: 'connection', connection: Connection.OPEN }, 0);
  for (const link of ['up', 'down']) state = reduceCall(state, { type: 'link', link, health: LinkHealth.CONNECTED }, 0);
  return state;
};

describe('admission', () => {
  it('starts media when the patient is let in', () => {
    assert.deepEqual(effects(after(welcome()), envelope('state', { state: 'in_consult', at: '', admitted: true })), [Effect.START_MEDIA]);
  });
  it('starts nothing before', () => {
    assert.deepEqual(effects(after(welcome()), envelope('state', { state: 'called', at: '', admitted: false })), []);
  });
  it('starts media once', () => {
    assert.deepEqual(effects(inCall(), envelope('state', { state: 'held', at: '', admitted: true })), []);
  });
  it('starts the doctor’s media at the latest when the call begins', () => {
    const doctor = after(welcome({ role: 'doctor', visit: { id: 'v', state: 'called' }, admitted: true }));
    assert.deepEqual(effects(doctor, envelope('state', { state: 'in_consult', at: '', admitted: true })), [Effect.START_MEDIA]);
  });
  it('stops media when the call is over', () => {
    assert.deepEqual(effects(inCall(), envelope('state', { state: 'wrap_up', at: '', admitted: false })), [Effect.STOP_MEDIA]);
  });
  it('closes the devices when the doctor lets go before the call', () => {
    const rung_ = after(welcome({ visit: { id: 'v', state: 'called' } }), envelope('ringing'));
    assert.deepEqual(effects(rung_, envelope('state', { state: 'waiting', at: '', admitted: false })), [Effect.STOP_MEDIA]);
  });
});

describe('ringing', () => {
  it('is answered by the patient’s page itself', () => {
    assert.deepEqual(effects(after(welcome()), envelope('ringing')), [Effect.ACCEPT]);
  });
  it('is not answered by a companion’s', () => {
    assert.deepEqual(effects(after(welcome({ role: 'caregiver' })), envelope('ringing')), []);
  });
  it('ends when the visit waits again', () => {
    const state = after(welcome(), envelope('state', { state: 'called', admitted: false }), envelope('ringing'), envelope('state', { state: 'waiting', admitted: false }));
    assert.equal(state.ringing, false);
  });
});

describe('coming back', () => {
  it('leaves links alone that the server still has', () => {
    const message = welcome({ resumed: true, visit: { id: 'v', state: 'in_consult' }, admitted: true, links: { up: 'connected', down: 'connected' } });
    assert.deepEqual(effects(inCall(), message), []);
  });
  it('sets up anew what the server lost', () => {
    const message = welcome({ visit: { id: 'v', state: 'in_consult' }, admitted: true, links: { up: 'connected' } });
    assert.deepEqual(effects(inCall(), message), [Effect.REBUILD_DOWN]);
  });
  it('sets up both links after a lost relay', () => {
    assert.deepEqual(effects(inCall(), envelope('relay-lost')), [Effect.REBUILD_UP, Effect.REBUILD_DOWN]);
  });
  it('tries a refused link again soon', () => {
    assert.deepEqual(effects(inCall(), envelope('error', { code: 'relay-refused', detail: '' })), [Effect.HURRY]);
  });
});

describe('drop ladder', () => {
  const lost = reduceCall(inCall(), { type: 'link', link: 'down', health: LinkHealth.SHAKY }, 1_000);
  // seconds since the loss, rung
  for (const [seconds, wanted] of [[0, Rung.RECONNECTING], [4.9, Rung.RECONNECTING], [5, Rung.RETRYING], [20, Rung.AUDIO], [60, Rung.PHONE], [300, Rung.DOCTOR]]) {
    it(`is at ${wanted} after ${seconds} s`, () => assert.equal(rung(lost, 1_000 + seconds * 1_000), wanted));
  }
  it('ends when the line is back', () => {
    assert.equal(rung(reduceCall(lost, { type: 'link', link: 'down', health: LinkHealth.CONNECTED }, 9_000), 9_000), Rung.NONE);
  });
  it('counts a lost socket too', () => {
    assert.equal(rung(reduceCall(inCall(), { type: 'connection', connection: Connection.RECONNECTING }, 0), 0), Rung.RECONNECTING);
  });
  it('does not run in the waiting room', () => {
    assert.equal(rung(reduceCall(after(welcome()), { type: 'connection', connection: Connection.RECONNECTING }, 0), 0), Rung.NONE);
  });
});

describe('chat', () => {
  const line = (number, from = 's_2') => envelope('chat', { from, role: 'doctor', text: 'x', at: '', key: `k${number}`, number });
  it('shows a repeated message once', () => assert.equal(after(welcome(), line(1), line(1)).chat.length, 1));
  it('keeps the order of the server', () => assert.deepEqual(after(welcome(), line(2), line(1)).chat.map((entry) => entry.number), [1, 2]));
  it('counts what others wrote as unread', () => assert.equal(after(welcome(), line(1), line(2, 's_1')).unread, 1));
});

describe('people', () => {
  it('are everyone but ourselves, any number', () => {
    const seats = ['s_1', 's_2', 's_3', 's_4'].map((seat) => ({ seat, role: 'expert', display: seat, presence: 'present', muted: [], sources: [] }));
    assert.deepEqual(others(after(welcome({ seats }))).map((seat) => seat.seat), ['s_2', 's_3', 's_4']);
  });
});

describe('pictures on a thin line', () => {
  const picture = { seat: 's_2', source: 'camera' };
  const watching = (...messages) => reduceCall(after(welcome(), ...messages), { type: 'tracks', tracks: [{ mid: '1', kind: 'video', ...picture }] }, 0);
  it('is warned of before it is paused, and the warning is taken back', () => {
    assert.equal(pictureTrouble(watching(envelope('layer-soon', { rung: 'audio_only', ...picture }))), 'soon');
    assert.equal(pictureTrouble(watching(envelope('layer-soon', { rung: 'audio_only', ...picture }), envelope('layer-soon', { rung: null, ...picture }))), '');
  });
  it('a smaller picture is no news', () => {
    assert.equal(pictureTrouble(watching(envelope('layer-soon', { rung: 'low', ...picture }), envelope('layer', { rung: 'low', cause: 'line', ...picture }))), '');
  });
  it('is paused by the line until it comes back', () => {
    const paused = watching(envelope('layer', { rung: 'audio_only', cause: 'line', ...picture }));
    assert.equal(pictureTrouble(paused), 'paused');
    assert.equal(whyPaused(paused, 's_2/camera'), 'line');
    assert.equal(pictureTrouble(watching(envelope('layer', { rung: 'audio_only', cause: 'line', ...picture }), envelope('layer', { rung: 'low', cause: 'line', ...picture }))), '');
  });
  it('what the person hid or chose is no trouble', () => {
    assert.equal(pictureTrouble(watching(envelope('layer', { rung: 'audio_only', cause: 'wish', ...picture }))), '');
    const chosen = reduceCall(watching(envelope('layer', { rung: 'audio_only', cause: 'line', ...picture })), { type: 'audio-only', on: true }, 0);
    assert.equal(pictureTrouble(chosen), '');
  });
  it('one face too many shows its name alone, without a word about the line', () => {
    const many = watching(envelope('layer', { rung: 'audio_only', cause: 'last_n', ...picture }));
    assert.deepEqual([whyPaused(many, 's_2/camera'), pictureTrouble(many)], ['last_n', '']);
  });
  it('somebody who left is no trouble', () => {
    assert.equal(pictureTrouble(after(welcome(), envelope('layer', { rung: 'audio_only', cause: 'line', ...picture }))), '');
  });
  it('the relay’s demand is followed', () => {
    assert.deepEqual(effects(inCall(), envelope('demand', { source: 'camera', rids: ['l'], max_bps: 0 })), [Effect.FOLLOW_DEMAND]);
  });
});
