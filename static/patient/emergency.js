// @ts-check
/** The emergency notice: on top of every screen, with a number that dials, and the form kept underneath. */

import { announce } from '../a11y.js';
import { el, fill, icon } from '../elements.js';
import { t } from '../i18n/index.js';
import { Step, stepOf } from './state.js';

/** In the call a doctor is there (unless they pressed the red button), and after it the summary says when to call. */
const HIDDEN_ON = /** @type {Step[]} */ ([Step.CALL, Step.ENDED, Step.SUMMARY, Step.CLOSED, Step.PROBLEM]);
const READ = 'teleconsult.emergency-read';

/** @param {import('./app.js').PatientApp} app */
export function drawEmergency(app) {
  const place = /** @type {HTMLElement} */ (document.getElementById('emergency-notice'));
  const isHidden = HIDDEN_ON.includes(stepOf(app.state)) && app.state.visit?.state !== 'emergency';
  const emergency = isHidden ? null : app.state.emergency;
  const rules = emergency?.rules?.join() ?? '';
  const emergencyRead = app.state.emergencyRead || (emergency !== null && sessionStorage.getItem(READ) === `read:${rules}`);
  const stamp = emergency ? `${emergency.number}|${emergency.text}|${emergencyRead}|${document.documentElement.lang}` : '';
  if (place.dataset.stamp === stamp) return;
  place.dataset.stamp = stamp;
  if (!emergency) return fill(place);
  const call = el('a', { href: `tel:${emergency.number}`, class: 'button danger call-now' }, icon('phone'), t('emergency.call', { number: emergency.number }));
  if (emergencyRead) return fill(place, el('section', { class: 'emergency small', 'aria-label': t('emergency.title') }, call));
  const understood = el('button', { type: 'button', on: { click: () => { sessionStorage.setItem(READ, `read:${rules}`); app.dispatch({ type: 'emergency-read' }); } } }, t('emergency.go_on'));
  fill(place, el('section', { class: 'emergency', 'aria-labelledby': 'emergency-title' },
    el('h2', { id: 'emergency-title' }, icon('warning'), t('emergency.title')),
    el('p', {}, emergency.text), call, el('p', {}, t('emergency.kept')), understood));
  announce(`${t('emergency.title')}. ${emergency.text}`, 'assertive');
  place.scrollIntoView({ block: 'start' });
}
