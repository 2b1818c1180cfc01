// README "The call": the page notices by itself that its network has changed, and restarts ICE; flapping is bounded.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CALM_MS, DEBOUNCE_MS, decideNetwork, flowOf, isOtherNetwork, newFlow, newNetwork, POLL_MS, readPair, restarted, signalled, STALL_MS, SUSPECT_MS,
} from '../../../static/media/network.js';

const STEADY = { up: false, down: false };

/** A link on which so many bytes came at each look until `until`, while we went on sending. */
function flowing(until, now) {
  let flow = newFlow(0);
  for (let at = until % POLL_MS, bytes = 100; at <= now; at += POLL_MS) {
    if (at <= until) bytes += 100;
    flow = flowOf(flow, { received: bytes, sent: at }, at);
  }
  return flow;
}
const silentSince = (until, now) => ({ up: flowing(until, now), down: flowing(until, now) });

describe('silence', () => {
  it('is no reason while packets come', () => {
    const { restart, doubt } = decideNetwork(newNetwork(), silentSince(4_000, 4_000), STEADY, 4_000);
    assert.deepEqual([restart, doubt], [[], false]);
  });
  it('first makes the page ask the socket, once', () => {
    const now = 4_000 + SUSPECT_MS;
    const first = decideNetwork(newNetwork(), silentSince(4_000, now), STEADY, now);
    const second = decideNetwork(first.watch, silentSince(4_000, now), STEADY, now + 100);
    assert.deepEqual([first.restart, first.doubt, second.doubt], [[], true, false]);
  });
  it('of both links restarts both', () => {
    const now = 4_000 + STALL_MS;
    assert.deepEqual(decideNetwork(newNetwork(), silentSince(4_000, now), STEADY, now).restart, ['up', 'down']);
  });
  it('of the up link alone restarts it alone', () => {
    const flows = { up: flowing(4_000, 4_400), down: flowing(4_400, 4_400) };
    assert.deepEqual(decideNetwork(newNetwork(), flows, STEADY, 4_400).restart, ['up']);
  });
  it('of the down link alone is the others\' affair', () => {
    const flows = { up: flowing(9_000, 9_000), down: flowing(4_000, 9_000) };
    assert.deepEqual(decideNetwork(newNetwork(), flows, STEADY, 9_000).restart, []);
  });
  it('of the down link counts when ICE is in doubt too', () => {
    const flows = { up: flowing(9_000, 9_000), down: flowing(4_000, 9_000) };
    assert.deepEqual(decideNetwork(newNetwork(), flows, { up: false, down: true }, 9_000).restart, ['down']);
  });
  it('says nothing while we send nothing', () => {
    const up = { ...flowing(4_000, 9_000), sentThen: 9_000, sent: 9_000 };
    assert.deepEqual(decideNetwork(newNetwork(), { up, down: up }, STEADY, 9_000).restart, []);
  });
  it('of a link that never flowed is none', () => {
    const flows = { up: newFlow(0), down: newFlow(0) };
    assert.deepEqual(decideNetwork(newNetwork(), flows, STEADY, 60_000).restart, []);
  });
});

describe('a reported change', () => {
  it('waits for quiet', () => {
    const flows = silentSince(4_000, 4_000);
    const watch = signalled(signalled(newNetwork(), 4_000), 4_200);
    assert.deepEqual(decideNetwork(watch, flows, STEADY, 4_200 + DEBOUNCE_MS - 1).restart, []);
    assert.deepEqual(decideNetwork(watch, silentSince(4_400, 4_400), STEADY, 4_200 + DEBOUNCE_MS).restart, ['up', 'down']);
  });
  it('does not wait for ever', () => {
    const watch = signalled(signalled(newNetwork(), 4_000), 4_490);
    assert.deepEqual(decideNetwork(watch, silentSince(4_400, 4_500), STEADY, 4_500).restart, ['up', 'down']);
  });
  it('is acted on once', () => {
    const { watch } = decideNetwork(signalled(newNetwork(), 4_000), silentSince(4_200, 4_300), STEADY, 4_300);
    assert.deepEqual(decideNetwork(watch, silentSince(6_000, 6_000), STEADY, 6_000).restart, []);
  });
});

describe('a line that flaps', () => {
  it('is restarted ever more rarely, and not once its calm is back', () => {
    let watch = newNetwork();
    const times = [];
    for (let now = 10_000; now < 30_000; now += 100) {
      const { restart, watch: next } = decideNetwork(signalled(watch, now - DEBOUNCE_MS), silentSince(now, now), STEADY, now);
      watch = next;
      if (restart.length) times.push(now);
    }
    assert.deepEqual(times.map((at) => at - times[0]), [0, 1_000, 3_000, 7_000, 15_000]);
    const calm = 30_000 + CALM_MS;
    assert.deepEqual(decideNetwork(signalled(watch, calm), silentSince(calm, calm), STEADY, calm + DEBOUNCE_MS).watch.restarts.length, 1);
  });
  it('is not counted as silent again before something came', () => {
    const flow = restarted(flowing(4_000, 4_400), 4_400);
    assert.equal(flow.flows, false);
  });
});

describe('figures of the connection', () => {
  for (const [before, after, other] of [['wifi', 'cellular', true], ['wifi', 'wifi', false], [undefined, undefined, false], [undefined, 'wifi', false]]) {
    it(`${before} to ${after}: ${other ? 'another network' : 'the same'}`, () => assert.equal(isOtherNetwork(before, after), other));
  }
  it('are those of the selected pair', () => {
    const report = [
      { id: 'T', type: 'transport', selectedCandidatePairId: 'P', bytesReceived: 7, bytesSent: 9 },
      { id: 'P', type: 'candidate-pair', localCandidateId: 'L', nominated: true },
      { id: 'L', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls', networkType: 'wifi', address: '192.0.2.1' },
    ];
    assert.deepEqual(readPair(report), { bytes: { received: 7, sent: 9 }, route: { candidate: 'relay', protocol: 'tls', network: 'wifi' } });
  });
  it('are nothing before a pair is there', () => {
    assert.deepEqual(readPair([{ id: 'T', type: 'transport' }]), { bytes: { received: 0, sent: 0 }, route: null });
  });
});
