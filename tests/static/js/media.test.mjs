// README "The call": when a link is restarted, when it is rebuilt, what a line is worth, what is wrong with a device.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adviceFor, Browser, browserOf, DeviceProblem, problemOf } from '../../../static/media/devices.js';
import { levelOf } from '../../../static/media/meter.js';
import { between, sampleOf, Verdict, verdictOf } from '../../../static/media/quality.js';
import { admit, applyDemand } from '../../../static/media/links.js';
import { Action, decide, healthOf, LinkHealth, newWatch, observe } from '../../../static/media/recovery.js';

const connected = () => observe(newWatch(0), LinkHealth.CONNECTED, 0);

describe('offers after a rebuild', () => {
  it('lets an offer pass that nobody asked for while no question is open', () => {
    assert.deepEqual(admit('', undefined), { asked: '', isOurs: true });
  });
  it('leaves out what was under way when a new connection was asked for', () => {
    assert.deepEqual(admit('m5', undefined), { asked: 'm5', isOurs: false });
  });
  it('leaves out the answer to an earlier question', () => {
    assert.deepEqual(admit('m6', 'm5'), { asked: 'm6', isOurs: false });
  });
  it('takes its own answer, and what follows it', () => {
    const { asked, isOurs } = admit('m6', 'm6');
    assert.equal(isOurs, true);
    assert.equal(admit(asked, undefined).isOurs, true);
  });
});

describe('recovery', () => {
  it('leaves a connected link alone', () => {
    assert.equal(decide(connected(), 60_000).action, Action.NONE);
  });
  it('restarts a connected link when the network changes', () => {
    assert.equal(decide(connected(), 60_000, true).action, Action.RESTART);
  });
  it('gives a disconnected link two seconds', () => {
    const shaky = observe(connected(), LinkHealth.SHAKY, 1_000);
    assert.deepEqual([decide(shaky, 2_900).action, decide(shaky, 3_000).action], [Action.NONE, Action.RESTART]);
  });
  it('restarts a failed link at once', () => {
    assert.equal(decide(observe(connected(), LinkHealth.LOST, 1_000), 1_000).action, Action.RESTART);
  });
  it('rebuilds when a restart does not help', () => {
    const { watch } = decide(observe(connected(), LinkHealth.SHAKY, 0), 2_000);
    assert.equal(decide(watch, 8_000).action, Action.REBUILD);
  });
  it('rebuilds a link that never connects', () => {
    const checking = observe(newWatch(0), LinkHealth.CHECKING, 100);
    assert.deepEqual([decide(checking, 6_000).action, decide(checking, 6_100).action], [Action.NONE, Action.REBUILD]);
  });
  it('forgets the tries once connected', () => {
    const tried = decide(observe(connected(), LinkHealth.LOST, 0), 0).watch;
    assert.equal(observe(tried, LinkHealth.CONNECTED, 500).restarts, 0);
  });
  it('lets a failed rebuild wait longer each time', () => {
    const lost = { health: LinkHealth.LOST, since: 0, restarts: 3, actedAt: 0 };
    assert.deepEqual([decide(lost, 7_999).action, decide(lost, 8_000).action], [Action.NONE, Action.REBUILD]);
  });
  for (const [state, health] of [['new', 'new'], ['connecting', 'checking'], ['connected', 'connected'], ['disconnected', 'shaky'], ['failed', 'lost'], ['closed', 'lost']]) {
    it(`calls ${state} ${health}`, () => assert.equal(healthOf(state), health));
  }
});

describe('devices', () => {
  const agents = [
    ['Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36 MicroMessenger/8.0', Browser.WECHAT],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1', Browser.SAFARI_IOS],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', Browser.FIREFOX],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0', Browser.EDGE],
    ['Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36', Browser.CHROME_ANDROID],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36', Browser.CHROME],
    ['Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15', Browser.SAFARI],
    ['Lynx/2.9', Browser.OTHER],
  ];
  for (const [agent, browser] of agents) it(`knows ${browser}`, () => assert.equal(browserOf(agent), browser));
  const errors = [
    [{ name: 'NotAllowedError', message: 'Permission denied' }, DeviceProblem.DENIED],
    [{ name: 'NotAllowedError', message: 'Permission denied by system' }, DeviceProblem.SYSTEM_DENIED],
    [{ name: 'NotFoundError' }, DeviceProblem.NONE], [{ name: 'NotReadableError' }, DeviceProblem.BUSY],
    [{ name: 'TypeError' }, DeviceProblem.UNSUPPORTED], [{ name: 'Odd' }, DeviceProblem.UNKNOWN],
  ];
  for (const [error, problem] of errors) it(`calls ${error.name} ${problem}`, () => assert.equal(problemOf(error), problem));
  it('names the fix of this browser', () => {
    assert.deepEqual(adviceFor(DeviceProblem.DENIED, Browser.FIREFOX), ['device.denied', 'device.fix.firefox']);
  });
});

