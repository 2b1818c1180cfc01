// @ts-check
/** A small form in the call: what was just measured goes to the doctor and into the record. */

import { announce } from '../../a11y.js';
import { ReadingList, readingsOf, readingText } from '../../call/readings.js';
import { el } from '../../elements.js';
import { choiceField, formOf, textField, workButton } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { CALL_VITALS, vitalErrors, vitalsToSend } from '../vitals.js';

export class MeasurePanel {
  /** @type {import('../vitals.js').TypedUnits} */
  #units = { isFahrenheit: false, isMgDl: false };
  #fields = CALL_VITALS.map((vital) => ({ vital, field: fieldOf(vital) }));
  #sent = new ReadingList();
  #sentTitle = el('h3', {}, t('measure.list'));
  #session;
  element;

  /** @param {() => import('../../call/session.js').CallSession|null} session */
  constructor(session) {
    this.#session = session;
    const send = workButton({ label: t('measure.send'), kind: 'primary', symbol: 'check' }, () => this.#send());
    const units = { temperature_c: this.#unit('vitals.temperature_unit', 'isFahrenheit', ['unit.celsius', 'unit.fahrenheit']),
      glucose_mmol_l: this.#unit('vitals.glucose_unit', 'isMgDl', ['unit.mmol_l', 'unit.mg_dl']) };
    const rows = this.#fields.flatMap(({ vital, field }) => [field.element, ...(vital.name in units ? [units[/** @type {keyof typeof units} */ (vital.name)]] : [])]);
    this.element = el('section', { class: 'measure', 'aria-labelledby': 'measure-title' }, el('h2', { id: 'measure-title', tabindex: '-1' }, t('measure.title')),
      el('p', { class: 'hint' }, t('measure.lead')), formOf(send, {}, ...rows, send), this.#sentTitle, this.#sent.element);
  }

  focus() {
    this.#fields[0].field.input.focus();
  }

  /** @param {import('../../call/state.js').CallState} state */
  update(state) {
    const own = readingsOf(state).filter(({ from }) => from === state.seat);
    this.#sentTitle.hidden = own.length === 0;
    this.#sent.update(own, () => '');
  }

  /** @param {string} legend @param {'isFahrenheit'|'isMgDl'} name @param {[string, string]} labels the usual one first */
  #unit(legend, name, labels) {
    return choiceField({
      name, type: 'radio', legend: t(legend), inline: true, chosen: ['0'], options: labels.map((label, place) => ({ value: String(place), label: t(label) })),
      onChange: ([value]) => { this.#units = { ...this.#units, [name]: value === '1' }; },
    }).element;
  }

  #send() {
    const typed = Object.fromEntries(this.#fields.map(({ vital, field }) => [vital.name, field.input.value]));
    const errors = vitalErrors(typed, this.#units, CALL_VITALS);
    const values = Object.keys(errors).length ? {} : vitalsToSend(typed, this.#units, CALL_VITALS);
    const isEmpty = Object.values(typed).every((text) => !text.trim());
    for (const { vital, field } of this.#fields) field.setError(errors[vital.name] ? t(errors[vital.name] ?? '') : null);
    if (isEmpty) this.#fields[0].field.setError(t('vitals.error.none'));
    const session = this.#session();
    if (isEmpty || Object.keys(errors).length || !session) return this.#fields.find(({ field }) => field.input.getAttribute('aria-invalid') === 'true')?.field.input.focus();
    session.outbox.write('vitals', { values });
    for (const { field } of this.#fields) field.input.value = '';
    announce(t('measure.sent', { text: readingText(values) }));
  }
}

/** @param {import('../vitals.js').VitalField} vital */
function fieldOf({ name, unit, decimals }) {
  const isChosen = name === 'temperature_c' || name === 'glucose_mmol_l'; // its unit is asked for below it
  return textField({
    name, label: t(`vital.${name}`), hint: t(`vital.${name}.hint`), value: '', inputmode: decimals ? 'decimal' : 'numeric', maxlength: 6,
    ...(isChosen ? {} : { unit: t(unit) }),
  });
}
