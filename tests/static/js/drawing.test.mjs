// README "Drawing": what the data channel carries is counted, kept until taken, and begun anew where memory was lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inPicture, ring } from '../../../static/call/drawing.js';
import { add, NOTHING, take, unpoint } from '../../../static/media/room_channel.js';

const body = { on: 's_p/camera', color: 1, points: [0, 0, 1, 1] };
const two = () => add(add(take(NOTHING, { type: 'welcome', room: 'k', resumed: false, done: 0 }), 'stroke', body), 'stroke', body);

describe('room channel', () => {
  it('counts what is sent and forgets it when it is taken', () => {
    assert.deepEqual(two().unsent.map(({ seq }) => seq), [1, 2]);
    assert.deepEqual(take(two(), { type: 'done', seq: 1 }).unsent.map(({ seq }) => seq), [2]);
  });
  it('shows each stroke once, in the order of the room', () => {
    const once = take(NOTHING, { type: 'stroke', number: 1, body });
    assert.equal(take(once, { type: 'stroke', number: 1, body }).strokes.length, 1);
    assert.equal(take(once, { type: 'stroke', number: 2, body }).strokes.length, 2);
  });
  it('wipes one picture and leaves the other', () => {
    const both = take(take(NOTHING, { type: 'stroke', number: 1, body }), { type: 'stroke', number: 2, body: { ...body, on: 's_d/screen' } });
    assert.deepEqual(take(both, { type: 'clear', number: 3, body: { on: 's_p/camera' } }).strokes.map(({ on }) => on), ['s_d/screen']);
  });
  it('goes on where the relay is after an interruption', () => {
    const back = take(two(), { type: 'welcome', room: 'k', resumed: true, done: 1 });
    assert.deepEqual([back.unsent.map(({ seq }) => seq), back.next], [[2], 3]);
  });
  it('sends all that was not taken to a relay that remembers nothing', () => {
    const seen = take(two(), { type: 'stroke', number: 1, body });
    const back = take(seen, { type: 'welcome', room: 'new', resumed: false, done: 0 });
    assert.deepEqual([back.unsent.map(({ seq }) => seq), back.number, back.strokes], [[1, 2], 0, []]);
  });
  it('begins anew after a reload with the number that the relay expects', () => {
    assert.equal(take(NOTHING, { type: 'welcome', room: 'k', resumed: false, done: 7 }).next, 8);
  });
  it('drops what its role may not send, and keeps the rest', () => {
    assert.deepEqual(take(two(), { type: 'error', code: 'not-allowed', done: 0 }).unsent.map(({ seq }) => seq), [1]);
    assert.equal(take(two(), { type: 'error', code: 'gap', done: 0 }).unsent.length, 2);
  });
});

describe('pointers', () => {
  const at = (/** @type {string} */ from, /** @type {number} */ x) => ({ type: 'pointer', number: 0, from, body: { on: 's_p/camera', x, y: 0.5 } });
  it('shows only the newest place of each seat', () => {
    const shared = take(take(take(NOTHING, at('s_p', 0.1)), at('s_c', 0.2)), at('s_p', 0.3));
    assert.deepEqual(shared.pointers.map(({ from, x }) => [from, x]), [['s_c', 0.2], ['s_p', 0.3]]);
  });
  it('takes no number of the room', () => {
    assert.equal(take(two(), at('s_p', 0.1)).number, 0);
    assert.equal(take(two(), at('s_p', 0.1)).unsent.length, 2);
  });
  it('fades a place unless a newer one followed', () => {
    const first = take(NOTHING, at('s_p', 0.1));
    const second = take(first, at('s_p', 0.2));
    assert.deepEqual(unpoint(first, first.pointers[0]).pointers, []);
    assert.equal(unpoint(second, first.pointers[0]).pointers.length, 1);
  });
});

describe('drawing', () => {
  it('measures in what is seen of a picture that covers its tile', () => {
    assert.deepEqual(inPicture({ x: 0, y: 50 }, { width: 100, height: 100 }, { width: 200, height: 100 }, true), [0.25, 0.5]);
  });
  it('measures in the picture, not in the bars beside it', () => {
    assert.deepEqual(inPicture({ x: 150, y: 50 }, { width: 300, height: 100 }, { width: 100, height: 100 }), [0.5, 0.5]);
    assert.deepEqual(inPicture({ x: 10, y: 100 }, { width: 300, height: 100 }, { width: 100, height: 100 }), [0, 1]);
  });
  it('keeps a ring at the edge inside the picture', () => {
    assert.ok(ring([0, 1]).every((share) => share >= 0 && share <= 1));
  });
});
