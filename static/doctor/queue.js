// @ts-check
/** The queue in the order to be seen: level by word, shape and colour; waited, promised, who has it. */

import { el, fill, icon, setText } from '../elements.js';
import { t } from '../i18n/index.js';
import { levelBadge } from './level.js';
import { NewVisitPanel } from './new_visit.js';
import { hoursAndMinutes, isLate, ownFirst } from './state.js';

// Two flags tell the urgency; the case tells the rest.
const FLAGS_SHOWN = 2;

/** @typedef {import('../types.js').QueueRow} QueueRow */

export class QueueView {
  #list = el('ol', { class: 'queue-list' });
  #empty = el('p', { class: 'hint' }, t('queue.empty'));
  #live = el('p', { class: 'live', role: 'status' });
  #app;
  #drawn = '';
  element;

  /** @param {import('./app.js').ConsoleApp} app */
  constructor(app) {
    this.#app = app;
    this.element = el('section', { class: 'queue', 'aria-labelledby': 'queue-title' },
      el('h1', { id: 'queue-title' }, t('queue.title')), this.#live, this.#empty, this.#list, new NewVisitPanel().element);
  }

  focus() {
    const first = this.#list.querySelector('button');
    (first ?? /** @type {HTMLElement} */ (this.element.querySelector('h1'))).focus();
  }

  update() {
    const { rows, isLive, openId } = this.#app.state;
    setText(this.#live, isLive ? '' : t('queue.not_live'));
    this.#live.hidden = isLive;
    this.#empty.hidden = rows.length > 0;
    const drawn = JSON.stringify([rows.map((row) => ({ ...row, waited_s: Math.floor(row.waited_s / 60), late: isLate(row) })), openId]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = document.activeElement?.closest('[data-visit]')?.getAttribute('data-visit');
    fill(this.#list, ownFirst(rows).map((row) => this.#row(row)));
    if (focused) /** @type {HTMLElement|null} */ (this.#list.querySelector(`[data-visit="${focused}"] button`))?.focus();
  }

  /** @param {QueueRow} row */
  #row(row) {
    const isOpen = row.visit_id === this.#app.state.openId;
    const facts = [personLine(row), t(`language.${row.lang}`)].filter(Boolean).join(' · ');
    const button = el('button', { type: 'button', class: 'row', 'aria-current': isOpen ? 'true' : null, on: { click: () => this.#app.open(row.visit_id) } },
      el('span', { class: 'row-top' }, levelBadge(row.level), el('span', { class: `row-wait ${isLate(row) ? 'late' : ''}` }, icon('clock'), ' ', waitedText(row))),
      el('span', { class: 'row-name' }, row.display), el('span', { class: 'row-facts' }, facts),
      row.flags.length ? el('span', { class: 'row-flags' }, icon('warning'), ' ', flagsText(row.flags)) : null,
      el('span', { class: 'row-state' }, [t(`state.${row.state}`), t(`presence.${row.presence}`), claimedText(row)].filter(Boolean).join(' · ')));
    return el('li', { class: `level-${row.level ?? 'none'} ${row.mine ? 'mine' : ''}`, 'data-visit': row.visit_id }, button);
  }
}

/** @param {QueueRow} row */
function personLine(row) {
  return [row.age === null ? '' : t('case.age', { age: row.age }), row.sex && row.sex !== 'unknown' ? t(`sex.${row.sex}`) : ''].filter(Boolean).join(', ');
}

/** @param {QueueRow} row */
function waitedText(row) {
  const { hours, minutes } = hoursAndMinutes(row.waited_s);
  const waited = hours ? t('queue.waited_hours', { hours, minutes }) : t('queue.waited', { minutes });
  if (!row.promised_min) return waited;
  return `${waited} ${t('queue.promised', { low: row.promised_min[0], high: row.promised_min[1] })}`;
}

/** @param {string[]} flags */
function flagsText(flags) {
  const more = flags.length - FLAGS_SHOWN;
  return [...flags.slice(0, FLAGS_SHOWN), ...(more > 0 ? [`+${more}`] : [])].join(' · ');
}

/** @param {QueueRow} row */
function claimedText(row) {
  if (row.mine) return t('queue.mine');
  return row.claimed_by ? t('queue.claimed_by', { name: row.claimed_by }) : '';
}