describe('level meter', () => {
  it('is zero in silence', () => assert.equal(levelOf(new Float32Array(512)), 0));
  it('is full for a loud voice', () => assert.equal(levelOf(new Float32Array(512).fill(0.5)), 1));
  it('shows quiet speech', () => {
    const level = levelOf(new Float32Array(512).fill(0.02));
    assert.ok(level > 0.4 && level < 0.7, String(level));
  });
});

describe('quality', () => {
  const report = [
    { type: 'inbound-rtp', kind: 'audio', packetsReceived: 90, packetsLost: 10, bytesReceived: 9_000, jitter: 0.02 },
    { type: 'inbound-rtp', kind: 'video', packetsReceived: 10, packetsLost: -1, bytesReceived: 1_000 },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.08 }, { type: 'codec' },
  ];
  it('adds up the streams', () => {
    assert.deepEqual(sampleOf(report, 5), { at: 5, received: 100, lost: 10, bytes: 10_000, rtt_ms: 80, jitter_ms: 20 });
  });
  it('says what happened in between', () => {
    const before = { at: 0, received: 0, lost: 0, bytes: 0, rtt_ms: 0, jitter_ms: 0 };
    const after = { at: 2_000, received: 98, lost: 2, bytes: 50_000, rtt_ms: 40, jitter_ms: 3 };
    assert.deepEqual(between(before, after), { loss_percent: 2, rate_bps: 200_000, rtt_ms: 40, jitter_ms: 3 });
  });
  // loss %, round trip ms, bit/s, verdict
  const lines = [[0, 40, 1, Verdict.GOOD], [2.1, 40, 1, Verdict.FAIR], [0, 301, 1, Verdict.FAIR], [8.1, 40, 1, Verdict.POOR], [0, 601, 1, Verdict.POOR], [0, 0, 0, Verdict.UNKNOWN]];
  for (const [loss, rtt, rate, verdict] of lines) {
    it(`calls ${loss} % and ${rtt} ms ${verdict}`, () => assert.equal(verdictOf({ loss_percent: loss, rtt_ms: rtt, rate_bps: rate }), verdict));
  }
});

describe('demand', () => {
  const demand = (source, rids, max_bps = 0) => ({ source, rids, max_bps });
  const followed = (encodings, wanted) => { applyDemand(encodings, wanted); return encodings; };
  it('stops the layers that nobody watches and wakes them again', () => {
    const layers = [{ rid: 'l', maxBitrate: 200 }, { rid: 'h', maxBitrate: 1200 }];
    assert.deepEqual(followed(layers, demand('camera', ['l'])), [{ rid: 'l', maxBitrate: 200, active: true }, { rid: 'h', maxBitrate: 1200, active: false }]);
    assert.deepEqual(followed(layers, demand('camera', ['l', 'h'])).map((one) => one.active), [true, true]);
    assert.deepEqual(followed(layers, demand('camera', [])).map((one) => one.active), [false, false]);
  });
  it('a layer that the line does not allow stays off', () => {
    const layers = [{ rid: 'l' }, { rid: 'h' }];
    applyDemand(layers, demand('camera', ['l', 'h']), [{ rid: 'l', active: true }, { rid: 'h', active: false }]);
    assert.deepEqual(layers.map((one) => one.active), [true, false]);
  });
  it('a source without layers is one layer without a name', () => {
    assert.deepEqual(followed([{}], demand('screen', [''])), [{ active: true }]);
    assert.deepEqual(followed([{ maxBitrate: 9 }], demand('screen', [])), [{ active: false, maxBitrate: 9 }]);
  });
  it('a voice keeps to its ceiling and is free of it later', () => {
    const voice = [{}];
    assert.deepEqual(followed(voice, demand('microphone', [''], 10_000)), [{ active: true, maxBitrate: 10_000 }]);
    assert.deepEqual(followed(voice, demand('microphone', [''])), [{ active: true }]);
  });
});
