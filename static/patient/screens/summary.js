// @ts-check
/** After the call: the doctor is writing, then what was found and what to do, made for paper. */

import { codeOf, get } from '../../api.js';
import { el, fill, icon } from '../../elements.js';
import { problemText, t, dateAndTime } from '../../i18n/index.js';
import { readAloudButton } from '../read_aloud.js';

/** @type {import('../app.js').ScreenBuilder} */
export function endedScreen(app) {
  const isPatient = app.state.visit?.role === 'patient';
  return {
    element: el('section', { class: 'card' }, el('h1', {}, t('ended.title')),
      el('p', { class: 'lead' }, t(isPatient ? 'ended.writing' : 'ended.companion')),
      isPatient ? el('p', {}, t('ended.stay')) : null,
      isPatient ? el('div', { class: 'spinner', 'aria-hidden': 'true' }) : null),
  };
}

/**
 * @typedef {object} Summary
 * @property {string} seen_at @property {{display: string, registration_number?: string}} practitioner @property {{display: string}} patient
 * @property {string} reason @property {string} assessment @property {string} plan @property {string} safety_net
 * @property {string} emergency_number
 */

/** @type {import('../app.js').ScreenBuilder} */
export function summaryScreen(_app, signal) {
  const body = el('div', {}, el('div', { class: 'spinner', 'aria-hidden': 'true' }));
  const element = el('section', { class: 'summary' }, el('h1', {}, t('summary.title')), body);
  void load(body, signal);
  return { element };
}

/** @param {HTMLElement} body @param {AbortSignal} signal */
async function load(body, signal) {
  try {
    draw(body, await get('/api/visit/summary'), signal);
  } catch (error) {
    const again = el('button', { type: 'button', class: 'primary', on: { click: () => load(body, signal) } }, t('linkproblem.again'));
    fill(body, el('p', { class: 'notice error', role: 'alert' }, problemText(codeOf(error))), again);
  }
}

/** Part -> its place in the document. */
const PARTS = /** @type {const} */ (['reason', 'assessment', 'plan', 'safety_net']);

/** @param {HTMLElement} body @param {Summary} summary @param {AbortSignal} signal */
function draw(body, summary, signal) {
  const doctor = [summary.practitioner.display, summary.practitioner.registration_number && t('doctor.registration', { number: summary.practitioner.registration_number })];
  const parts = PARTS.filter((part) => summary[part]).map((part) => el('section', { class: part === 'safety_net' ? 'panel important' : 'panel' },
    el('h2', {}, part === 'safety_net' ? icon('warning') : null, t(`summary.${part}`)), summary[part].split('\n').map((line) => el('p', {}, line))));
  const text = () => PARTS.map((part) => `${t(`summary.${part}`)}. ${summary[part] ?? ''}`).join('. ');
  fill(body,
    el('p', { class: 'lead' }, t('summary.seen', { name: summary.patient.display, when: dateAndTime(summary.seen_at) })),
    el('p', {}, icon('person'), ' ', doctor.filter(Boolean).join(' · ')),
    parts,
    el('p', { class: 'notice warn' }, icon('phone'), el('span', {}, t('summary.emergency', { number: summary.emergency_number }))),
    el('div', { class: 'actions no-print' }, readAloudButton(t('action.listen'), text, signal),
      el('button', { type: 'button', class: 'primary', on: { click: () => window.print() } }, t('summary.print'))));
}
