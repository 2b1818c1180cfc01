// @ts-check
/** The first question: in which language. Asked in both. */

import { el } from '../../elements.js';
import { t } from '../../i18n/index.js';
import { chooseLanguage } from '../language.js';

/** @type {import('../app.js').ScreenBuilder} */
export function languageScreen(app) {
  const button = (/** @type {'en'|'zh'} */ language, /** @type {string} */ code) => el('button', {
    type: 'button', class: 'large', lang: code, on: { click: () => chooseLanguage(app, language) },
  }, t(`language.${language}`));
  return {
    element: el('section', { class: 'card' },
      el('h1', {}, t('language.title')),
      el('p', { class: 'lead' }, t('language.lead')),
      el('div', { class: 'stack' }, button('en', 'en'), button('zh', 'zh-CN'))),
  };
}
