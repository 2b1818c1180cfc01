// @ts-check
/** The intake: which questions, in which order, when they are asked, what is wrong with an answer. Pure. */

import { parseNumber, VITALS, vitalErrors, vitalsToSend } from './vitals.js';

/** @typedef {import('./vitals.js').VitalName} VitalName */
/** @typedef {import('../types.js').Intake} Intake */

export const QuestionId = Object.freeze({
  ABOUT: 'about', PREGNANT: 'pregnant', COMPLAINT: 'complaint', SYMPTOMS: 'symptoms', CONDITIONS: 'conditions',
  MEDICATIONS: 'medications', ALLERGIES: 'allergies', VITALS: 'vitals', REVIEW: 'review',
});
/** @typedef {typeof QuestionId[keyof typeof QuestionId]} QuestionId */

/** Each has the key `symptom.<id>`; its words are sent, so that the triage rules read them in the patient's language. */
export const SYMPTOMS = Object.freeze([
  'fever', 'cough', 'breathless', 'chest_pain', 'headache', 'dizzy', 'sore_throat', 'stomach_pain', 'vomiting', 'diarrhoea',
  'rash', 'one_sided_weakness', 'bleeding', 'low_mood',
]);
/** Each has the key `condition.<id>`. */
export const CONDITIONS = Object.freeze([
  'high_blood_pressure', 'diabetes', 'heart_disease', 'asthma', 'copd', 'kidney_disease', 'stroke', 'cancer', 'weak_immune_system',
]);

// As long as a screen or two of one's own words; the server refuses more.
export const MAX_COMPLAINT = 4000;
// Pregnancy is asked when it can be (WHO reproductive age 15-49, widened by the rare ends).
const PREGNANCY_AGES = Object.freeze([11, 56]);

/**
 * @typedef {object} Draft what was typed so far; strings stay as typed
 * @property {string} age @property {'years'|'months'} ageUnit @property {''|'female'|'male'|'other'} sex
 * @property {''|'yes'|'no'|'unsure'} pregnant @property {string} complaint @property {string[]} symptoms
 * @property {string[]} conditions @property {string} otherConditions @property {string} medications
 * @property {string} allergies @property {Record<VitalName, string>} vitals @property {boolean} isFahrenheit
 */

/** @returns {Draft} */
export const emptyDraft = () => ({
  age: '', ageUnit: 'years', sex: '', pregnant: '', complaint: '', symptoms: [], conditions: [], otherConditions: '',
  medications: '', allergies: '', isFahrenheit: false,
  vitals: /** @type {Record<VitalName, string>} */ (Object.fromEntries(VITALS.map((field) => [field.name, '']))),
});

/** @param {Draft} draft @returns {boolean} */
export function asksPregnancy(draft) {
  const age = parseNumber(draft.age);
  const isOfAge = age === null || (draft.ageUnit === 'years' && age >= PREGNANCY_AGES[0] && age <= PREGNANCY_AGES[1]);
  return draft.sex !== 'male' && isOfAge;
}

/** The questions that this person is asked, in order. @param {Draft} draft @returns {QuestionId[]} */
export function questionsFor(draft) {
  return Object.values(QuestionId).filter((id) => id !== QuestionId.PREGNANT || asksPregnancy(draft));
}

/** Errors of one question: field -> i18n key. @param {QuestionId} id @param {Draft} draft @returns {Record<string, string>} */
export function errorsOf(id, draft) {
  switch (id) {
    case QuestionId.ABOUT: return aboutErrors(draft);
    case QuestionId.COMPLAINT:
      if (draft.complaint.trim() === '') return { complaint: 'complaint.error.empty' };
      return draft.complaint.length > MAX_COMPLAINT ? { complaint: 'complaint.error.long' } : {};
    case QuestionId.VITALS: return /** @type {Record<string, string>} */ (vitalErrors(draft.vitals, draft));
    default: return {};
  }
}

/** @param {Draft} draft @returns {Record<string, string>} */
function aboutErrors(draft) {
  const age = parseNumber(draft.age);
  if (age === null) return { age: 'about.error.empty' };
  const highest = draft.ageUnit === 'years' ? 120 : 36;
  return Number.isInteger(age) && age >= 0 && age <= highest ? {} : { age: `about.error.${draft.ageUnit}` };
}

/** @param {string} text one a line, or separated by commas @returns {string[]} */
export const listOf = (text) => text.split(/[\n,，;；、]+/).map((line) => line.trim()).filter(Boolean);

/**
 * What is sent. Symptoms that were ticked go behind the patient's own words as one sentence.
 * @param {Draft} draft @param {(key: string) => string} t
 * @returns {Partial<Intake>} only valid answers; the rest stays in the draft
 */
export function toIntake(draft, t) {
  const about = Object.keys(aboutErrors(draft)).length ? {} : { [draft.ageUnit === 'years' ? 'age' : 'age_months']: parseNumber(draft.age) };
  const hasVitals = Object.keys(vitalErrors(draft.vitals, draft)).length === 0;
  const vitals = hasVitals ? vitalsToSend(draft.vitals, draft) : {};
  return {
    complaint: withSymptoms(draft, t), ...about,
    ...(draft.sex ? { sex: draft.sex } : {}),
    ...(asksPregnancy(draft) && ['yes', 'no'].includes(draft.pregnant) ? { pregnant: draft.pregnant === 'yes' } : {}),
    conditions: [...draft.conditions.map((id) => t(`condition.${id}`)), ...listOf(draft.otherConditions)],
    medications: listOf(draft.medications), allergies: listOf(draft.allergies),
    ...(Object.keys(vitals).length ? { vitals } : {}),
  };
}

/** @param {Draft} draft @param {(key: string) => string} t */
function withSymptoms(draft, t) {
  const own = draft.complaint.trim();
  if (!draft.symptoms.length) return own;
  return `${own}\n${t('symptoms.sent')}${draft.symptoms.map((id) => t(`symptom.${id}`)).join(t('list.comma'))}${t('list.stop')}`;
}

/**
 * The draft again from what the server kept: for another device, or when this one forgot.
 * @param {Partial<Intake>} intake @param {(key: string) => string} t @returns {Draft}
 */
export function fromIntake(intake, t) {
  const [own, ticked] = (intake.complaint ?? '').split(`\n${t('symptoms.sent')}`);
  const words = (ticked ?? '').replace(t('list.stop'), '').split(t('list.comma').trim()).map((word) => word.trim());
  const known = CONDITIONS.filter((id) => intake.conditions?.includes(t(`condition.${id}`)));
  const knownWords = known.map((id) => t(`condition.${id}`));
  const vitals = Object.entries(intake.vitals ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    ...emptyDraft(), complaint: own, symptoms: SYMPTOMS.filter((id) => words.includes(t(`symptom.${id}`))),
    age: String(intake.age ?? intake.age_months ?? ''), ageUnit: intake.age === undefined && intake.age_months !== undefined ? 'months' : 'years',
    sex: intake.sex && intake.sex !== 'unknown' ? intake.sex : '',
    pregnant: intake.pregnant === undefined || intake.pregnant === null ? '' : intake.pregnant ? 'yes' : 'no',
    conditions: [...known], otherConditions: (intake.conditions ?? []).filter((word) => !knownWords.includes(word)).join('\n'),
    medications: (intake.medications ?? []).join('\n'), allergies: (intake.allergies ?? []).join('\n'),
    vitals: { ...emptyDraft().vitals, ...Object.fromEntries(vitals) },
  };
}
