// README "The call": the socket's bookkeeping.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backoff } from '../../../static/signalling/backoff.js';
import { emptyJournal, incoming, MAX_UNACKED, outgoing, replay } from '../../../static/signalling/journal.js';

/** @param {number} count */
function sent(count) {
  let journal = emptyJournal();
  for (let i = 0; i < count; i += 1) journal = outgoing(journal, 'chat', { text: String(i) }).journal;
  return journal;
}

describe('journal', () => {
  it('counts journalled messages from one', () => {
    assert.deepEqual(sent(3).unacked.map((message) => message.seq), [1, 2, 3]);
  });
  it('gives pings no number', () => {
    assert.equal(outgoing(emptyJournal(), 'ping', {}).envelope.seq, 0);
  });
  it('does not keep pings', () => {
    assert.deepEqual(outgoing(emptyJournal(), 'ping', {}).journal.unacked, []);
  });
  it('forgets what the server has acknowledged', () => {
    const { journal } = incoming(sent(3), { v: 1, type: 'pong', seq: 0, ack: 2, body: {} });
    assert.deepEqual(journal.unacked.map((message) => message.seq), [3]);
  });
  it('recognises a repeated message', () => {
    const message = { v: 1, type: 'state', seq: 1, ack: 0, body: {} };
    const { journal } = incoming(emptyJournal(), message);
    assert.equal(incoming(journal, message).fresh, false);
  });
  it('replays with what was received meanwhile', () => {
    const { journal } = incoming(sent(1), { v: 1, type: 'state', seq: 7, ack: 0, body: {} });
    assert.deepEqual(replay(journal).map(({ seq, ack }) => ({ seq, ack })), [{ seq: 1, ack: 7 }]);
  });
  it('says when too much is unacknowledged', () => {
    assert.equal(outgoing(sent(MAX_UNACKED), 'chat', {}).overflow, true);
  });
});

describe('back-off', () => {
  // attempt, random, milliseconds
  for (const [attempt, random, wanted] of [[0, 0, 125], [0, 1, 250], [3, 0, 1000], [99, 1, 5000]]) {
    it(`waits ${wanted} ms at attempt ${attempt} with ${random}`, () => assert.equal(backoff(attempt, random), wanted));
  }
});
