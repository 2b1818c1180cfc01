// @ts-check
/** Three separate questions; "no" is as large and as quick as "yes". */

import { focusFirstInvalid } from '../../a11y.js';
import { post, put } from '../../api.js';
import { el, icon } from '../../elements.js';
import { choiceField, formOf, problemPlace, workButton } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { readAloudButton } from '../read_aloud.js';
import { Step } from '../state.js';

const SCOPES = /** @type {const} */ (['consultation', 'ai', 'recording']);

/** @type {import('../app.js').ScreenBuilder} */
export function consentsScreen(app, signal) {
  const given = app.state.visit?.consents;
  const fields = SCOPES.map((scope) => choiceField({
    name: scope, type: 'radio', legend: t(`consents.${scope}.question`), hint: t(`consents.${scope}.why`), inline: true,
    options: [{ value: 'yes', label: t('answer.yes') }, { value: 'no', label: t('answer.no') }],
    chosen: given ? [given[scope] ? 'yes' : 'no'] : [],
  }));
  fields.forEach((field, index) => field.element.append(readAloudButton(t('consents.listen', { number: index + 1 }),
    () => `${t(`consents.${SCOPES[index]}.question`)} ${t(`consents.${SCOPES[index]}.why`)}`, signal)));
  const problems = problemPlace();
  const submit = workButton({ label: t('action.continue'), kind: 'primary' }, () => save(app, fields, form), problems);
  const form = formOf(submit, {},
    ...fields.map((field) => el('div', { class: 'panel' }, field.element)),
    el('p', { class: 'notice calm' }, icon('clock'), el('span', {}, t('consents.no_longer_wait'))),
    problems.element, el('div', { class: 'actions' }, submit));
  return { element: el('section', {}, el('h1', {}, t('consents.title')), el('p', { class: 'lead' }, t('consents.lead')), form) };
}

/** @param {import('../app.js').PatientApp} app @param {import('../../forms.js').ChoiceField[]} fields @param {HTMLElement} form */
async function save(app, fields, form) {
  const answers = fields.map((field) => field.chosen()[0]);
  fields.forEach((field, index) => field.setError(answers[index] ? null : t('consents.error.choose')));
  if (answers.some((answer) => !answer)) return focusFirstInvalid(form);
  const [consultation, ai, recording] = answers.map((answer) => answer === 'yes');
  await put('/api/visit/consents', { consultation, ai, recording, text_version: app.config.consent_text_version });
  await app.refresh();
}

/** The answer to the first question was "no". @type {import('../app.js').ScreenBuilder} */
export function refusedScreen(app) {
  const problems = problemPlace();
  const leave = workButton({ label: t('refused.leave') }, async () => { await post('/api/visit/leave'); await app.refresh(); }, problems);
  const back = el('button', { type: 'button', class: 'primary', on: { click: () => app.dispatch({ type: 'revisit', step: Step.CONSENTS }) } }, t('refused.change'));
  return {
    element: el('section', { class: 'card' }, el('h1', {}, t('refused.title')), el('p', { class: 'lead' }, t('refused.todo')),
      problems.element, el('div', { class: 'actions' }, leave, back)),
  };
}
