// README "The privacy officer's page": its reducer, and what may be done when.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { consentsByVisit, deedsOf, hashOf, hoursLeft, initialPrivacy, isCheckpointLate, isConfirmed, missingOf, openBases, placeOf, reducePrivacy, refusal } from '../../../static/privacy/state.js';

const ID = '5f2a91c3-0000-4000-8000-000000000001';
const file = (bases, more = {}) => ({ id: ID, erased_at: null, holds: [], bases, ...more });
const over = (refused_by) => ({ basis: 'retention over', refused_by });
const asked = (refused_by) => ({ basis: 'GDPR Art. 17', refused_by });

describe('the place in the address', () => {
  for (const [hash, view, patientId] of [['', 'reviews', null], ['#safeguards', 'safeguards', null], [`#patient=${ID}`, 'patient', ID], ['#patient=../x', 'patient', null], ['#nowhere', 'reviews', null]]) {
    it(`${hash || 'none'} is ${view}`, () => assert.deepEqual(placeOf(hash), { view, patientId }));
  }
  it('goes both ways', () => assert.deepEqual(placeOf(hashOf('patient', ID)), { view: 'patient', patientId: ID }));
});

describe('the reducer', () => {
  const opened = reducePrivacy(initialPrivacy(), { type: 'view', view: 'patient', patientId: ID });
  it('shows no file of another patient', () => {
    assert.equal(reducePrivacy(opened, { type: 'file', file: { ...file([]), id: 'other' } }).file, null);
    const shown = reducePrivacy(opened, { type: 'file', file: file([]) });
    assert.equal(reducePrivacy(shown, { type: 'view', view: 'patient', patientId: null }).file, null);
  });
  it('adds older pages of the trail behind the newer ones', () => {
    const first = reducePrivacy(opened, { type: 'trail', patientId: ID, isMore: false, trail: { rows: [{ at: '2' }], next: 7 } });
    const both = reducePrivacy(first, { type: 'trail', patientId: ID, isMore: true, trail: { rows: [{ at: '1' }], next: null } });
    assert.deepEqual(both.trail, { rows: [{ at: '2' }, { at: '1' }], next: null });
  });
  it('forgets everything at sign-out but the place', () => {
    const out = reducePrivacy({ ...opened, found: [{ id: ID }] }, { type: 'account', account: null });
    assert.deepEqual([out.found, out.view, out.patientId], [null, 'patient', ID]);
  });
});

describe('a verdict', () => {
  it('needs a choice, and a note when unjustified', () => {
    assert.equal(missingOf(undefined, '', false), 'verdict');
    assert.equal(missingOf('unjustified', ' ', false), 'note');
    assert.equal(missingOf('unjustified', 'a neighbour', false), null);
    assert.equal(missingOf('justified', '', false), null);
  });
  it('of an erased patient stands alone', () => assert.equal(missingOf('unjustified', '', true), null));
  it('is due in whole hours, never less than none', () => {
    assert.equal(hoursLeft({ due_at: '2026-11-23T12:00:00Z' }, Date.parse('2026-11-23T09:30:00Z')), 2);
    assert.equal(hoursLeft({ due_at: '2026-11-23T12:00:00Z' }, Date.parse('2026-11-25T09:30:00Z')), 0);
  });
});

describe('an erasure', () => {
  it('is open on the grounds that nothing refuses', () => {
    assert.deepEqual(openBases(file([over(null), asked('basis-not-available')])), ['retention over']);
    assert.equal(refusal(file([over('retention-not-over'), asked(null)])), null);
  });
  it('names the hold first, then the term', () => {
    assert.equal(refusal(file([over('legal-hold'), asked('basis-not-available')])), 'legal-hold');
    assert.equal(refusal(file([over('retention-not-over'), asked('basis-not-available')])), 'retention-not-over');
  });
  it('is over once done', () => assert.deepEqual(openBases(file([over(null)], { erased_at: '2026' })), []));
  it('asks for the beginning of the record number', () => {
    assert.ok(isConfirmed({ id: ID }, ' 5F2A91C3 '));
    assert.ok(!isConfirmed({ id: ID }, '5f2a91c'));
  });
});

describe('what is shown', () => {
  it('consents by visit, in the order they are asked', () => {
    const answer = (visit_id, scope) => ({ visit_id, scope, at: visit_id });
    const visits = consentsByVisit([answer('b', 'recording'), answer('b', 'consultation'), answer('a', 'ai')]);
    assert.deepEqual(visits.map(({ visitId, answers }) => [visitId, answers.map(({ scope }) => scope)]), [['b', ['consultation', 'recording']], ['a', ['ai']]]);
  });
  it('a look as reads and writes, each thing once', () => {
    const what = [{ object: 'patient', actions: ['E', 'R'] }, { object: 'note', actions: ['R', 'U'] }, { object: 'link', actions: ['E'] }];
    assert.deepEqual(deedsOf({ what }), { read: ['patient', 'note'], changed: ['note'], destroyed: [], done: ['link'] });
  });
  it('a late checkpoint, of a chain that went on', () => {
    const audit = (number, at) => ({ entries: 9, newest_at: '2026-11-23T12:00:00Z', checkpoint: { number, at } });
    assert.ok(isCheckpointLate(audit(5, '2026-11-23T11:40:00Z')));
    assert.ok(!isCheckpointLate(audit(5, '2026-11-23T11:59:00Z')));
    assert.ok(!isCheckpointLate(audit(9, '2026-11-23T11:40:00Z')));
    assert.ok(isCheckpointLate({ entries: 9, newest_at: '2026-11-23T12:00:00Z', checkpoint: null }));
  });
});
