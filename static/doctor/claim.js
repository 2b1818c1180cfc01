// @ts-check
/** What the doctor can do with the visit as a whole: take it, let go, red button. */

import { el, icon } from '../elements.js';
import { workButton } from '../forms.js';
import { t } from '../i18n/index.js';
import { confirmAction } from './confirm.js';
import { takenBy } from './state.js';

/** @param {import('./app.js').ConsoleApp} app @param {import('./state.js').Case} opened @param {Set<string>} can */
export function claimBar(app, opened, can) {
  const claim = workButton({ label: t('case.claim'), kind: 'primary' }, async () => { if (await app.act('claim')) app.focusCase(); });
  const release = workButton({ label: t('case.release') }, async () => { if (await confirmAction('release')) await app.act('release'); });
  const escalate = workButton({ label: t('case.escalate'), kind: 'danger', symbol: 'warning' }, async () => {
    if (await confirmAction('escalate')) await app.act('escalate', { reason: t('case.escalate_reason') });
  });
  claim.dataset.claim = '';
  const taken = takenBy(app.state); // the queue knows it before the case is read again
  const others = taken ? el('p', { class: 'notice warn' }, icon('person'), el('span', {}, t('case.taken_by', { name: taken })))
    : !opened.visit.mine && opened.visit.practitioner_id ? el('p', { class: 'notice calm' }, t('case.others')) : null;
  return [others, can.has('claim') && !taken ? claim : null, can.has('release') ? release : null, can.has('escalate') ? escalate : null];
}
