// @ts-check
/** What the doctor can do with the visit as a whole: take it, let go, red button. */

import { el } from '../elements.js';
import { workButton } from '../forms.js';
import { t } from '../i18n/index.js';
import { confirmAction } from './confirm.js';

/** @param {import('./app.js').ConsoleApp} app @param {import('./state.js').Case} opened @param {Set<string>} can */
export function claimBar(app, opened, can) {
  const claim = workButton({ label: t('case.claim'), kind: 'primary' }, async () => { if (await app.act('claim')) app.focusCase(); });
  const release = workButton({ label: t('case.release') }, async () => { if (await confirmAction('release')) await app.act('release'); });
  const escalate = workButton({ label: t('case.escalate'), kind: 'danger', symbol: 'warning' }, async () => {
    if (await confirmAction('escalate')) await app.act('escalate', { reason: t('case.escalate_reason') });
  });
  const others = !opened.visit.mine && opened.visit.practitioner_id ? el('p', { class: 'notice calm' }, t('case.others')) : null;
  return [others, can.has('claim') ? claim : null, can.has('release') ? release : null, can.has('escalate') ? escalate : null];
}
