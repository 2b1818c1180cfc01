// README: the console's reducers, quotes and keys.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { emptyNote, missingToSign, openNote, reduceNote } from '../../../static/doctor/note_state.js';
import { segments } from '../../../static/doctor/quotes.js';
import { commandFor, SHORTCUTS } from '../../../static/doctor/shortcuts.js';
import { hoursAndMinutes, initialConsole, isLate, newEmergencies, nextWaiting, ownFirst, possible, reduceConsole, storedMark, takenBy, urgencyOf, waitedNow } from '../../../static/doctor/state.js';

const opened = (state, mine = true, note = {}) => ({ visit: { id: 'v', state, mine }, note: { version: 0, body: null, signed: false, ...note } });

describe('what may be done', () => {
  const rows = [
    ['waiting', false, ['claim']], ['away', false, ['claim']], ['called', false, []], ['called', true, ['escalate', 'invite', 'release', 'ring', 'write']],
    ['in_consult', true, ['end', 'escalate', 'hold', 'invite', 'write']], ['held', true, ['end', 'escalate', 'invite', 'resume', 'write']],
    ['dropped', true, ['end', 'escalate', 'invite', 'release', 'write']], ['wrap_up', true, ['sign', 'write']], ['completed', true, []],
  ];
  for (const [state, mine, wanted] of rows) {
    it(`in ${state}${mine ? ' (mine)' : ''} is ${wanted.join(', ') || 'nothing'}`, () => assert.deepEqual([...possible(opened(state, mine))].sort(), wanted));
  }
});

describe('console', () => {
  it('ignores a case that is not open any more', () => {
    const state = reduceConsole({ ...initialConsole(), openId: 'other' }, { type: 'case', opened: opened('waiting') });
    assert.equal(state.opened, null);
  });
  it('forgets everything but the open visit at sign-out', () => {
    const state = reduceConsole({ ...initialConsole(), openId: 'v', rows: [/** @type {any} */ ({})] }, { type: 'account', account: null });
    assert.deepEqual([state.openId, state.rows], ['v', []]);
  });
  it('writes waits in hours and minutes', () => assert.deepEqual(hoursAndMinutes(3_900), { hours: 1, minutes: 5 }));
  for (const [waited, promised, late] of [[1_801, null, true], [1_800, null, false], [700, [5, 11], true], [600, [5, 11], false]]) {
    it(`${late ? 'marks' : 'does not mark'} ${waited} s with promise ${promised}`, () => assert.equal(isLate({ waited_s: waited, promised_min: promised }), late));
  }
});

describe('queue', () => {
  it('has one’s own visits on top and the server’s order else', () => {
    const rows = [['a', false], ['b', true], ['c', false]].map(([visit_id, mine]) => /** @type {any} */ ({ visit_id, mine }));
    assert.deepEqual(ownFirst(rows).map((row) => row.visit_id), ['b', 'a', 'c']);
  });
});

describe('alarm', () => {
  const row = (visit_id, level, mine = false) => /** @type {any} */ ({ visit_id, level, mine });
  it('sounds for a new emergency', () => assert.deepEqual(newEmergencies([], [row('a', 'emergency')]).map((one) => one.visit_id), ['a']));
  it('sounds when a known patient becomes one', () => assert.equal(newEmergencies([row('a', 'urgent')], [row('a', 'emergency')]).length, 1));
  it('does not sound twice', () => assert.deepEqual(newEmergencies([row('a', 'emergency')], [row('a', 'emergency')]), []));
  it('does not sound for one’s own patient', () => assert.deepEqual(newEmergencies([], [row('a', 'emergency', true)]), []));
});

describe('quotes', () => {
  const text = 'Pain in my chest. Chest!';
  it('are found without regard to case', () => {
    assert.deepEqual(segments(text, [{ rule: 'a', quote: 'chest' }]).filter((part) => part.rules.length).map((part) => part.text), ['chest', 'Chest']);
  });
  it('leave the text as it was', () => {
    const quotes = [{ rule: 'a', quote: 'Pain in my' }, { rule: 'b', quote: 'my chest' }];
    assert.equal(segments(text, quotes).map((part) => part.text).join(''), text);
  });
  it('may overlap', () => {
    const quotes = [{ rule: 'a', quote: 'Pain in my' }, { rule: 'b', quote: 'my chest' }];
    assert.deepEqual(segments(text, quotes).find((part) => part.text === 'my')?.rules, ['a', 'b']);
  });
  it('are found in Chinese', () => assert.deepEqual(segments('昨天胸口疼', [{ rule: 'a', quote: '胸口疼' }])[1], { text: '胸口疼', rules: ['a'] }));
});

