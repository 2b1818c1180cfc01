// @ts-check
/** Ends of the road, each with what to do next. */

import { el, icon } from '../../elements.js';
import { has, t } from '../../i18n/index.js';

/** @type {import('../app.js').ScreenBuilder} */
export function loadingScreen() {
  return { element: el('section', { class: 'card' }, el('h1', {}, t('loading.title')), el('div', { class: 'spinner', 'aria-hidden': 'true' })) };
}

/** Codes that go away by trying again. */
const RETRY = ['offline', 'timeout', 'store-unavailable', 'key-service-unavailable', 'unexpected', 'too-many-requests', 'seat-taken', 'link-not-yet'];

/** @type {import('../app.js').ScreenBuilder} */
export function problemScreen(app) {
  const code = app.state.problem ?? 'unexpected';
  const key = has(`linkproblem.${code}.title`) ? code : 'unexpected';
  const again = el('button', { type: 'button', class: 'primary', on: { click: () => location.reload() } },
    t(key === 'seat-taken' ? 'linkproblem.continue_here' : 'linkproblem.again'));
  return {
    element: el('section', { class: 'card' },
      el('p', { class: 'big-icon warn', 'aria-hidden': 'true' }, icon('warning')),
      el('h1', {}, t(`linkproblem.${key}.title`)),
      el('p', { class: 'lead' }, t(`linkproblem.${key}.todo`)),
      RETRY.includes(code) ? again : null,
      el('p', { class: 'hint' }, t('linkproblem.nothing_lost'))),
  };
}

/** @type {import('../app.js').ScreenBuilder} */
export function closedScreen(app) {
  const state = app.state.visit?.state ?? 'discontinued';
  return {
    element: el('section', { class: 'card' },
      el('h1', {}, t(`closed.${state}.title`)),
      el('p', { class: 'lead' }, t(`closed.${state}.todo`)),
      el('p', {}, t('closed.worse'))),
  };
}
