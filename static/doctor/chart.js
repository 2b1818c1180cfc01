// @ts-check
/** Who, where, and what the patient said; the quoted words are marked in the text. */

import { announce } from '../a11y.js';
import { el, fill, icon } from '../elements.js';
import { t, timeOfDay } from '../i18n/index.js';
import { figuresText } from '../call/line_panel.js';
import { ReadingList, readingsOf, readingText, UNITS } from '../call/readings.js';
import { initialCall } from '../call/state.js';
import { VITALS } from '../patient/vitals.js';
import { recordList } from './fitness.js';
import { segments } from './quotes.js';
import { urgencyOf } from './state.js';

/** @typedef {import('./state.js').Case} Case */

/** A list of terms; empty values are left out. @param {[string, string|null|undefined|Node][]} rows */
function terms(rows) {
  return el('dl', { class: 'terms' }, rows.filter(([, value]) => value).map(([key, value]) => el('div', {}, el('dt', {}, t(key)), el('dd', {}, value ?? ''))));
}

/** @param {string|null|undefined} number */
const telephone = (number) => (number ? el('a', { href: `tel:${number.replace(/[^\d+]/g, '')}`, class: 'tel' }, icon('phone'), number) : null);

/** @param {HTMLElement} place @param {Case} opened @param {HTMLElement|null} checks the buttons that write into the note; null while nothing may be written */
export function drawIdentity(place, { patient, place: where, consents, visit }, checks) {
  const age = patient.age === null ? '' : t('case.age', { age: patient.age });
  const sex = patient.sex && patient.sex !== 'unknown' ? t(`sex.${patient.sex}`) : '';
  const given = consents ? /** @type {const} */ (['ai', 'recording']).map((scope) => t(`consent.${scope}.${consents[scope] ? 'yes' : 'no'}`)).join(' · ') : '';
  fill(place, el('h3', {}, t('case.identity')), terms([
    ['case.name', patient.name], ['case.born', [patient.birth_date, age, sex].filter(Boolean).join(' · ')],
    ['case.place', where?.place], ['case.callback', telephone(where?.callback ?? patient.phone)],
    ['case.line', visit.line_check ? [t(`line_seen.${visit.line_check.verdict}`), visit.line_check.up_bps ? figuresText(visit.line_check) : ''].filter(Boolean).join(' – ') : null],
    ['case.line_record', recordList(visit.line_record ?? [])],
    ['case.contact', where?.emergency_contact], ['case.language', t(`language.${visit.lang}`)], ['case.consents', given],
  ]), checks ?? el('p', { class: 'hint' }, t('case.check_identity')));
}

/** Identity and place in two taps, each a line of the note. @param {(line: string) => void} onChecked */
export function identityChecks(onChecked) {
  const button = (/** @type {string} */ key) => {
    const element = el('button', { type: 'button', 'aria-pressed': 'false', on: { click: () => { onChecked(t(`${key}_line`)); element.setAttribute('aria-pressed', 'true'); fill(element, icon('check'), t(key)); } } }, t(key));
    return element;
  };
  return el('div', { class: 'actions checks' }, button('case.identity_checked'), button('case.place_checked'));
}

/** @param {HTMLElement} place @param {Case} opened */
export function drawIntake(place, { intake, triage, vitals }) {
  if (!intake) return fill(place, el('h3', {}, t('case.intake')), el('p', { class: 'hint' }, t('case.no_intake')));
  const quotes = triage.note?.red_flags ?? [];
  const list = (/** @type {string[]|null|undefined} */ words) => (words?.length ? marked(words.join(t('list.comma')), quotes) : t('case.none_given'));
  fill(place, el('h3', {}, t('case.intake')),
    el('blockquote', { class: 'complaint' }, marked(intake.complaint ?? '', quotes)),
    terms([
      ['case.conditions', list(intake.conditions)], ['case.medications', list(intake.medications)],
      ['case.allergies', intake.allergies?.length ? el('strong', { class: 'allergy' }, icon('warning'), ' ', list(intake.allergies)) : t('case.none_given')],
      ['case.pregnant', typeof intake.pregnant === 'boolean' ? t(intake.pregnant ? 'answer.yes' : 'answer.no') : null],
    ]), vitalsTable(intake.vitals ?? vitals ?? {}));
}

