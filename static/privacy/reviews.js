// @ts-check
/** Accesses outside one's care that wait for a verdict, and those that were judged lately. */

import { announce, focusFirstInvalid } from '../a11y.js';
import { get, post } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { choiceField, formOf, problemPlace, textField, workButton } from '../forms.js';
import { t, tCount } from '../i18n/index.js';
import { hashOf, hoursLeft, missingOf } from './state.js';
import { objectsText, patientText, terms, timeElement } from './words.js';

/** @typedef {import('./state.js').Breakage} Breakage */
/** @typedef {import('./state.js').Judged} Judged */

export class ReviewsView {
  #app;
  #list = el('div', { class: 'reviews' });
  #judged = el('details', { class: 'panel judged' });
  #count = el('p', { class: 'lead' });
  /** Cards stay while others are judged: what is written in them is kept. @type {Map<string, HTMLElement>} */
  #cards = new Map();
  /** @type {unknown} */
  #drawn = null;
  element;

  /** @param {import('./app.js').PrivacyApp} app */
  constructor(app) {
    this.#app = app;
    this.element = el('section', { 'aria-labelledby': 'reviews-title' }, el('h1', { id: 'reviews-title' }, t('privacy.reviews')),
      el('p', { class: 'hint' }, t('review.explain')), this.#count, this.#list, this.#judged);
    this.#judged.hidden = true;
  }

  async load() {
    await this.#app.attempt(async () => this.#app.dispatch({ type: 'reviews', ...await get('/api/break-glass') }));
  }

  update() {
    const { reviews } = this.#app.state;
    if (!reviews || reviews === this.#drawn) return;
    this.#drawn = reviews;
    fill(this.#count, reviews.rows.length ? tCount('review.count', reviews.rows.length) : t('review.none'));
    const cards = new Map(reviews.rows.map((row) => [row.id, this.#cards.get(row.id) ?? this.#card(row)]));
    this.#cards = cards;
    fill(this.#list, [...cards.values()]);
    this.#drawJudged(reviews.reviewed);
  }

  /** @param {Breakage} row */
  #card(row) {
    const isErased = row.reason === null;
    const verdict = choiceField({
      name: `verdict-${row.id}`, type: 'radio', legend: t('review.verdict'), inline: true, chosen: [],
      options: ['justified', 'unjustified'].map((value) => ({ value, label: t(`verdict.${value}`) })),
    });
    const note = textField({ name: `note-${row.id}`, label: t('review.note'), hint: t('review.note_hint'), value: '', type: 'textarea', rows: 2, maxlength: 500 });
    const problems = problemPlace();
    const submit = workButton({ label: t('review.save'), kind: 'primary' }, () => this.#judge(row, { verdict, note, form }), problems);
    const form = formOf(submit, { class: 'verdict' }, verdict.element, isErased ? null : note.element, problems.element, el('div', { class: 'actions' }, submit));
    return el('article', { class: `panel review ${row.overdue ? 'overdue' : ''}`, 'data-review': row.id, 'aria-labelledby': `review-${row.id}` },
      el('h2', { id: `review-${row.id}` }, t('review.title', { actor: row.actor ?? t('actor.practitioner'), patient: patientText(row.patient, 'patient.erased_one') })),
      this.#due(row), this.#facts(row), el('a', { href: hashOf('patient', row.patient_id), class: 'open-file' }, t('review.open_file')), form);
  }

  /** @param {Breakage} row */
  #due(row) {
    if (row.overdue) return el('p', { class: 'notice error' }, icon('warning'), el('span', {}, t('review.overdue')));
    return el('p', { class: 'due' }, icon('clock'), ' ', tCount('review.due', hoursLeft(row, Date.now())));
  }

  /** @param {Breakage} row */
  #facts(row) {
    return terms([
      ['review.reason', row.reason === null ? t('review.reason_erased') : el('q', {}, row.reason)], ['review.when', timeElement(row.at)],
      ['review.what', objectsText(row.objects)],
    ]);
  }

  /** @param {Breakage} row @param {{verdict: import('../forms.js').ChoiceField, note: import('../forms.js').TextField, form: HTMLElement}} filled */
  async #judge(row, { verdict, note, form }) {
    const [chosen] = verdict.chosen();
    const missing = missingOf(chosen, note.input.value, row.reason === null);
    verdict.setError(missing === 'verdict' ? t('review.error.verdict') : null);
    note.setError(missing === 'note' ? t('review.error.note') : null);
    if (missing) return focusFirstInvalid(form);
    await post(`/api/break-glass/${row.id}/review`, { verdict: chosen, note: note.input.value.trim() || null });
    announce(t('review.saved'));
    await this.load();
    /** @type {HTMLElement} */ (this.element.querySelector('h1')).focus();
  }

  /** @param {readonly Judged[]} rows */
  #drawJudged(rows) {
    this.#judged.hidden = rows.length === 0;
    fill(this.#judged, el('summary', {}, tCount('review.judged', rows.length)), el('ul', { class: 'lines' }, rows.map((row) => el('li', {},
      el('p', {}, el('span', { class: `badge verdict-${row.verdict ?? 'none'}` }, t(`verdict.${row.verdict ?? 'none'}`)), ' ',
        t('review.title', { actor: row.actor ?? t('actor.practitioner'), patient: patientText(row.patient, 'patient.erased_one') })),
      row.note ? el('p', {}, el('q', {}, row.note)) : null,
      el('p', { class: 'hint' }, t('review.by', { name: row.reviewed_by ?? t('actor.unknown') }), ' · ', timeElement(row.reviewed_at))))));
  }
}
