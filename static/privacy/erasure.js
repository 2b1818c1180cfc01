// @ts-check
/** Erasing a patient: what it destroys, why it may not be yet, the typed word, the receipt to keep. */

import { announce, focusFirstInvalid } from '../a11y.js';
import { ApiProblem, post } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { choiceField, formOf, problemPlace, textField, workButton } from '../forms.js';
import { t, tCount } from '../i18n/index.js';
import { isConfirmed, openBases, refusal, typedToErase } from './state.js';
import { dayText, terms, timeElement } from './words.js';

/** @typedef {import('./state.js').PatientFile} PatientFile */
/** @typedef {import('./state.js').Receipt} Receipt */

export class ErasurePanel {
  #app;
  #again;
  #body = el('div', {});
  #drawn = '';
  element;

  /** @param {import('./app.js').PrivacyApp} app @param {() => Promise<void>} again reads the file again */
  constructor(app, again) {
    this.#app = app;
    this.#again = again;
    this.element = el('section', { class: 'panel erasure', 'aria-labelledby': 'erasure-title' }, el('h3', { id: 'erasure-title' }, t('erasure.title')), this.#body);
  }

  /** @param {PatientFile} file */
  update(file) {
    const { receipt } = this.#app.state;
    const drawn = JSON.stringify([file.erased_at, file.bases, file.destroys, file.term_ends, receipt]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(this.#body, file.erased_at ? receiptPart(file, receipt) : [...this.#consequences(file), refusal(file) ? refused(file) : this.#form(file)]);
  }

  /** @param {PatientFile} file */
  #consequences(file) {
    const kinds = Object.entries(file.destroys);
    return [el('p', {}, t('erasure.explain')), el('h4', {}, t('erasure.destroys')),
      el('ul', {}, el('li', {}, t('erasure.identity')), kinds.map(([kind, count]) => el('li', {}, tCount(`destroys.${kind}`, count)))),
      el('p', { class: 'hint' }, t('erasure.stays'))];
  }

  /** @param {PatientFile} file */
  #form(file) {
    const bases = openBases(file);
    const basis = choiceField({ name: 'basis', type: 'radio', legend: t('erasure.basis'), chosen: bases.length === 1 ? bases : [], options: bases.map((value) => ({ value, label: t(`basis.${value}`) })) });
    const typed = textField({ name: 'typed', label: t('erasure.type', { word: typedToErase(file) }), value: '', maxlength: 36, required: true, spellcheck: false });
    const problems = problemPlace();
    const submit = workButton({ label: t('erasure.erase'), kind: 'danger', symbol: 'warning' }, async () => {
      basis.setError(basis.chosen().length ? null : t('erasure.error.basis'));
      typed.setError(isConfirmed(file, typed.input.value) ? null : t('erasure.error.type', { word: typedToErase(file) }));
      if (form.querySelector('[aria-invalid]')) return focusFirstInvalid(form);
      await this.#erase(file, basis.chosen()[0]);
    }, problems);
    const form = formOf(submit, { class: 'erase' }, basis.element, typed.element, problems.element, el('div', { class: 'actions' }, submit));
    return form;
  }

  /** @param {PatientFile} file @param {string} basis */
  async #erase(file, basis) {
    try {
      const receipt = await post(`/api/patients/${file.id}/erasure`, { basis });
      this.#app.dispatch({ type: 'receipt', patientId: file.id, receipt });
      announce(t('erasure.done'), 'assertive');
    } catch (error) {
      // Somebody was faster, or put a hold on: show how it is now, beside the problem.
      if (error instanceof ApiProblem && [409, 410].includes(error.status)) await this.#again();
      throw error;
    }
    await this.#again();
    const title = this.element.querySelector('h3');
    if (title) { title.tabIndex = -1; title.focus(); }
  }
}

/** @param {PatientFile} file */
function refused(file) {
  const text = refusal(file) === 'legal-hold' ? t('erasure.refused.hold') : t('erasure.refused.term', { day: dayText(file.term_ends ?? '') });
  const also = refusal(file) === 'legal-hold' && file.term_ends && file.bases.every((each) => each.refused_by) ? el('p', { class: 'hint' }, t('erasure.term_ends', { day: dayText(file.term_ends) })) : null;
  return el('div', {}, el('p', { class: 'notice warn refused' }, icon('lock'), el('span', {}, text)), also);
}

/** @param {PatientFile} file @param {Receipt|null} receipt @returns {import('../elements.js').Child[]} */
function receiptPart(file, receipt) {
  const erased = el('p', { class: 'notice calm' }, icon('check'), el('span', {}, t('erasure.erased')));
  if (!receipt) return [erased, terms([['receipt.at', timeElement(file.erased_at ?? '')]])];
  const { receipt: facts } = receipt;
  return [erased,
    terms([
      ['receipt.at', timeElement(facts.erased_at)], ['receipt.basis', t(`basis.${facts.basis}`)],
      ['receipt.keys', String(facts.keys.length)], ['receipt.index_rows', String(facts.index_rows)],
      ['receipt.signature', t(receipt.signature_holds ? 'receipt.signature_holds' : 'receipt.signature_broken')],
    ]),
    receipt.signature_holds ? null : el('p', { class: 'notice error' }, icon('warning'), el('span', {}, t('receipt.broken_text'))),
    el('div', { class: 'actions' }, el('button', { type: 'button', class: 'primary download', on: { click: () => download(file.id, receipt) } }, t('receipt.download')))];
}

/** The signed bytes stand in `message`, so that the receipt proves itself wherever it is kept. @param {string} id @param {Receipt} receipt */
function download(id, receipt) {
  const address = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: 'application/json' }));
  const link = el('a', { href: address, download: `erasure-${id}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(address);
}
