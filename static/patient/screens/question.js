// @ts-check
/** Draws one question of the intake from the state; answers go back as actions. */

import { el, fill, icon } from '../../elements.js';
import { choiceField, textField } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { asksPregnancy, CONDITIONS, listOf, MAX_COMPLAINT, QuestionId, questionsFor, SYMPTOMS } from '../questions.js';
import { readAloudButton } from '../read_aloud.js';
import { VITALS } from '../vitals.js';

/**
 * @typedef {import('../intake_state.js').IntakeState} IntakeState
 * @typedef {(action: import('../intake_state.js').IntakeAction) => void} Dispatch
 * @typedef {(state: IntakeState, dispatch: Dispatch) => (Node|null)[]} Drawer
 */

/** @type {Readonly<Record<import('../questions.js').QuestionId, Drawer>>} */
const DRAWERS = Object.freeze({
  [QuestionId.ABOUT]: about, [QuestionId.PREGNANT]: pregnant, [QuestionId.COMPLAINT]: complaint, [QuestionId.SYMPTOMS]: symptoms,
  [QuestionId.CONDITIONS]: conditions, [QuestionId.MEDICATIONS]: medications, [QuestionId.ALLERGIES]: allergies,
  [QuestionId.VITALS]: vitals, [QuestionId.REVIEW]: review,
});

/** @param {IntakeState} state @param {Dispatch} dispatch @param {AbortSignal} signal @returns {HTMLElement} */
export function drawQuestion(state, dispatch, signal) {
  const id = state.question;
  const say = () => `${t(`${id}.title`)} ${t(`${id}.lead`)}`;
  return el('div', { class: 'question' }, el('h1', {}, t(`${id}.title`)), el('p', { class: 'lead' }, t(`${id}.lead`)),
    DRAWERS[id](state, dispatch), readAloudButton(t('action.listen'), say, signal));
}

/** @param {IntakeState} state @param {string} field */
const errorText = (state, field) => (state.errors[field] ? t(state.errors[field]) : null);

/** @type {Drawer} */
function about(state, dispatch) {
  const { draft } = state;
  const age = textField({ name: 'age', label: t('about.age'), value: draft.age, inputmode: 'numeric', required: true, maxlength: 3 });
  age.setError(errorText(state, 'age'));
  age.input.addEventListener('input', () => dispatch({ type: 'answer', change: { age: age.input.value } }));
  const unit = choiceField({
    name: 'age_unit', type: 'radio', legend: t('about.unit'), inline: true, chosen: [draft.ageUnit],
    options: [{ value: 'years', label: t('about.years') }, { value: 'months', label: t('about.months') }],
    onChange: ([value]) => dispatch({ type: 'answer', change: { ageUnit: /** @type {any} */ (value) } }),
  });
  const sex = choiceField({
    name: 'sex', type: 'radio', legend: t('about.sex'), hint: t('about.sex_hint'), chosen: [draft.sex], inline: true,
    options: ['female', 'male', 'other'].map((value) => ({ value, label: t(`sex.${value}`) })),
    onChange: ([value]) => dispatch({ type: 'answer', change: { sex: /** @type {any} */ (value) } }),
  });
  return [age.element, unit.element, sex.element];
}

/** @type {Drawer} */
function pregnant(state, dispatch) {
  return [choiceField({
    name: 'pregnant', type: 'radio', legend: t('pregnant.legend'), chosen: [state.draft.pregnant],
    options: ['yes', 'no', 'unsure'].map((value) => ({ value, label: t(`answer.${value}`) })),
    onChange: ([value]) => dispatch({ type: 'answer', change: { pregnant: /** @type {any} */ (value) } }),
  }).element];
}

/** @type {Drawer} */
function complaint(state, dispatch) {
  const field = textField({
    name: 'complaint', label: t('complaint.label'), hint: t('complaint.hint'), value: state.draft.complaint, type: 'textarea', rows: 5,
    required: true, maxlength: MAX_COMPLAINT,
  });
  field.setError(errorText(state, 'complaint'));
  field.input.addEventListener('input', () => dispatch({ type: 'answer', change: { complaint: field.input.value } }));
  return [field.element];
}

/** @type {Drawer} */
function symptoms(state, dispatch) {
  return [choiceField({
    name: 'symptoms', type: 'checkbox', legend: t('symptoms.legend'), hint: t('symptoms.hint'), chosen: state.draft.symptoms,
    options: SYMPTOMS.map((value) => ({ value, label: t(`symptom.${value}`) })),
    onChange: (chosen) => dispatch({ type: 'answer', change: { symptoms: chosen } }),
  }).element];
}

