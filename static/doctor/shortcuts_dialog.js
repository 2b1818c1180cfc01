// @ts-check
/** The list of keys, in a dialog. */

import { el } from '../elements.js';
import { t } from '../i18n/index.js';
import { SHORTCUTS } from './shortcuts.js';

/** Opens it; Escape or the button closes it. */
export function showShortcuts() {
  if (document.querySelector('dialog[open]')) return;
  const rows = SHORTCUTS.map((shortcut) => el('tr', {}, el('td', {}, el('kbd', {}, shortcut.label)), el('td', {}, t(`shortcut.${shortcut.command}`))));
  const dialog = el('dialog', { 'aria-labelledby': 'shortcuts-title' }, el('h2', { id: 'shortcuts-title' }, t('console.shortcuts')),
    el('table', { class: 'keys' }, el('tbody', {}, rows)),
    el('form', { method: 'dialog', class: 'actions' }, el('button', { class: 'primary', autofocus: true }, t('console.close'))));
  dialog.addEventListener('close', () => dialog.remove(), { once: true });
  document.body.append(dialog);
  dialog.showModal();
}
