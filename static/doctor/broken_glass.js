// @ts-check
/** A patient who is in a colleague's care: who has them, and the way in for an emergency, with a reason that is reviewed. */

import { focusFirstInvalid } from '../a11y.js';
import { post } from '../api.js';
import { el, icon } from '../elements.js';
import { formOf, problemPlace, textField, workButton } from '../forms.js';
import { t } from '../i18n/index.js';

/** @param {import('./app.js').ConsoleApp} app @param {import('../types.js').QueueRow|undefined} row of the queue, while it is listed */
export function closedCase(app, row) {
  const reason = textField({ name: 'glass_reason', label: t('glass.reason'), hint: t('glass.hint'), value: '', type: 'textarea', rows: 2, maxlength: 500, required: true });
  const problems = problemPlace();
  const submit = workButton({ label: t('glass.open'), kind: 'danger', symbol: 'warning' }, async () => {
    const text = reason.input.value.trim();
    reason.setError(text ? null : t('glass.error'));
    if (!text) return focusFirstInvalid(form);
    app.dispatch({ type: 'case', opened: await post(`/api/visits/${app.state.openId}/break-glass`, { reason: text }) });
    app.focusCase();
  }, problems);
  const form = formOf(submit, {}, reason.element, problems.element, el('div', { class: 'actions' }, submit));
  const who = row?.claimed_by ? t('glass.with', { name: row.claimed_by }) : t('glass.closed');
  return el('section', { class: 'panel closed-case' }, el('h2', { tabindex: -1 }, row?.display ?? t('glass.title')),
    el('p', { class: 'notice calm' }, icon('person'), el('span', {}, who)),
    el('details', {}, el('summary', {}, t('glass.summary')), el('p', {}, t('glass.explain')), form));
}
