// @ts-check
/** Top and bottom of every patient screen: name, step, language, and help always at the same place. */

import { el, fill, setText } from '../elements.js';
import { t } from '../i18n/index.js';
import { changeLanguage } from './language.js';
import { stepNumber, stepOf } from './state.js';

/** @param {import('./app.js').PatientApp} app */
export function drawHeader(app) {
  const header = /** @type {HTMLElement} */ (document.getElementById('page-header'));
  if (header.dataset.lang !== document.documentElement.lang) buildHeader(header, app);
  const line = header.querySelector('.step-line');
  const number = stepNumber(stepOf(app.state));
  if (line instanceof HTMLElement) {
    line.hidden = number === null;
    setText(line, number ? t('frame.step', number) : '');
  }
}

/** @param {HTMLElement} header @param {import('./app.js').PatientApp} app */
function buildHeader(header, app) {
  header.dataset.lang = document.documentElement.lang;
  const other = t('frame.other_language');
  fill(header,
    el('p', { class: 'brand' }, el('span', { class: 'mark', 'aria-hidden': 'true' }, '+'), t('brand')),
    el('p', { class: 'step-line' }),
    el('button', { type: 'button', class: 'quiet', lang: t('frame.other_language_code'), on: { click: () => changeLanguage(app, /** @type {any} */ (t('frame.other_language_key'))) } }, other));
}

/** @param {import('./app.js').PatientApp} app */
export function drawFooter(app) {
  const footer = /** @type {HTMLElement} */ (document.getElementById('page-footer'));
  const number = app.config.emergency_number;
  const stamp = `${document.documentElement.lang} ${number}`;
  if (footer.dataset.stamp === stamp) return;
  footer.dataset.stamp = stamp;
  fill(footer, el('p', {}, t('frame.help'), ' ',
    number ? el('a', { href: `tel:${number}`, class: 'tel' }, t('frame.emergency', { number })) : null));
}
