// @ts-check
/** The landing page: what this is, and which door is whose. */

import { get } from './api.js';
import { el, fill } from './elements.js';
import { preferredLanguage, setLanguage, t, useWords } from './i18n/index.js';

/** @param {string} number */
function draw(number) {
  const main = /** @type {HTMLElement} */ (document.getElementById('screen'));
  const header = /** @type {HTMLElement} */ (document.getElementById('page-header'));
  const switchLanguage = async () => {
    await setLanguage(/** @type {any} */ (t('frame.other_language_key')));
    draw(number);
  };
  document.title = t('brand');
  fill(header, el('p', { class: 'brand' }, el('span', { class: 'mark', 'aria-hidden': 'true' }, '+'), t('brand')),
    el('button', { type: 'button', class: 'quiet', lang: t('frame.other_language_code'), on: { click: switchLanguage } }, t('frame.other_language')));
  const part = (/** @type {string} */ key, /** @type {HTMLElement|null} */ action = null) => el('section', { class: 'panel' },
    el('h2', {}, t(key)), el('p', {}, t(`${key}_text`)), action);
  fill(main,
    el('h1', {}, t('landing.title')), el('p', { class: 'lead' }, t('landing.lead')),
    number ? el('p', { class: 'notice warn' }, t('landing.emergency', { number })) : null,
    el('div', { class: 'doors' }, part('landing.patient'), part('landing.no_link'), part('landing.need'),
      el('section', { class: 'panel' }, el('h2', {}, t('landing.staff')), el('a', { class: 'button primary', href: '/console' }, t('landing.staff_button')))));
}

async function start() {
  useWords('visit');
  const [config] = await Promise.all([get('/api/config').catch(() => ({})), setLanguage(preferredLanguage())]);
  draw(config.emergency_number ?? '');
}

void start();