/** @type {Drawer} */
function conditions(state, dispatch) {
  const other = textField({ name: 'other_conditions', label: t('conditions.other'), value: state.draft.otherConditions, maxlength: 500 });
  other.input.addEventListener('input', () => dispatch({ type: 'answer', change: { otherConditions: other.input.value } }));
  return [choiceField({
    name: 'conditions', type: 'checkbox', legend: t('conditions.legend'), hint: t('symptoms.hint'), chosen: state.draft.conditions,
    options: CONDITIONS.map((value) => ({ value, label: t(`condition.${value}`) })),
    onChange: (chosen) => dispatch({ type: 'answer', change: { conditions: chosen } }),
  }).element, other.element];
}

/** @type {Drawer} */
function medications(state, dispatch) {
  return [listField('medications', state.draft.medications, (medications) => dispatch({ type: 'answer', change: { medications } }))];
}

/** @type {Drawer} */
function allergies(state, dispatch) {
  return [listField('allergies', state.draft.allergies, (allergies) => dispatch({ type: 'answer', change: { allergies } }))];
}

/** @param {string} name @param {string} value @param {(value: string) => void} onInput */
function listField(name, value, onInput) {
  const field = textField({ name, label: t(`${name}.label`), hint: t(`${name}.hint`), value, type: 'textarea', rows: 4, maxlength: 2000 });
  field.input.addEventListener('input', () => onInput(field.input.value));
  return field.element;
}

/** @type {Drawer} */
function vitals(state, dispatch) {
  const { draft } = state;
  const unit = choiceField({
    name: 'temperature_unit', type: 'radio', legend: t('vitals.temperature_unit'), inline: true, chosen: [draft.isFahrenheit ? 'F' : 'C'],
    options: [{ value: 'C', label: t('unit.celsius') }, { value: 'F', label: t('unit.fahrenheit') }],
    onChange: ([value]) => dispatch({ type: 'answer', change: { isFahrenheit: value === 'F' } }),
  });
  const typed = { ...draft.vitals };
  const fields = VITALS.map((vital) => {
    const field = textField({
      name: vital.name, label: t(`vital.${vital.name}`), hint: t(`vital.${vital.name}.hint`), value: typed[vital.name],
      inputmode: vital.decimals ? 'decimal' : 'numeric', maxlength: 6,
      ...(vital.name === 'temperature_c' ? {} : { unit: t(vital.unit) }),
    });
    field.setError(errorText(state, vital.name));
    field.input.addEventListener('input', () => {
      typed[vital.name] = field.input.value;
      dispatch({ type: 'answer', change: { vitals: { ...typed } } });
    });
    return field.element;
  });
  return [fields[0], unit.element, ...fields.slice(1)];
}

/** @type {Drawer} */
function review(state, dispatch) {
  const rows = questionsFor(state.draft).filter((id) => id !== QuestionId.REVIEW).map((id) => el('div', { class: 'review-row' },
    el('dt', {}, t(`review.${id}`)), el('dd', {}, summaryOf(id, state.draft) || t('review.nothing')),
    el('dd', { class: 'change' }, el('button', {
      type: 'button', class: 'quiet', 'aria-label': t('review.change_named', { name: t(`review.${id}`) }),
      on: { click: () => dispatch({ type: 'change', question: id }) },
    }, t('review.change')))));
  const list = el('dl', { class: 'review' });
  fill(list, rows);
  return [list, el('p', { class: 'notice calm' }, icon('check'), el('span', {}, t('review.who_reads')))];
}

/** @param {import('../questions.js').QuestionId} id @param {import('../questions.js').Draft} draft @returns {string} */
function summaryOf(id, draft) {
  const join = (/** @type {string[]} */ words) => words.join(t('list.comma'));
  switch (id) {
    case QuestionId.ABOUT: return join([draft.age && t(`about.age_${draft.ageUnit}`, { age: draft.age }), draft.sex && t(`sex.${draft.sex}`)].filter(Boolean));
    case QuestionId.PREGNANT: return asksPregnancy(draft) && draft.pregnant ? t(`answer.${draft.pregnant}`) : '';
    case QuestionId.COMPLAINT: return draft.complaint;
    case QuestionId.SYMPTOMS: return join(draft.symptoms.map((symptom) => t(`symptom.${symptom}`)));
    case QuestionId.CONDITIONS: return join([...draft.conditions.map((condition) => t(`condition.${condition}`)), ...listOf(draft.otherConditions)]);
    case QuestionId.MEDICATIONS: return join(listOf(draft.medications));
    case QuestionId.ALLERGIES: return join(listOf(draft.allergies));
    case QuestionId.VITALS: return join(VITALS.filter((vital) => draft.vitals[vital.name].trim())
      .map((vital) => `${t(`vital.${vital.name}`)} ${draft.vitals[vital.name]}`));
    default: return '';
  }
}
