// README "The patient's steps": which step is shown, and the form.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { words as enShared } from '../../../static/i18n/en/shared.js';
import { words as enVisit } from '../../../static/i18n/en/visit.js';
import { words as zhShared } from '../../../static/i18n/zh/shared.js';
import { words as zhVisit } from '../../../static/i18n/zh/visit.js';
import { progress, reduceIntake, startIntake } from '../../../static/patient/intake_state.js';
import { emptyDraft, errorsOf, fromIntake, QuestionId, questionsFor, toIntake } from '../../../static/patient/questions.js';
import { initialPatient, reducePatient, Step, stepOf } from '../../../static/patient/state.js';
import { CALL_VITALS, parseNumber, toCelsius, VITALS, vitalErrors, vitalsToSend } from '../../../static/patient/vitals.js';

const t = (language) => (key) => ({ ...(language === 'zh' ? { ...zhShared, ...zhVisit } : { ...enShared, ...enVisit }) })[key] ?? key;
const yes = { consultation: true, ai: true, recording: true };
const visit = (changes = {}) => ({ id: 'v', role: 'patient', state: 'booked', lang: 'en', patient: { display: 'x' }, consents: null, place_given: false, intake: null, intake_final: false, queue: null, practitioner: null, emergency: null, has_summary: false, ...changes });
const step = (changes, local = {}) => stepOf({ ...initialPatient(), visit: visit(changes), ...local });

describe('step', () => {
  const rows = [
    [{}, {}, Step.LANGUAGE], [{}, { languageChosen: true }, Step.CONSENTS], [{ consents: { ...yes, consultation: false } }, {}, Step.REFUSED],
    [{ consents: { consultation: true, ai: false, recording: false } }, {}, Step.PLACE], [{ consents: yes, place_given: true, state: 'intake' }, {}, Step.INTAKE],
    [{ consents: yes, place_given: true, state: 'triaged', intake_final: true }, {}, Step.CHECK],
    [{ state: 'waiting' }, {}, Step.WAITING], [{ state: 'away' }, {}, Step.WAITING], [{ state: 'called' }, {}, Step.RING],
    [{ state: 'in_consult' }, {}, Step.CALL], [{ state: 'held' }, {}, Step.CALL], [{ state: 'dropped' }, {}, Step.CALL],
    [{ state: 'wrap_up' }, {}, Step.ENDED], [{ state: 'completed' }, {}, Step.SUMMARY], [{ state: 'no_show' }, {}, Step.CLOSED],
    [{}, { problem: 'link-expired' }, Step.PROBLEM], [{ state: 'in_consult' }, { left: true }, Step.LEFT],
    [{ consents: yes, place_given: true, state: 'intake' }, { revisit: Step.PLACE }, Step.PLACE],
    [{ state: 'waiting' }, { revisit: Step.PLACE }, Step.WAITING],
    [{ role: 'caregiver', state: 'waiting' }, { languageChosen: true }, Step.CHECK],
    [{ role: 'interpreter', state: 'in_consult' }, { languageChosen: true, checked: true }, Step.CALL],
    [{ role: 'expert', state: 'wrap_up' }, {}, Step.ENDED],
  ];
  for (const [changes, local, wanted] of rows) {
    it(`is ${wanted} for ${JSON.stringify({ ...changes, ...local })}`, () => assert.equal(step(changes, local), wanted));
  }
  it('shows a new emergency notice again', () => {
    const read = reducePatient({ ...initialPatient(), emergency: { number: '120', text: 'a', rules: ['x'] }, emergencyRead: true }, { type: 'emergency', emergency: { number: '120', text: 'b', rules: ['x', 'y'] } });
    assert.equal(read.emergencyRead, false);
  });
});