describe('note', () => {
  const typed = (value) => reduceNote(openNote({ version: 2, body: null }, {}), { type: 'typed', field: 'plan', value });
  it('is proposed from the complaint while nothing is stored', () => assert.equal(openNote({ version: 0, body: null }, { reason: 'cough' }).body.reason, 'cough'));
  it('stays unsaved when something was typed during the save', () => {
    const saved = reduceNote(typed('rest'), { type: 'saved', version: 3, body: { ...emptyNote(), plan: 'res' } });
    assert.deepEqual([saved.version, saved.isDirty], [3, true]);
  });
  it('is clean after its save', () => assert.equal(reduceNote(typed('rest'), { type: 'saved', version: 3, body: { ...emptyNote(), plan: 'rest' } }).isDirty, false));
  it('keeps my words over a colleague’s version', () => {
    const kept = reduceNote(reduceNote(typed('rest'), { type: 'conflict', current: 7 }), { type: 'keep-mine' });
    assert.deepEqual([kept.version, kept.body.plan, kept.conflict], [7, 'rest', null]);
  });
  it('says what is missing before it is signed', () => assert.deepEqual(missingToSign(typed('rest')), ['note.missing.assessment', 'note.missing.safety_net']));
});

describe('keys', () => {
  const press = (changes) => commandFor({ altKey: false, ctrlKey: false, metaKey: false, code: '', key: '', isTyping: false, ...changes });
  it('work while typing', () => assert.equal(press({ altKey: true, code: 'KeyS', isTyping: true }), 'save'));
  it('leave a typed question mark alone', () => assert.equal(press({ key: '?', isTyping: true }), null));
  it('leave the browser’s own keys alone', () => assert.equal(press({ altKey: true, ctrlKey: true, code: 'KeyR' }), null));
  it('are those of the README', () => {
    const readme = readFileSync(new URL('../../../static/README.md', import.meta.url), 'utf8');
    const rows = readme.split('## Keyboard in the console')[1].split('##')[0].split('\n').filter((line) => line.startsWith('| `'));
    assert.deepEqual(rows.map((line) => line.split('|')[1].replaceAll('`', '').trim()), SHORTCUTS.map((shortcut) => shortcut.label));
  });
});

describe('the early warning score of now', () => {
  const score = (min, single_three = false) => urgencyOf({ min, single_three });
  it('asks for somebody by its lower end', () => assert.deepEqual([0, 4, 5, 6, 7, 12].map((min) => score(min)), ['low', 'low', 'medium', 'medium', 'high', 'high']));
  it('asks when one sign alone scores three', () => assert.equal(score(3, true), 'single'));
  it('asks nothing where it does not apply', () => assert.equal(score(null), 'low'));
});

describe('what the call has stored', () => {
  const call = (recording, readings) => storedMark({ recording, readings: Array(readings) });
  it('changes with a consent and with a reading, and with nothing else', () => {
    assert.notEqual(call('consent-pending', 0), call('on', 0));
    assert.notEqual(call('off', 1), call('off', 2));
    assert.equal(call('off', 1), call('off', 1));
  });
});

describe('a long queue', () => {
  const row = (visit_id, more = {}) => ({ visit_id, state: 'waiting', level: 'routine', claimed_by: null, mine: false, waited_s: 60, ...more });
  const rows = [row('a'), row('b', { claimed_by: 'Dr Wu', state: 'called' }), row('c'), row('d', { mine: true, state: 'wrap_up' })];
  it('opens the next who waits behind the opened one, then begins anew', () => {
    assert.equal(nextWaiting(rows, null), 'a');
    assert.equal(nextWaiting(rows, 'a'), 'c');
    assert.equal(nextWaiting(rows, 'c'), 'a');
    assert.equal(nextWaiting([rows[1]], 'b'), null);
  });
  it('goes on counting minutes while nothing changes', () => assert.deepEqual(waitedNow([row('a')], 65).map(({ waited_s }) => waited_s), [125]));
  it('tells who took the patient that is read', () => {
    const state = { ...initialConsole(), rows, openId: 'b', opened: opened('waiting', false) };
    assert.equal(takenBy(state), 'Dr Wu');
    assert.equal(takenBy({ ...state, opened: opened('called', true) }), '');
  });
  it('keeps an alarm until the patient is opened or taken; the first list is none', () => {
    const queue = (state, list) => reduceConsole(state, { type: 'queue', rows: list, counts: {} });
    const worse = (more) => row('a', { level: 'emergency', ...more });
    assert.deepEqual(queue(initialConsole(), [worse()]).alarms, []);
    const alarmed = queue(queue(initialConsole(), [row('a')]), [worse()]);
    assert.deepEqual(alarmed.alarms.map(({ visit_id }) => visit_id), ['a']);
    assert.equal(queue(alarmed, [worse()]).alarms.length, 1);
    assert.equal(queue(alarmed, [worse({ claimed_by: 'Dr Wu' })]).alarms.length, 0);
    assert.equal(reduceConsole(alarmed, { type: 'open', visitId: 'a' }).alarms.length, 0);
  });
});
