// @ts-check
/** Who looked at a patient's record, newest first, a page at a time. */

import { announce } from '../a11y.js';
import { get } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { workButton } from '../forms.js';
import { t, tCount } from '../i18n/index.js';
import { deedsOf } from './state.js';
import { actorText, objectsText, purposeText, timeElement } from './words.js';

/** @typedef {import('./state.js').Access} Access */

export class TrailPanel {
  #app;
  #list = el('ol', { class: 'trail lines' });
  #more;
  #note = el('p', { class: 'hint', role: 'status' });
  /** @type {unknown} */
  #drawn = null;
  #count = 0;
  element;

  /** @param {import('./app.js').PrivacyApp} app */
  constructor(app) {
    this.#app = app;
    this.#more = workButton({ label: t('trail.more') }, () => this.#readMore());
    this.#more.hidden = true;
    this.element = el('section', { class: 'panel', 'aria-labelledby': 'trail-title' }, el('h3', { id: 'trail-title' }, t('trail.title')),
      el('p', { class: 'hint' }, t('trail.explain')), this.#list, this.#note, this.#more);
  }

  update() {
    const { trail } = this.#app.state;
    if (!trail || trail === this.#drawn) return;
    this.#drawn = trail;
    if (trail.rows.length < this.#count) { this.#count = 0; fill(this.#list); }
    this.#list.append(...trail.rows.slice(this.#count).map(line));
    this.#count = trail.rows.length;
    this.#more.hidden = trail.next === null;
    fill(this.#note, trail.next === null ? t('trail.end') : null);
  }

  async #readMore() {
    const { patientId, trail } = this.#app.state;
    if (!patientId || !trail?.next) return;
    const before = trail.rows.length;
    await this.#app.attempt(async () => this.#app.dispatch({ type: 'trail', patientId, isMore: true, trail: await get(`/api/patients/${patientId}/accesses?before=${trail.next}`) }));
    const first = this.#list.children[before];
    announce(tCount('trail.added', this.#list.children.length - before));
    if (first instanceof HTMLElement) { first.tabIndex = -1; first.focus(); }
  }
}

/** @param {Access} access */
function line(access) {
  const deeds = deedsOf(access);
  const texts = /** @type {const} */ (['read', 'changed', 'destroyed', 'done']).filter((kind) => deeds[kind].length)
    .map((kind) => t(`deed.${kind}`, { what: objectsText(deeds[kind]) }));
  return el('li', { class: access.broke_glass ? 'broken' : '' },
    el('p', { class: 'trail-who' }, el('strong', {}, actorText(access)), access.broke_glass ? el('span', { class: 'badge broken' }, icon('warning'), ' ', t('trail.broken')) : null,
      access.refused ? el('span', { class: 'badge' }, t('trail.refused')) : null),
    el('p', {}, texts.join(t('list.semicolon'))),
    el('p', { class: 'hint' }, timeElement(access.at), ' · ', purposeText(access.purpose),
      access.times > 1 ? [' · ', tCount('trail.times', access.times), ' ', timeElement(access.since)] : null));
}
