// @ts-check
/** The doctor's own line test, in a dialog. What it finds is how the next call begins. */

import { LinePanel } from '../call/line_panel.js';
import { el } from '../elements.js';
import { t } from '../i18n/index.js';

/** Opens it; Escape or the button closes it and ends a test that runs. */
export function showLineTest() {
  if (document.querySelector('dialog[open]')) return;
  const ended = new AbortController();
  const panel = new LinePanel(ended.signal);
  const dialog = el('dialog', { 'aria-label': t('line.title') }, panel.element,
    el('form', { method: 'dialog', class: 'actions' }, el('button', { class: 'primary', autofocus: true }, t('console.close'))));
  dialog.addEventListener('close', () => { ended.abort(); dialog.remove(); }, { once: true });
  document.body.append(dialog);
  dialog.showModal();
}
