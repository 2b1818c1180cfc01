// @ts-check
/** Legal holds that are on a patient: a reason to set one, a question before one is lifted. */

import { announce, confirmDialog, focusFirstInvalid } from '../a11y.js';
import { post, remove } from '../api.js';
import { el, fill } from '../elements.js';
import { formOf, problemPlace, textField, workButton } from '../forms.js';
import { t } from '../i18n/index.js';
import { timeElement } from './words.js';

export class HoldsPanel {
  #patientId;
  #again;
  #list = el('div', { class: 'holds' });
  #reason = textField({ name: 'hold_reason', label: t('hold.reason'), hint: t('hold.reason_hint'), value: '', maxlength: 500, required: true });
  #problems = problemPlace();
  #form;
  #drawn = '';
  element;

  /** @param {string} patientId @param {() => Promise<void>} again reads the file again */
  constructor(patientId, again) {
    this.#patientId = patientId;
    this.#again = again;
    const submit = workButton({ label: t('hold.set'), symbol: 'lock' }, () => this.#set(), this.#problems);
    this.#form = formOf(submit, {}, this.#reason.element, el('div', { class: 'actions' }, submit));
    this.element = el('section', { class: 'panel', 'aria-labelledby': 'holds-title' }, el('h3', { id: 'holds-title' }, t('hold.title')),
      el('p', { class: 'hint' }, t('hold.explain')), this.#list, this.#problems.element, this.#form);
  }

  /** @param {import('./state.js').PatientFile} file */
  update(file) {
    const drawn = JSON.stringify([file.holds, file.erased_at]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#form.hidden = file.erased_at !== null;
    fill(this.#list, file.holds.length ? el('ul', { class: 'lines' }, file.holds.map((hold) => this.#line(hold))) : el('p', {}, t('hold.none')));
  }

  /** @param {import('./state.js').Hold} hold */
  #line(hold) {
    const lift = workButton({ label: t('hold.lift') }, () => this.#lift(hold), this.#problems);
    return el('li', { 'data-hold': hold.id }, el('p', {}, hold.reason === null ? t('review.reason_erased') : el('q', {}, hold.reason)),
      el('p', { class: 'hint' }, t('hold.by', { name: hold.placed_by_name ?? t('actor.unknown') }), ' · ', timeElement(hold.placed_at)), lift);
  }

  async #set() {
    const reason = this.#reason.input.value.trim();
    this.#reason.setError(reason ? null : t('hold.error.reason'));
    if (!reason) return focusFirstInvalid(this.element);
    await post(`/api/patients/${this.#patientId}/holds`, { reason });
    this.#reason.input.value = '';
    announce(t('hold.is_set'));
    await this.#again();
  }

  /** @param {import('./state.js').Hold} hold */
  async #lift(hold) {
    const words = { title: t('hold.confirm_title'), text: t('hold.confirm_text'), yes: t('hold.lift'), no: t('action.back') };
    if (!await confirmDialog(words)) return;
    await remove(`/api/holds/${hold.id}`);
    announce(t('hold.is_lifted'));
    await this.#again();
    this.#reason.input.focus();
  }
}
