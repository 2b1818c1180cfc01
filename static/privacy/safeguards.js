// @ts-check
/** The audit chain with its check, the keys, the backups. */

import { announce } from '../a11y.js';
import { get, post } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { problemPlace, workButton } from '../forms.js';
import { dateAndTime, has, t, tCount } from '../i18n/index.js';
import { isCheckpointLate } from './state.js';
import { numberText, terms, timeElement } from './words.js';

/** @typedef {import('./state.js').Safeguards} Safeguards */

// A chain of a million entries takes about a minute; this often the page asks whether it is done.
const ASK_AGAIN_MS = 1_000;

export class SafeguardsView {
  #app;
  #signal;
  #problems = problemPlace();
  #chain = el('div', {});
  #keys = el('div', {});
  #backups = el('div', {});
  #check;
  #isAsking = false;
  /** @type {unknown} */
  #drawn = null;
  element;

  /** @param {import('./app.js').PrivacyApp} app */
  constructor(app) {
    this.#app = app;
    this.#signal = app.work.signal;
    this.#check = workButton({ label: t('chain.check'), kind: 'primary', busy: t('chain.checking') }, () => this.#run(), this.#problems);
    const part = (/** @type {string} */ key, /** @type {import('../elements.js').Child[]} */ ...children) => el('section', { class: 'panel', 'aria-labelledby': `${key}-title` },
      el('h2', { id: `${key}-title` }, t(`${key}.title`)), el('p', { class: 'hint' }, t(`${key}.explain`)), children);
    this.element = el('section', { 'aria-labelledby': 'safeguards-title' }, el('h1', { id: 'safeguards-title' }, t('privacy.safeguards')),
      part('chain', this.#chain, this.#problems.element, el('div', { class: 'actions' }, this.#check)), part('keys', this.#keys), part('backups', this.#backups));
  }

  async load() {
    await this.#app.attempt(() => this.#read());
    if (this.#app.state.safeguards?.audit.checking) void this.#check.run(); // it was begun before a reload, or by a colleague
  }

  update() {
    const { safeguards } = this.#app.state;
    if (!safeguards || safeguards === this.#drawn) return;
    this.#drawn = safeguards;
    fill(this.#chain, chainPart(safeguards.audit));
    fill(this.#keys, keysPart(safeguards.keys));
    fill(this.#backups, backupsPart(safeguards));
  }

  async #read() {
    this.#app.dispatch({ type: 'safeguards', safeguards: await get('/api/safeguards') });
  }

  /** Begin, then ask until the result is there or the page shows something else. */
  async #run() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await post('/api/safeguards/audit-check');
      do {
        await new Promise((resolve) => { setTimeout(resolve, ASK_AGAIN_MS); });
        if (this.#signal.aborted) return;
        await this.#read();
      } while (this.#app.state.safeguards?.audit.checking);
      const result = this.#app.state.safeguards?.audit.checked;
      announce(t(result?.is_sound ? 'chain.sound_short' : 'chain.broken_short'), result?.is_sound ? 'polite' : 'assertive');
    } finally {
      this.#isAsking = false;
    }
  }
}

/** @param {Safeguards['audit']} audit */
function chainPart(audit) {
  const { checkpoint, checked } = audit;
  return [resultOf(checked), audit.check_failed ? el('p', { class: 'notice warn' }, icon('warning'), el('span', {}, t('chain.check_failed'))) : null,
    isCheckpointLate(audit) ? el('p', { class: 'notice warn late' }, icon('clock'), el('span', {}, t('chain.late'))) : null,
    terms([
      ['chain.entries', [numberText(audit.entries), audit.newest_at ? t('chain.newest', { at: dateAndTime(audit.newest_at) }) : ''].filter(Boolean).join(' · ')],
      ['chain.checkpoint', checkpoint ? t('chain.checkpoint_text', { number: numberText(checkpoint.number), at: dateAndTime(checkpoint.at) }) : t('chain.no_checkpoint')],
    ])];
}

/** @param {import('./state.js').Checked|null} checked */
function resultOf(checked) {
  if (!checked) return el('p', { class: 'notice calm' }, icon('clock'), el('span', {}, t('chain.never')));
  const at = dateAndTime(checked.at);
  if (checked.is_sound) return el('p', { class: 'notice calm sound' }, icon('check'), el('span', {}, t('chain.sound', { entries: numberText(checked.entries ?? 0), checkpoints: numberText(checked.checkpoints ?? 0), at })));
  const key = `tampering.${(checked.tampering ?? '').replaceAll(' ', '-')}`;
  return el('p', { class: 'notice error broken' }, icon('warning'), el('span', {}, t('chain.broken', { what: has(key) ? t(key) : checked.tampering ?? '', number: numberText(checked.number ?? 0), at })));
}

/** @param {Safeguards['keys']} keys */
function keysPart(keys) {
  return el('ul', { class: 'lines' }, keys.map((key) => el('li', {}, el('p', {}, el('strong', {}, t(`key.${key.kind}`)), ' · ', t('key.version', { version: key.version }), ' · ', timeElement(key.created_at)),
    key.behind ? el('p', { class: 'notice warn' }, icon('warning'), el('span', {}, tCount('key.behind', key.behind))) : null,
    key.older && key.kind !== 'signing_key' ? el('p', {}, tCount('key.older', key.older)) : null)));
}

/** @param {Safeguards} safeguards */
function backupsPart({ backup, drill }) {
  const last = terms([['backups.last', backup ? el('span', {}, timeElement(backup.at), ' · ', tCount('backups.rows', backup.rows, { rows: numberText(backup.rows) })) : t('backups.none')]]);
  if (!drill) return [last, el('p', { class: 'notice warn' }, icon('warning'), el('span', {}, t('backups.no_drill')))];
  const at = dateAndTime(drill.at);
  const text = drill.faults ? tCount('drill.faults', drill.faults, { at }) : t('drill.good', { at, opened: numberText(drill.opened), entries: numberText(drill.entries), seconds: drill.restore_s });
  return [last, el('p', { class: `notice ${drill.faults ? 'error' : 'calm'}` }, icon(drill.faults ? 'warning' : 'check'), el('span', {}, text))];
}