describe('form', () => {
  const draft = (changes = {}) => ({ ...emptyDraft(), age: '40', complaint: 'cough', ...changes });
  it('stays at a question with an error', () => {
    const state = reduceIntake(startIntake(emptyDraft()), { type: 'next' });
    assert.deepEqual([state.question, state.errors], [QuestionId.ABOUT, { age: 'about.error.empty' }]);
  });
  it('goes back without losing an answer', () => {
    let state = startIntake(draft({ sex: 'male' }), QuestionId.COMPLAINT);
    state = reduceIntake(state, { type: 'answer', change: { complaint: 'my leg hurts' } });
    state = reduceIntake(reduceIntake(state, { type: 'back' }), { type: 'next' });
    assert.deepEqual([state.question, state.draft.complaint], [QuestionId.COMPLAINT, 'my leg hurts']);
  });
  it('returns to the review after a change', () => {
    const state = reduceIntake(reduceIntake(startIntake(draft(), QuestionId.REVIEW), { type: 'change', question: QuestionId.ALLERGIES }), { type: 'next' });
    assert.equal(state.question, QuestionId.REVIEW);
  });
  it('removes an error while it is corrected', () => {
    const wrong = reduceIntake(startIntake(emptyDraft()), { type: 'next' });
    assert.deepEqual(reduceIntake(wrong, { type: 'answer', change: { age: '4' } }).errors, {});
  });
  for (const [sex, age, asked] of [['female', '30', true], ['male', '30', false], ['female', '70', false], ['female', '8', false], ['', '30', true]]) {
    it(`${asked ? 'asks' : 'does not ask'} a ${sex || 'person'} of ${age} about pregnancy`, () => {
      assert.equal(questionsFor(draft({ sex, age })).includes(QuestionId.PREGNANT), asked);
    });
  }
  it('counts the questions', () => assert.deepEqual(progress(startIntake(draft({ sex: 'male' }), QuestionId.COMPLAINT)), { number: 2, of: 7 }));
  it('wants a complaint', () => assert.deepEqual(errorsOf(QuestionId.COMPLAINT, emptyDraft()), { complaint: 'complaint.error.empty' }));
});

describe('what is sent', () => {
  const full = { ...emptyDraft(), age: '7', ageUnit: 'months', sex: 'female', complaint: 'cries a lot', symptoms: ['fever', 'rash'], conditions: ['asthma'], otherConditions: 'eczema', medications: 'a\nb', allergies: 'egg、milk', vitals: { ...emptyDraft().vitals, temperature_c: '101.3' }, isFahrenheit: true };
  it('has the triage intake’s fields', () => {
    assert.deepEqual(toIntake(full, t('en')), {
      complaint: 'cries a lot\nI also have: fever, skin rash.', age_months: 7, sex: 'female', conditions: ['asthma', 'eczema'],
      medications: ['a', 'b'], allergies: ['egg', 'milk'], vitals: { temperature_c: 38.5 },
    });
  });
  it('leaves out vitals that are wrong', () => {
    assert.equal('vitals' in toIntake({ ...full, vitals: { ...full.vitals, spo2: '970' } }, t('en')), false);
  });
  for (const language of ['en', 'zh']) {
    it(`comes back as it was in ${language}`, () => {
      const back = fromIntake(toIntake(full, t(language)), t(language));
      assert.deepEqual([back.complaint, back.symptoms, back.conditions, back.otherConditions, back.age, back.ageUnit], ['cries a lot', ['fever', 'rash'], ['asthma'], 'eczema', '7', 'months']);
    });
  }
});

describe('vitals', () => {
  for (const [text, wanted] of [['38.2', 38.2], ['38,2', 38.2], ['３８．２', 38.2], ['', null], ['abc', NaN], ['-3', NaN]]) {
    it(`reads "${text}"`, () => assert.equal(parseNumber(text), wanted));
  }
  it('turns °F into °C', () => assert.equal(toCelsius(100.4), 38));
  const none = emptyDraft().vitals;
  const rows = [
    [{ temperature_c: '101' }, false, { temperature_c: 'vitals.error.fahrenheit' }], [{ temperature_c: '101' }, true, {}],
    [{ temperature_c: '55' }, false, { temperature_c: 'vitals.error.range' }], [{ spo2: 'x' }, false, { spo2: 'vitals.error.number' }],
    [{ systolic_bp: '80', diastolic_bp: '120' }, false, { diastolic_bp: 'vitals.error.swapped' }], [{ heart_rate: '20' }, false, {}], [{ heart_rate: '19' }, false, { heart_rate: 'vitals.error.range' }],
  ];
  for (const [typed, isFahrenheit, wanted] of rows) {
    it(`judges ${JSON.stringify(typed)} ${isFahrenheit ? '°F' : ''}`, () => assert.deepEqual(vitalErrors({ ...none, ...typed }, { isFahrenheit }), wanted));
  }
  const sugar = (/** @type {string} */ text, isMgDl = false) => [{ glucose_mmol_l: text }, { isFahrenheit: false, isMgDl }, CALL_VITALS];
  it('takes blood sugar in both units', () => {
    assert.deepEqual(vitalErrors(...sugar('5,6')), {});
    assert.deepEqual(vitalsToSend(...sugar('101', true)), { glucose_mmol_l: 5.6 });
  });
  it('knows a blood sugar in mg/dL by its size', () => assert.deepEqual(vitalErrors(...sugar('101')), { glucose_mmol_l: 'vitals.error.mg_dl' }));
  it('asks for no blood sugar in the intake', () => assert.equal(VITALS.some(({ name }) => name === 'glucose_mmol_l'), false));
});
