// README "The call": chat and readings on two ways, each entry once, in order, never lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectsOf, initialCall, reduceCall } from '../../../static/call/state.js';
import { again, change, direct, DIRECT_AFTER_MS, hear, kept, NOTHING_WRITTEN, pending, refused, write } from '../../../static/call/written.js';
import { NOTHING, take } from '../../../static/media/room_channel.js';

const own = (key = 'k1', type = 'chat', body = { text: 'hello' }) => ({ key, type, body, at: '2026-11-22T10:00:00.000Z', id: `m-${key}`, since: 0, isDirect: false, isTaken: false, refusedAt: null, isFailed: false });
const heard = (key = 'h1', type = 'chat') => ({ key, from: 's_d', role: 'doctor', type, body: { text: 'lie down' }, at: '2026-11-22T10:00:01.000Z' });
const keys = (entries) => entries.map(({ key }) => key);
const open = { seat: 's_p', role: 'patient', isSocketOpen: true };
const away = { ...open, isSocketOpen: false };

describe('the two ways', () => {
  it('leaves a chat message to the socket while that is open', () => assert.deepEqual(direct(write(NOTHING_WRITTEN, own()), true, 100), []));
  it('takes the data channel at once while the socket is away', () => assert.deepEqual(keys(direct(write(NOTHING_WRITTEN, own()), false, 0)), ['k1']));
  it('takes it too when the socket does not answer', () => assert.deepEqual(keys(direct(write(NOTHING_WRITTEN, own()), true, DIRECT_AFTER_MS + 1)), ['k1']));
  it('takes both with a reading', () => assert.deepEqual(keys(direct(write(NOTHING_WRITTEN, own('v1', 'vitals', { values: { spo2: 97 } })), true, 0)), ['v1']));
  it('sends an entry on it once', () => assert.deepEqual(direct(change(write(NOTHING_WRITTEN, own()), 'k1', { isDirect: true }), false, 9_000), []));
  it('keeps a long text for the socket', () => assert.deepEqual(direct(write(NOTHING_WRITTEN, own('k', 'chat', { text: 'x'.repeat(601) })), false, 0), []));
  it('keeps the order of writing', () => assert.deepEqual(keys(direct(write(write(NOTHING_WRITTEN, own('k1')), own('k2')), false, 0)), ['k1', 'k2']));
});

describe('never lost', () => {
  it('gives an entry that was refused for a moment to the socket again', () => {
    const written = refused(write(NOTHING_WRITTEN, own()), 'm-k1', 'try-again', 1_000);
    assert.deepEqual([keys(again(written, true, 2_900)), keys(again(written, true, 3_001))], [[], ['k1']]);
  });
  it('gives an entry without an answer to it again', () => assert.deepEqual(keys(again(write(NOTHING_WRITTEN, own()), true, 10_001)), ['k1']));
  it('waits while the socket is away', () => assert.deepEqual(again(write(NOTHING_WRITTEN, own()), false, 60_000), []));
  it('says so when it may not be sent at all', () => {
    const written = refused(write(NOTHING_WRITTEN, own()), 'm-k1', 'not-allowed', 0);
    assert.deepEqual([again(written, true, 60_000), pending(written, 'chat', [], open)[0].note], [[], 'failed']);
  });
  it('takes a refusal of something else for nothing', () => {
    const written = write(NOTHING_WRITTEN, own());
    assert.equal(refused(written, 'm77', 'try-again', 0), written);
  });
});

describe('each entry once', () => {
  it('forgets what is stored, ours and others', () => {
    const written = hear(write(NOTHING_WRITTEN, own()), heard(), 's_p');
    assert.deepEqual(kept(written, [{ key: 'k1' }, { key: 'h1' }]), { own: [], heard: [] });
  });
  it('takes the echo of our own for the relay\'s word that the others see it', () => {
    const written = change(write(NOTHING_WRITTEN, own()), 'k1', { isDirect: true });
    const echoed = hear(written, { ...heard('k1'), from: 's_p' }, 's_p');
    assert.deepEqual([pending(written, 'chat', [], away)[0].note, pending(echoed, 'chat', [], away)[0].note], ['waiting', 'direct']);
    assert.deepEqual(echoed.heard, []);
  });
  it('takes an old echo of our own for nothing', () => assert.equal(hear(NOTHING_WRITTEN, { ...heard(), from: 's_p' }, 's_p'), NOTHING_WRITTEN));
  it('takes a repetition for nothing', () => {
    const written = hear(NOTHING_WRITTEN, heard(), 's_p');
    assert.equal(hear(written, heard(), 's_p'), written);
  });
  it('shows an entry that is stored already only there', () => assert.deepEqual(pending(hear(NOTHING_WRITTEN, heard(), 's_p'), 'chat', [{ key: 'h1' }], open), []));
  it('shows what is on its way in the order of time, with what becomes of it', () => {
    const written = hear(write(write(NOTHING_WRITTEN, own('k1')), { ...own('k2'), at: '2026-11-22T10:00:02.000Z' }), heard(), 's_p');
    const shown = pending(change(written, 'k1', { isTaken: true }), 'chat', [], away);
    assert.deepEqual(shown.map(({ key, note }) => [key, note]), [['k1', 'direct'], ['h1', 'unsaved'], ['k2', 'waiting']]);
  });
  it('keeps chat and readings apart', () => assert.deepEqual(keys(pending(hear(write(NOTHING_WRITTEN, own()), heard('v1', 'vitals'), 's_p'), 'vitals', [], open)), ['v1']));
});

describe('in the page', () => {
  const envelope = (type, body) => ({ v: 1, type, seq: 1, ack: 0, body });
  const state = (...actions) => actions.reduce((before, action) => reduceCall(before, action, 0), { ...initialCall(), seat: 's_p' });
  const stored = { type: 'message', envelope: envelope('chat', { from: 's_d', role: 'doctor', text: 'lie down', at: '', key: 'h1', number: 4 }) };
  const came = { type: 'written', written: hear(NOTHING_WRITTEN, heard(), 's_p') };
  it('counts a message that came directly as news once', () => assert.equal(state(came, stored).unread, 1));
  it('counts no echo from the relay of what was stored before', () => assert.equal(state(stored, came).unread, 1));
  it('keeps readings in the order of the server, each once', () => {
    const reading = (number) => ({ type: 'message', envelope: envelope('vitals', { from: 's_p', role: 'patient', values: { spo2: 97 }, at: '', key: `v${number}`, number }) });
    assert.deepEqual(state(reading(2), reading(1), reading(2)).readings.map(({ number }) => number), [1, 2]);
  });
  it('has nothing to carry out for a reading', () => assert.deepEqual(effectsOf(initialCall(), initialCall(), envelope('vitals', {})), []));
  it('counts a reading as one of the room and draws nothing for it', () => {
    const shared = take(NOTHING, { type: 'vitals', number: 3, from: 's_p', body: { key: 'v1', values: { spo2: 97 } } });
    assert.deepEqual([shared.number, shared.strokes], [3, []]);
  });
});
