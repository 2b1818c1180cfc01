// @ts-check
/** The emergency notice: on top of every screen, with a number that dials, and the form kept underneath. */

import { announce } from '../a11y.js';
import { el, fill, icon } from '../elements.js';
import { t } from '../i18n/index.js';

/** @param {import('./app.js').PatientApp} app */
export function drawEmergency(app) {
  const place = /** @type {HTMLElement} */ (document.getElementById('emergency-notice'));
  const { emergency, emergencyRead } = app.state;
  const stamp = emergency ? `${emergency.number}|${emergency.text}|${emergencyRead}|${document.documentElement.lang}` : '';
  if (place.dataset.stamp === stamp) return;
  place.dataset.stamp = stamp;
  if (!emergency) return fill(place);
  const call = el('a', { href: `tel:${emergency.number}`, class: 'button danger call-now' }, icon('phone'), t('emergency.call', { number: emergency.number }));
  if (emergencyRead) return fill(place, el('section', { class: 'emergency small', 'aria-label': t('emergency.title') }, call));
  const understood = el('button', { type: 'button', on: { click: () => app.dispatch({ type: 'emergency-read' }) } }, t('emergency.go_on'));
  fill(place, el('section', { class: 'emergency', 'aria-labelledby': 'emergency-title' },
    el('h2', { id: 'emergency-title' }, icon('warning'), t('emergency.title')),
    el('p', {}, emergency.text), call, el('p', {}, t('emergency.kept')), understood));
  announce(`${t('emergency.title')}. ${emergency.text}`, 'assertive');
  place.scrollIntoView({ block: 'start' });
}
