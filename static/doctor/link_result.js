// @ts-check
/** A link to give to somebody: shown whole, copied by one button. */

import { el, fill, icon } from '../elements.js';
import { workButton } from '../forms.js';
import { t } from '../i18n/index.js';

/** @param {string} label @param {string} link absolute, or a path of this server @returns {HTMLElement} */
export function linkResult(label, link) {
  const address = new URL(link, location.origin).href;
  const input = el('input', { type: 'text', readonly: true, 'aria-label': label });
  input.value = address;
  const copied = el('span', {});
  const copy = workButton({ label: t('invite.copy') }, async () => {
    await navigator.clipboard.writeText(address).catch(() => input.select());
    fill(copied, icon('check'), t('invite.copied'));
  });
  return el('div', { class: 'link-result' }, el('p', {}, label), input, el('div', { class: 'actions' }, copy, copied));
}
