// @ts-check
/** The queue in the order to be seen: level by word, shape and colour; waited, promised, who has it. */

import { el, fill, icon, setText } from '../elements.js';
import { t } from '../i18n/index.js';
import { levelBadge } from './level.js';
import { NewVisitPanel } from './new_visit.js';
import { hoursAndMinutes, isLate, ownFirst, waitedNow } from './state.js';

// Two flags tell the urgency; the case tells the rest.
const FLAGS_SHOWN = 2;
// The server sends the queue when it changes; between, minutes pass all the same.
const TICK_MS = 20_000;

/** @typedef {import('../types.js').QueueRow} QueueRow */
/** @typedef {{item: HTMLLIElement, button: HTMLButtonElement, drawn: string}} Line */

export class QueueView {
  #list = el('ol', { class: 'queue-list', on: { keydown: (event) => this.#onKey(event) } });
  #empty = el('p', { class: 'hint' }, t('queue.empty'));
  #live = el('p', { class: 'live', role: 'status' });
  #alarm = el('div', { class: 'queue-alarm' });
  #app;
  /** A row keeps its element while it is shown, so that a click or the focus on it is not lost when others change. @type {Map<string, Line>} */
  #lines = new Map();
  /** @type {unknown} */
  #rows = null;
  #since = 0;
  #alarmed = '';
  element;

  /** @param {import('./app.js').ConsoleApp} app @param {AbortSignal} signal ends it */
  constructor(app, signal) {
    this.#app = app;
    this.element = el('section', { class: 'queue', 'aria-labelledby': 'queue-title' },
      el('h1', { id: 'queue-title' }, t('queue.title')), this.#live, this.#alarm, this.#empty, this.#list, new NewVisitPanel().element);
    const tick = setInterval(() => this.update(), TICK_MS);
    signal.addEventListener('abort', () => clearInterval(tick), { once: true });
  }

  /** To the opened patient's row, else to the first. */
  focus() {
    const row = this.#list.querySelector('[aria-current]') ?? this.#list.querySelector('button');
    /** @type {HTMLElement} */ (row ?? this.element.querySelector('h1')).focus();
  }

  update() {
    const { rows, isLive } = this.#app.state;
    const anchor = this.#anchor();
    setText(this.#live, isLive ? '' : t('queue.not_live'));
    this.#live.hidden = isLive;
    this.#empty.hidden = rows.length > 0;
    this.#drawAlarm();
    if (rows !== this.#rows) { this.#rows = rows; this.#since = performance.now(); }
    const shown = ownFirst(waitedNow(rows, (performance.now() - this.#since) / 1000));
    this.#place(shown);
    anchor?.();
  }

  /** Each row's element in the order of the rows; what did not change is not touched. @param {QueueRow[]} rows */
  #place(rows) {
    const focused = document.activeElement;
    const kept = new Set(rows.map((row) => row.visit_id));
    for (const [id, { item }] of this.#lines) if (!kept.has(id)) { item.remove(); this.#lines.delete(id); }
    rows.forEach((row, index) => {
      const { item } = this.#line(row);
      const there = this.#list.children[index];
      if (there !== item) this.#list.insertBefore(item, there ?? null);
    });
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.#list.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** @param {QueueRow} row @returns {Line} */
  #line(row) {
    const isOpen = row.visit_id === this.#app.state.openId;
    const drawn = JSON.stringify([{ ...row, waited_s: Math.floor(row.waited_s / 60), late: isLate(row) }, isOpen]);
    const line = this.#lines.get(row.visit_id) ?? this.#newLine(row.visit_id);
    if (line.drawn === drawn) return line;
    line.drawn = drawn;
    line.item.className = `level-${row.level ?? 'none'} ${row.mine ? 'mine' : ''} ${row.claimed_by && !row.mine ? 'taken' : ''}`;
    if (isOpen) line.button.setAttribute('aria-current', 'true'); else line.button.removeAttribute('aria-current');
    fill(line.button, rowParts(row));
    return line;
  }

  /** @param {string} visitId @returns {Line} */
  #newLine(visitId) {
    const button = el('button', { type: 'button', class: 'row', on: { click: () => this.#app.open(visitId) } });
    const line = { item: el('li', { 'data-visit': visitId }, button), button, drawn: '' };
    this.#lines.set(visitId, line);
    return line;
  }

  /**
   * The row that is at the top of what is seen stays where it is when others come above it: nobody presses a wrong patient.
   * @returns {(() => void)|null} to be called after the change
   */
  #anchor() {
    const isBox = getComputedStyle(this.element).overflowY === 'auto';
    const top = isBox ? this.element.getBoundingClientRect().top : 0;
    const scrolled = isBox ? this.element : document.scrollingElement;
    if (!scrolled || scrolled.scrollTop === 0) return null;
    const row = [...this.#list.children].find((item) => item.getBoundingClientRect().top >= top);
    if (!row) return null;
    const before = row.getBoundingClientRect().top;
    return () => { if (row.isConnected) scrolled.scrollTop += row.getBoundingClientRect().top - before; };
  }

  /** Who became an emergency and was not looked at: seen wherever the list is scrolled to. */
  #drawAlarm() {
    const { alarms } = this.#app.state;
    const drawn = JSON.stringify(alarms.map((row) => row.visit_id));
    if (drawn === this.#alarmed) return;
    this.#alarmed = drawn;
    fill(this.#alarm, alarms.map((row) => el('button', { type: 'button', class: 'danger', on: { click: () => this.#app.open(row.visit_id) } },
      icon('warning'), el('span', {}, t('queue.alert', { names: row.display })))));
  }

  /** Up and down through the rows. @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const buttons = [...this.#list.querySelectorAll('button')];
    const to = buttons[buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step];
    if (!to) return;
    event.preventDefault();
    to.focus();
  }
}

/** @param {QueueRow} row */
function rowParts(row) {
  const facts = [personLine(row), t(`language.${row.lang}`)].filter(Boolean).join(' · ');
  return [
    el('span', { class: 'row-top' }, levelBadge(row.level), el('span', { class: `row-wait ${isLate(row) ? 'late' : ''}` }, icon('clock'), ' ', waitedText(row))),
    el('span', { class: 'row-who' }, el('span', { class: 'row-name' }, row.display), ' ', el('span', { class: 'row-facts' }, facts)),
    row.flags.length ? el('span', { class: 'row-flags' }, icon('warning'), ' ', flagsText(row.flags)) : null,
    el('span', { class: 'row-state' }, [t(`state.${row.state}`), t(`presence.${row.presence}`), claimedText(row), promisedText(row)].filter(Boolean).join(' · ')),
  ];
}

/** @param {QueueRow} row */
function personLine(row) {
  return [row.age === null ? '' : t('case.age', { age: row.age }), row.sex && row.sex !== 'unknown' ? t(`sex.${row.sex}`) : ''].filter(Boolean).join(', ');
}

/** @param {QueueRow} row */
function waitedText(row) {
  const { hours, minutes } = hoursAndMinutes(row.waited_s);
  return hours ? t('queue.waited_hours', { hours, minutes }) : t('queue.waited', { minutes });
}

/** @param {QueueRow} row */
const promisedText = (row) => (row.promised_min ? t('queue.promised', { low: row.promised_min[0], high: row.promised_min[1] }) : '');

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
