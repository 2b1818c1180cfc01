// @ts-check
/** The waiting room: an honest place and time, safe to close, easy to leave. */

import { announce, confirmDialog } from '../../a11y.js';
import { post } from '../../api.js';
import { Connection } from '../../signalling/socket.js';
import { el, icon, setText } from '../../elements.js';
import { problemPlace, workButton } from '../../forms.js';
import { t, tCount } from '../../i18n/index.js';

/** @type {import('../app.js').ScreenBuilder} */
export function waitingScreen(app) {
  if (app.state.visit?.role !== 'patient') return companionWaiting(app);
  const place = el('p', { class: 'queue-number', 'aria-hidden': 'true' });
  const placeWords = el('p', { class: 'lead' });
  const wait = el('p', { class: 'wait' });
  const line = el('p', { class: 'notice calm', role: 'status', hidden: true });
  const problems = problemPlace();
  const element = el('section', { class: 'waiting' },
    el('h1', {}, t('waiting.title')),
    el('div', { class: 'card centre' }, place, placeWords, wait),
    line,
    el('ul', { class: 'facts' },
      el('li', {}, icon('warning'), el('span', {}, t('waiting.overtaken'))),
      el('li', {}, icon('check'), el('span', {}, t('waiting.may_close'))),
      el('li', {}, icon('bell'), el('span', {}, t('waiting.ring'))),
      el('li', {}, icon('phone'), el('span', {}, t('waiting.worse')))),
    problems.element,
    el('div', { class: 'actions' }, leaveButton(app, problems)));
  let announced = '';
  const update = () => {
    const queue = app.session?.state.queue ?? app.state.visit?.queue ?? null;
    setText(place, queue ? String(queue.position) : '…');
    setText(placeWords, queue ? placeText(queue) : t('waiting.finding_place'));
    setText(wait, queue ? waitText(queue) : '');
    const isAway = app.session?.state.connection === Connection.RECONNECTING;
    line.hidden = !isAway;
    setText(line, isAway ? t('waiting.line_lost') : '');
    if (queue && announced !== placeText(queue)) announce((announced = placeText(queue)));
  };
  return { element, update };
}

/** @param {import('../../types.js').QueuePlace} queue */
const placeText = (queue) => (queue.ahead === 0 ? t('waiting.next') : tCount('waiting.ahead', queue.ahead));

/** @param {import('../../types.js').QueuePlace & {full?: boolean}} queue */
function waitText(queue) {
  if (queue.full) return t('waiting.full');
  if (!queue.wait_min) return t('waiting.unknown');
  const [low, high] = queue.wait_min;
  if (high < 2) return t('waiting.any_moment');
  return low === high ? t('waiting.about', { low }) : t('waiting.range', { low, high });
}

/** @param {import('../app.js').PatientApp} app @param {ReturnType<typeof problemPlace>} problems */
function leaveButton(app, problems) {
  return workButton({ label: t('waiting.leave'), kind: 'quiet' }, async () => {
    const words = { title: t('waiting.leave_title'), text: t('waiting.leave_text'), yes: t('waiting.leave_yes'), no: t('waiting.leave_no') };
    if (!(await confirmDialog(words))) return;
    await post('/api/visit/leave');
    await app.refresh();
  }, problems);
}

/** @param {import('../app.js').PatientApp} app @returns {import('../app.js').Screen} */
function companionWaiting(app) {
  return {
    element: el('section', { class: 'waiting' }, el('h1', {}, t('companion.title', { role: t(`role.${app.state.visit?.role}`) })),
      el('p', { class: 'lead' }, t('companion.lead')), el('div', { class: 'spinner', 'aria-hidden': 'true' })),
  };
}
