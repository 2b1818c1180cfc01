// @ts-check
/** One patient from outside: found by number or name; who looked, what is held, what was agreed to, erasure. */

import { focusFirstInvalid } from '../a11y.js';
import { ApiProblem, get, post } from '../api.js';
import { el, fill, icon, setText } from '../elements.js';
import { choiceField, formOf, problemPlace, textField, workButton } from '../forms.js';
import { t, tCount } from '../i18n/index.js';
import { ErasurePanel } from './erasure.js';
import { HoldsPanel } from './holds.js';
import { consentsByVisit, hashOf } from './state.js';
import { TrailPanel } from './trail.js';
import { patientText, timeElement } from './words.js';

const WAYS = Object.freeze(['phone', 'identifier', 'name']);

export class PatientView {
  #app;
  #by = choiceField({ name: 'find_by', type: 'radio', legend: t('find.by'), inline: true, chosen: ['phone'], options: WAYS.map((value) => ({ value, label: t(`find.${value}`) })) });
  #value = textField({ name: 'find_value', label: t('find.value'), hint: t('find.hint'), value: '', maxlength: 200, required: true, spellcheck: false });
  #problems = problemPlace();
  #found = el('div', { class: 'found', role: 'status' });
  #file = el('div', { class: 'file' });
  /** @type {{holds: HoldsPanel, trail: TrailPanel, erasure: ErasurePanel, consents: HTMLElement}|null} */
  #panels = null;
  #title = el('h2', { id: 'file-title', tabindex: -1 });
  #drawn = '';
  element;

  /** @param {import('./app.js').PrivacyApp} app */
  constructor(app) {
    this.#app = app;
    const submit = workButton({ label: t('find.submit'), kind: 'primary' }, () => this.#find(), this.#problems);
    this.element = el('section', { 'aria-labelledby': 'patient-title' }, el('h1', { id: 'patient-title' }, t('privacy.patient')),
      el('details', { class: 'panel find', open: app.state.patientId === null }, el('summary', {}, t('find.title')),
        formOf(submit, { role: 'search' }, this.#by.element, this.#value.element, this.#problems.element, el('div', { class: 'actions' }, submit)), this.#found),
      this.#file);
  }

  async load() {
    const { patientId } = this.#app.state;
    if (!patientId) return;
    await this.#app.attempt(async () => {
      await this.reload();
      this.#app.dispatch({ type: 'trail', patientId, isMore: false, trail: await get(`/api/patients/${patientId}/accesses`) });
    });
  }

  /** Read the file, and its receipt once erased. */
  async reload() {
    const { patientId } = this.#app.state;
    const file = await get(`/api/patients/${patientId}`);
    if (file.erased_at) this.#app.dispatch({ type: 'receipt', patientId: file.id, receipt: await receiptOf(file.id) });
    this.#app.dispatch({ type: 'file', file });
  }

  update() {
    this.#drawFound();
    const { file, patientId, problem } = this.#app.state;
    if (!file) return fill(this.#file, patientId && !problem ? el('p', { class: 'hint' }, t('case.loading')) : null);
    if (!this.#panels) this.#build(file);
    setText(this.#title, patientText(file)); // without a name once erased
    this.#panels?.holds.update(file);
    this.#panels?.trail.update();
    this.#panels?.erasure.update(file);
  }

  /** @param {import('./state.js').PatientFile} file */
  #build(file) {
    const again = () => this.reload();
    this.#panels = { holds: new HoldsPanel(file.id, again), trail: new TrailPanel(this.#app), erasure: new ErasurePanel(this.#app, again), consents: consentsPanel(file) };
    fill(this.#file, el('header', { class: 'file-head' }, this.#title, el('p', { class: 'hint number' }, t('patient.number', { id: file.id }))),
      this.#panels.trail.element, this.#panels.holds.element, this.#panels.consents, this.#panels.erasure.element);
    setText(this.#title, patientText(file));
    this.#title.focus();
  }

  async #find() {
    const value = this.#value.input.value.trim();
    this.#value.setError(value ? null : t('find.error.value'));
    if (!value) return focusFirstInvalid(this.element);
    const { patients } = await post('/api/patients/find', { by: this.#by.chosen()[0], value });
    this.#app.dispatch({ type: 'found', patients });
  }

  #drawFound() {
    const { found } = this.#app.state;
    const drawn = JSON.stringify(found);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (!found) return fill(this.#found);
    fill(this.#found, el('p', {}, found.length ? tCount('find.count', found.length) : t('find.none')),
      found.length ? el('ul', { class: 'results' }, found.map((one) => el('li', {}, el('a', { class: 'button', href: hashOf('patient', one.id) }, icon('person'), patientText(one))))) : null);
  }
}

/** @param {string} patientId @returns {Promise<import('./state.js').Receipt|null>} */
async function receiptOf(patientId) {
  try {
    return await get(`/api/patients/${patientId}/erasure`);
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return null;
    throw error;
  }
}

/** @param {import('./state.js').PatientFile} file */
function consentsPanel(file) {
  const visits = consentsByVisit(file.consents);
  const answer = (/** @type {import('./state.js').ConsentAnswer} */ each) => el('li', {},
    icon(each.given ? 'check' : 'cross'), ' ', t(`scope.${each.scope}`), ': ', el('strong', {}, t(each.given ? 'scope.given' : 'scope.refused')), ' ',
    el('span', { class: 'hint' }, timeElement(each.at), ' · ', t('scope.wording', { version: each.text_version })));
  return el('section', { class: 'panel', 'aria-labelledby': 'consents-title' }, el('h3', { id: 'consents-title' }, t('consents.title')),
    el('p', { class: 'hint' }, t(visits.length ? 'consents.explain' : 'consents.none')),
    visits.map((visit) => el('div', { class: 'visit-consents' }, el('h4', {}, t('consents.visit', { id: visit.visitId.slice(0, 8) })), el('ul', { class: 'plain' }, visit.answers.map(answer)))));
}
