// @ts-check
/** Where the patient is now, how to call back, whom to tell: so that help can find them if the line breaks. */

import { focusFirstInvalid } from '../../a11y.js';
import { put } from '../../api.js';
import { el, fill, icon } from '../../elements.js';
import { formOf, problemPlace, textField, workButton } from '../../forms.js';
import { t, timeOfDay } from '../../i18n/index.js';
import { findDraft, keepDraft } from '../drafts.js';
import { Step } from '../state.js';

// A position that takes longer is not worth waiting for; the typed place is what counts.
const POSITION_TIMEOUT_MS = 10_000;

/** @typedef {import('../../types.js').Place} Place */

/** @type {import('../app.js').ScreenBuilder} */
export function placeScreen(app, signal) {
  const visitId = app.state.visit?.id ?? '';
  /** @type {Place} */
  const draft = findDraft(visitId, 'place') ?? { place: '', callback: '', emergency_contact: '' };
  const fields = {
    place: textField({ name: 'place', label: t('place.place'), hint: t('place.place_hint'), value: draft.place, type: 'textarea', rows: 2, required: true, autocomplete: 'street-address', maxlength: 500 }),
    callback: textField({ name: 'callback', label: t('place.callback'), hint: t('place.callback_hint'), value: draft.callback, type: 'tel', required: true, autocomplete: 'tel', maxlength: 40 }),
    emergency_contact: textField({ name: 'emergency_contact', label: t('place.contact'), hint: t('place.contact_hint'), value: draft.emergency_contact, maxlength: 200 }),
  };
  const typed = () => /** @type {Place} */ (Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.input.value.trim()])));
  const problems = problemPlace();
  const submit = workButton({ label: t('action.continue'), kind: 'primary' }, () => save(app, fields, typed(), form), problems);
  const back = el('button', { type: 'button', on: { click: () => app.dispatch({ type: 'revisit', step: Step.CONSENTS }) } }, t('action.back'));
  const form = formOf(submit, { on: { input: () => keepDraft(visitId, 'place', typed()) }, signal },
    fields.place.element, positionButton(fields.place.input), fields.callback.element, fields.emergency_contact.element,
    problems.element, el('div', { class: 'actions' }, back, submit));
  return {
    element: el('section', {}, el('h1', {}, t('place.title')),
      el('p', { class: 'notice calm' }, icon('phone'), el('span', {}, t('place.why'))), form),
  };
}

/**
 * @param {import('../app.js').PatientApp} app @param {Record<keyof Place, import('../../forms.js').TextField>} fields
 * @param {Place} place @param {HTMLElement} form
 */
async function save(app, fields, place, form) {
  fields.place.setError(place.place.length < 3 ? t('place.error.place') : null);
  fields.callback.setError(place.callback.replace(/\D/g, '').length < 3 ? t('place.error.callback') : null);
  if (form.querySelector('[aria-invalid]')) return focusFirstInvalid(form);
  await put('/api/visit/place', place);
  await app.refresh();
}

/** Adds the position behind the typed place, with accuracy and time (consultation.md §6). @param {HTMLInputElement|HTMLTextAreaElement} input */
function positionButton(input) {
  if (!('geolocation' in navigator)) return '';
  const note = el('p', { class: 'hint', role: 'status' });
  const add = (/** @type {GeolocationPosition} */ { coords, timestamp }) => {
    const text = t('place.position', {
      latitude: coords.latitude.toFixed(5), longitude: coords.longitude.toFixed(5), accuracy: Math.round(coords.accuracy), time: timeOfDay(timestamp),
    });
    input.value = `${input.value.replace(/\s*\[[^\]]*\]$/, '')} [${text}]`.trim();
    input.dispatchEvent(new Event('input', { bubbles: true }));
    fill(note, t('place.position_added'));
  };
  const ask = () => {
    fill(note, t('place.position_asking'));
    navigator.geolocation.getCurrentPosition(add, () => fill(note, t('place.position_failed')), { timeout: POSITION_TIMEOUT_MS, enableHighAccuracy: true });
  };
  return el('div', { class: 'stack-tight' }, el('button', { type: 'button', class: 'quiet', on: { click: ask } }, t('place.add_position')), note);
}