/** What happened to the visit, newest last. @param {HTMLElement} place @param {Case} opened */
export function drawHistory(place, { history }) {
  fill(place, el('summary', {}, t('case.history')), el('ol', { class: 'history' }, history.map((step) => el('li', {},
    el('time', { datetime: step.at }, timeOfDay(step.at)), ' ', t(`state.${step.state}`)))));
}

/** @param {string} text @param {{rule: string, quote: string}[]} quotes */
function marked(text, quotes) {
  return el('span', {}, segments(text, quotes).map((segment) => (segment.rules.length ? el('mark', {}, segment.text) : segment.text)));
}

/** @param {import('../types.js').Vitals} vitals */
function vitalsTable(vitals) {
  const names = VITALS.map(({ name }) => name);
  const given = names.filter((name) => typeof vitals[name] === 'number');
  const missing = names.filter((name) => typeof vitals[name] !== 'number').map((name) => t(`vital.${name}`));
  return el('div', { class: 'vitals' }, el('h4', {}, t('case.vitals')),
    given.length ? el('ul', {}, given.map((name) => el('li', {}, el('span', {}, t(`vital.${name}`)), ' ', el('strong', {}, String(vitals[name]), ' ', t(UNITS[name]))))) : null,
    missing.length ? el('p', { class: 'hint' }, t('case.vitals_missing', { names: missing.join(t('list.comma')) })) : null);
}

const NO_CALL = initialCall();

/** Readings of the call, live and stored; a new one is told aloud. */
export class ReadingsPanel {
  #list = new ReadingList();
  #score = el('div', { class: 'news2-now', role: 'status' });
  #drawn = '';
  /** @type {Set<string>|null} */
  #known = null;
  element = el('section', { class: 'panel', 'aria-labelledby': 'readings-title', hidden: true }, el('h3', { id: 'readings-title' }, t('readings.title')),
    el('p', { class: 'hint' }, t('readings.hint')), this.#list.element, this.#score);

  /** @param {Case} opened @param {import('../call/state.js').CallState} [call] */
  update({ readings = [], news2 }, call = NO_CALL) {
    const shown = readingsOf(call, readings);
    const nameOf = (/** @type {import('../call/readings.js').Shown} */ { from, role }) => call.seats.find(({ seat }) => seat === from)?.display ?? t(`role.${role}`);
    this.element.hidden = shown.length === 0;
    this.#list.update(shown, nameOf);
    this.#drawScore(news2 ?? null);
    const known = this.#known;
    for (const reading of shown) {
      if (known && !known.has(reading.key) && reading.from !== call.seat) announce(t('readings.new', { name: nameOf(reading), text: readingText(reading.values) }));
    }
    this.#known = new Set(shown.map(({ key }) => key));
  }

  /** NEWS2 with the newest values; the triage note above keeps the score that it was made with. @param {import('./state.js').Score|null} score */
  #drawScore(score) {
    const drawn = JSON.stringify(score);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(this.#score, score ? scoreLines(score) : null);
  }
}

/** @param {import('./state.js').Score} score @returns {Node[]} */
function scoreLines(score) {
  if (!score.applies) return [el('p', {}, t('triage.news2_not'))];
  const urgency = urgencyOf(score);
  const value = score.min === score.max ? t('triage.news2_exact', { value: score.min ?? 0 }) : t('triage.news2_range', { min: score.min ?? 0, max: score.max ?? 0 });
  const names = (/** @type {string} */ key, /** @type {string[]} */ list) => (list.length ? t(key, { names: list.map((name) => t(`vital.${name}`)).join(t('list.comma')) }) : '');
  const because = [names('news2.told', score.told), names('news2.before', score.before), names('news2.missing', score.missing)].filter(Boolean).join(' ');
  return [
    el('p', { class: `notice ${urgency === 'high' ? 'error' : urgency === 'low' ? 'calm' : 'warn'}` }, icon(urgency === 'low' ? 'pulse' : 'warning'),
      el('span', {}, el('strong', {}, t('news2.now', { value, at: timeOfDay(score.at) })), urgency === 'low' ? null : ` ${t(`news2.${urgency}`)}`)),
    el('p', { class: 'hint' }, because),
  ];
}
