// @ts-check
/** Vital signs that were told in the call: as text, and as a list with time, sender and whether they are stored. */

import { el, fill } from '../elements.js';
import { language, t, timeOfDay } from '../i18n/index.js';
import { Connection } from '../signalling/socket.js';
import { pending } from './written.js';

/** Name -> its unit, in the order in which they are read. Blood pressure is one line. */
export const UNITS = Object.freeze({
  temperature_c: 'unit.celsius', heart_rate: 'unit.per_minute', respiratory_rate: 'unit.per_minute', spo2: 'unit.percent',
  systolic_bp: 'unit.mmhg', diastolic_bp: 'unit.mmhg', glucose_mmol_l: 'unit.mmol_l',
});
// A doctor may think in either unit (1 mmol of glucose is 18.016 mg).
const MG_DL = 18.016;

/**
 * @typedef {object} Shown @property {string} key @property {string} from @property {string} role @property {import('../types.js').Vitals} values
 * @property {string} at @property {string} note empty once it is stored
 */

/** Stored readings and those on their way, oldest first. @param {import('./state.js').CallState} state @param {readonly import('../types.js').Reading[]} [stored] also known @returns {Shown[]} */
export function readingsOf(state, stored = []) {
  const known = [...new Map([...stored, ...state.readings].map((reading) => [reading.key, reading])).values()];
  const waiting = pending(state.written, 'vitals', known, { ...state, isSocketOpen: state.connection === Connection.OPEN });
  return [...known.map((reading) => ({ ...reading, note: '' })), ...waiting.map(({ body, ...entry }) => ({ ...entry, values: body.values }))]
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/** "Pulse 71 per minute, …" @param {import('../types.js').Vitals} values */
export function readingText(values) {
  const names = /** @type {(keyof typeof UNITS)[]} */ (Object.keys(UNITS));
  return names.filter((name) => typeof values[name] === 'number').map((name) => `${t(`vital.${name}`)} ${valueText(name, Number(values[name]))}`).join(t('list.comma'));
}

/** @param {keyof typeof UNITS} name @param {number} value */
function valueText(name, value) {
  const also = name === 'glucose_mmol_l' ? ` (${Math.round(value * MG_DL)} ${t('unit.mg_dl')})` : '';
  return `${value.toLocaleString(language())} ${t(UNITS[name])}${also}`;
}

/** A list that is drawn anew only when something changed. */
export class ReadingList {
  element = el('ul', { class: 'readings' });
  #drawn = '';

  /** @param {Shown[]} shown @param {(reading: Shown) => string} nameOf empty: not said */
  update(shown, nameOf) {
    const drawn = JSON.stringify(shown.map((reading) => [reading.key, reading.note, nameOf(reading)]));
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(this.element, shown.map((reading) => el('li', {},
      el('span', { class: 'who' }, el('time', { datetime: reading.at }, timeOfDay(reading.at)), ' ', nameOf(reading)), ' ',
      el('strong', {}, readingText(reading.values)), reading.note ? el('span', { class: 'kept' }, t(`written.${reading.note}`)) : null)));
  }
}
