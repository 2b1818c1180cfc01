// @ts-check
/** A visit for a patient who is on the phone or at the desk: a few facts, then a link to give away. */

import { focusFirstInvalid } from '../a11y.js';
import { post } from '../api.js';
import { el, fill } from '../elements.js';
import { choiceField, formOf, problemPlace, textField, workButton } from '../forms.js';
import { language, LANGUAGES, t } from '../i18n/index.js';
import { linkResult } from './link_result.js';

export class NewVisitPanel {
  #name = textField({ name: 'new_name', label: t('newvisit.name'), value: '', required: true, maxlength: 200 });
  #birth = textField({ name: 'new_birth', label: t('newvisit.birth'), hint: t('newvisit.birth_hint'), value: '', inputmode: 'numeric', maxlength: 10 });
  #phone = textField({ name: 'new_phone', label: t('newvisit.phone'), value: '', type: 'tel', maxlength: 40 });
  #sex = choiceField({ name: 'new_sex', type: 'radio', legend: t('newvisit.sex'), inline: true, chosen: [], options: ['female', 'male', 'other'].map((value) => ({ value, label: t(`sex.${value}`) })) });
  #language = choiceField({ name: 'new_language', type: 'radio', legend: t('newvisit.language'), inline: true, chosen: [language()], options: LANGUAGES.map((value) => ({ value, label: t(`language.${value}`) })) });
  #problems = problemPlace();
  #result = el('div', { role: 'status' });
  element;

  constructor() {
    const make = workButton({ label: t('newvisit.make'), kind: 'primary' }, () => this.#make(), this.#problems);
    this.element = el('details', { class: 'panel new-visit' }, el('summary', {}, t('newvisit.title')),
      formOf(make, {}, this.#name.element, this.#birth.element, this.#phone.element, this.#sex.element, this.#language.element, this.#problems.element, make), this.#result);
  }

  async #make() {
    const [name, birth, phone] = [this.#name, this.#birth, this.#phone].map((field) => field.input.value.trim());
    this.#name.setError(name ? null : t('newvisit.error.name'));
    this.#birth.setError(birth === '' || /^\d{4}-\d\d-\d\d$/.test(birth) ? null : t('newvisit.error.birth'));
    if (this.element.querySelector('[aria-invalid]')) return focusFirstInvalid(this.element);
    const known = { birth_date: birth || null, phone: phone || null, sex: this.#sex.chosen()[0] ?? null };
    const { link } = await post('/api/visits', { patient: { name, ...known }, lang: this.#language.chosen()[0] });
    for (const field of [this.#name, this.#birth, this.#phone]) field.input.value = '';
    fill(this.#result, linkResult(t('newvisit.made', { name }), link));
  }
}
