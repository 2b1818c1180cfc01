// @ts-check
/** The AI triage note: labelled as a draft, tied to the patient's words, accepted or overridden with a reason. */

import { post } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { choiceField, formOf, problemPlace, textField, workButton } from '../forms.js';
import { dateAndTime, has, t } from '../i18n/index.js';
import { LEVELS, levelBadge } from './level.js';

/** @typedef {import('./state.js').Case} Case */

export class TriagePanel {
  element = el('section', { class: 'panel triage', 'aria-labelledby': 'triage-title' });
  #app;
  #isOverriding = false;

  /** @param {import('./app.js').ConsoleApp} app */
  constructor(app) {
    this.#app = app;
  }

  /** @param {Case} opened */
  update(opened) {
    if (this.#isOverriding) return; // do not take the form away while it is filled in
    const { status, note } = opened.triage;
    const title = el('h3', { id: 'triage-title' }, t('triage.title'));
    if (!note) return fill(this.element, title, el('p', { class: 'notice calm' }, t(`triage.status.${status}`)));
    fill(this.element, title, el('p', { class: 'ai-banner' }, el('span', { class: 'ai-mark', 'aria-hidden': 'true' }, 'AI'), note.banner ?? t('triage.banner')),
      el('p', { class: 'triage-level' }, levelBadge(note.level), ' ', note.level_reason ?? ''),
      note.partial ? el('p', { class: 'notice warn' }, t('triage.partial')) : null,
      ...(note.level === null && !note.red_flags?.length ? [] : [flagList(note), news2Line(note)]), // a failed engine says nothing about flags
      questionList(note), moreDetails(note), this.#decision(opened));
  }

  /** @param {Case} opened */
  #decision(opened) {
    const decided = opened.triage.decisions.at(-1);
    const problems = problemPlace();
    const accept = workButton({ label: t('triage.accept'), symbol: 'check' }, () => this.#decide({ action: 'accept' }), problems);
    const override = el('button', { type: 'button', on: { click: () => this.#override(opened) } }, t('triage.override'));
    return el('div', { class: 'decision' },
      decided ? el('p', { class: 'notice calm' }, decisionText(decided)) : null, problems.element,
      el('div', { class: 'actions' }, accept, override));
  }

  /** @param {Record<string, unknown>} decision */
  async #decide(decision) {
    await post(`/api/visits/${this.#app.state.openId}/triage-decision`, decision);
    this.#isOverriding = false;
    await this.#app.reload();
  }

  /** @param {Case} opened */
  #override(opened) {
    this.#isOverriding = true;
    const level = choiceField({
      name: 'level', type: 'radio', legend: t('triage.new_level'), chosen: [], inline: true,
      options: LEVELS.map((value) => ({ value, label: t(`level.${value}`) })),
    });
    const reason = textField({ name: 'override_reason', label: t('triage.reason'), value: '', type: 'textarea', rows: 2, required: true, maxlength: 500 });
    const problems = problemPlace();
    const submit = workButton({ label: t('triage.override_save'), kind: 'primary' }, async () => {
      level.setError(level.chosen()[0] ? null : t('triage.error.level'));
      reason.setError(reason.input.value.trim() ? null : t('triage.error.reason'));
      if (!level.chosen()[0] || !reason.input.value.trim()) return;
      await this.#decide({ action: 'override', level: level.chosen()[0], reason: reason.input.value.trim() });
    }, problems);
    const cancel = el('button', { type: 'button', on: { click: () => { this.#isOverriding = false; this.update(opened); } } }, t('confirm.no'));
    fill(/** @type {HTMLElement} */ (this.element.querySelector('.decision')),
      formOf(submit, {}, level.element, reason.element, problems.element, el('div', { class: 'actions' }, cancel, submit)));
    reason.input.focus();
  }
}

/** @param {any} decided */
function decisionText(decided) {
  const key = has(`triage.decided.${decided.action}`) ? decided.action : 'accept';
  return t(`triage.decided.${key}`, {
    level: decided.level ? t(`level.${decided.level}`) : '', reason: decided.reason ?? '', when: decided.at ? dateAndTime(decided.at) : '',
  });
}

/** @param {any} note */
function flagList(note) {
  if (!note.red_flags?.length) return el('p', {}, t('triage.no_flags'));
  return el('ul', { class: 'flags' }, note.red_flags.map((/** @type {any} */ flag) => el('li', {}, icon('warning'),
    el('span', {}, el('strong', {}, flag.title ?? flag.rule), ' ', flag.quote ? el('q', {}, el('mark', {}, flag.quote)) : null,
      el('span', { class: 'detail' }, [t(`level.${flag.level}`), flag.source].filter(Boolean).join(' · '))))));
}

/** @param {any} note */
function news2Line(note) {
  const score = note.news2;
  if (!score || score.applies === false) return el('p', {}, t('triage.news2_not'));
  const range = score.min === score.max ? t('triage.news2_exact', { value: score.min }) : t('triage.news2_range', { min: score.min, max: score.max });
  const missing = score.missing?.length ? t('triage.news2_missing', { names: score.missing.map(vitalName).join(t('list.comma')) }) : '';
  return el('p', { class: 'news2' }, el('strong', {}, range), ' ', missing);
}

/** @param {string} name */
const vitalName = (name) => (has(`vital.${name}`) ? t(`vital.${name}`) : name.replaceAll('_', ' '));

/** @param {any} note */
function questionList(note) {
  if (!note.questions?.length) return null;
  const words = note.questions.map((/** @type {any} */ question) => (typeof question === 'string' ? question : question.text));
  return el('div', {}, el('h4', {}, t('triage.questions')), el('ul', { class: 'questions' }, words.map((/** @type {string} */ text) => el('li', {}, text))));
}

/** What a doctor may want to open: differential, what was not said, limits, versions. @param {any} note */
function moreDetails(note) {
  const names = (/** @type {any[]|undefined} */ list) => (list ?? []).map((one) => (typeof one === 'string' ? one : one.name)).join(t('list.comma'));
  const rows = [
    ['triage.summary', note.summary], ['triage.departments', names(note.department_names ?? note.departments)],
    ['triage.must_not_miss', names(note.differential?.must_not_miss)], ['triage.likely', names(note.differential?.likely)],
    ['triage.denied', names(note.denied)], ['triage.not_said', names(note.not_said)], ['triage.limits', names(note.limits)],
    ['triage.engine', typeof note.engine === 'string' ? note.engine : note.versions?.engine],
  ].filter(([, value]) => value);
  return el('details', {}, el('summary', {}, t('triage.more')),
    el('dl', { class: 'terms' }, rows.map(([key, value]) => el('div', {}, el('dt', {}, t(key)), el('dd', {}, value)))));
}
