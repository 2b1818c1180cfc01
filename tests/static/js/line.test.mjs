// static/README.md "The line test": from figures to a plain verdict, and from there to how the call begins.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Beginning, firstCeiling, judge, LineVerdict, lookOf, measured, prefersSound, underCeiling, verdictOfWay } from '../../../static/media/line_verdict.js';
import { firstWay, only, policyOf, Way } from '../../../static/media/paths.js';

const line = (more = {}) => ({
  way: Way.UDP, isOpen: true, up_bps: 900_000, down_bps: 900_000, rtt_ms: 40, jitter_ms: 5, up_loss_percent: 0, down_loss_percent: 0, ...more,
});
const closed = (way) => line({ way, isOpen: false, up_bps: 0, down_bps: 0 });

describe('verdict of a way', () => {
  for (const [name, more, verdict] of [
    ['a good line', {}, LineVerdict.VIDEO],
    ['a slow way up', { up_bps: 400_000 }, LineVerdict.SMALL_VIDEO],
    ['a slow way down', { down_bps: 400_000 }, LineVerdict.SMALL_VIDEO],
    ['losses that repair keeps up with', { up_loss_percent: 4 }, LineVerdict.SMALL_VIDEO],
    ['one bar of signal', { up_bps: 80_000 }, LineVerdict.SOUND],
    ['heavy losses', { down_loss_percent: 9 }, LineVerdict.SOUND],
    ['a satellite', { rtt_ms: 650 }, LineVerdict.SOUND],
    ['too thin for speech', { up_bps: 30_000 }, LineVerdict.WEAK],
    ['losses that break speech', { up_loss_percent: 20 }, LineVerdict.WEAK],
    ['a way that is shut', { isOpen: false }, LineVerdict.NONE],
  ]) it(`${name}: ${verdict}`, () => assert.equal(verdictOfWay(line(more)), verdict));
});

describe('the whole test', () => {
  it('prefers UDP among equals', () => {
    assert.deepEqual(judge([line(), line({ way: Way.TCP })]).ways, [Way.UDP, Way.TCP]);
  });
  it('takes TCP where UDP is throttled', () => {
    const found = judge([line({ up_bps: 60_000 }), line({ way: Way.TCP })]);
    assert.deepEqual([found.verdict, found.ways], [LineVerdict.VIDEO, [Way.TCP, Way.UDP]]);
  });
  it('takes the detour where nothing else is open', () => {
    assert.deepEqual(judge([closed(Way.UDP), closed(Way.TCP), line({ way: Way.TURN })]).ways, [Way.TURN]);
  });
  it('says so when nothing is open', () => {
    assert.deepEqual(judge([closed(Way.UDP), closed(Way.TCP)]), { verdict: LineVerdict.NONE, ways: [] });
  });
  it('that did not begin says nothing about the line', () => {
    assert.equal(judge([]).verdict, LineVerdict.UNTESTED);
  });
});

describe('figures', () => {
  const look = (more) => ({ at: 0, bytesUp: 0, bytesDown: 0, sent: 0, lostUp: 0, received: 0, missing: 0, rtt_ms: 0, jitter_ms: 0, ...more });
  it('tell losses up from losses down', () => {
    const after = look({ at: 2_000, bytesUp: 100_000, bytesDown: 80_000, sent: 100, lostUp: 4, received: 90, missing: 10, rtt_ms: 70, jitter_ms: 9 });
    assert.deepEqual(measured(Way.UDP, look({}), after), line({
      up_bps: 384_000, down_bps: 320_000, rtt_ms: 70, jitter_ms: 9, up_loss_percent: 4, down_loss_percent: 6,
    }));
  });
  it('are counted on sound, since lost pictures are sent again', () => {
    const up = [{ type: 'outbound-rtp', kind: 'video', bytesSent: 900 }, { type: 'outbound-rtp', kind: 'audio', bytesSent: 100, packetsSent: 10 },
      { type: 'remote-inbound-rtp', kind: 'video', packetsLost: 7 }, { type: 'remote-inbound-rtp', kind: 'audio', packetsLost: 1 },
      { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.05 }];
    const down = [{ type: 'inbound-rtp', kind: 'audio', bytesReceived: 90, packetsReceived: 9, packetsLost: 1, jitter: 0.004 },
      { type: 'inbound-rtp', kind: 'video', bytesReceived: 800, packetsReceived: 3, packetsLost: 5, jitter: 0.1 }];
    assert.deepEqual(lookOf(up, down, 5), { at: 5, bytesUp: 1000, bytesDown: 890, sent: 10, lostUp: 1, received: 9, missing: 1, rtt_ms: 50, jitter_ms: 4 });
  });
});

describe('how the call begins', () => {
  const LAYERS = [{ rid: 'l', maxBitrate: 200_000 }, { rid: 'h', maxBitrate: 1_200_000 }];
  it('with everything on a good line', () => {
    assert.equal(firstCeiling(judge([line()])), null);
    assert.deepEqual(underCeiling(LAYERS, null).map(({ active }) => active), [true, true]);
  });
  it('with three quarters of what was measured', () => {
    assert.equal(firstCeiling(judge([line({ up_bps: 400_000 })])), 300_000);
  });
  it('with no full picture on a line that cannot carry one', () => {
    const layers = underCeiling(LAYERS, 90_000);
    assert.deepEqual(layers.map(({ active, maxBitrate }) => [active, maxBitrate]), [[true, 90_000], [false, 1_200_000]]);
  });
  it('with both layers within the ceiling', () => {
    const layers = underCeiling(LAYERS, 800_000);
    assert.deepEqual(layers.map(({ active, maxBitrate }) => [active, maxBitrate]), [[true, 200_000], [true, 600_000]]);
  });
  it('without waiting for UDP where only TCP or TURN is open', () => {
    assert.deepEqual([[], ['udp', 'tcp'], ['tcp', 'turn'], ['turn']].map(firstWay), [null, null, 'tcp', 'turn']);
  });
  it('lifts the ceiling once the call itself was good for ten seconds', () => {
    const begin = new Beginning(judge([line({ up_bps: 400_000 })]));
    const looks = [true, true, true, true, false, true, true, true, true, true, true].map((isGood) => begin.lifts(isGood));
    assert.deepEqual(looks.indexOf(true), 9);
    assert.equal(looks.filter(Boolean).length, 1);
  });
  it('advises sound only where a picture would take it away', () => {
    assert.deepEqual(Object.values(LineVerdict).filter((verdict) => prefersSound({ verdict, ways: [] })), ['sound', 'weak']);
  });
});

describe('one way only', () => {
  const SDP = ['v=0', 'a=candidate:1 1 udp 2130706431 192.0.2.1 8081 typ host', 'a=candidate:2 1 tcp 1671430143 192.0.2.1 8081 typ host tcptype passive', 'a=end-of-candidates', ''].join('\r\n');
  const kinds = (way) => [...only(SDP, way).matchAll(/candidate:\d 1 (\w+)/g)].map(([, kind]) => kind);
  it('keeps its candidates', () => {
    assert.deepEqual([kinds(Way.UDP), kinds(Way.TCP), kinds(Way.TURN), kinds(null)], [['udp'], ['tcp'], ['udp'], ['udp', 'tcp']]);
  });
  it('lets nothing but the TURN server be used for TURN', () => {
    assert.deepEqual([Way.UDP, Way.TCP, Way.TURN, null].map(policyOf), ['all', 'all', 'relay', 'all']);
  });
});
