// @ts-check
/** Vital signs as a person types them: unit, plausible range, the number that is sent. Pure. */

/**
 * @typedef {'temperature_c'|'heart_rate'|'respiratory_rate'|'spo2'|'systolic_bp'|'diastolic_bp'} VitalName
 * @typedef {object} VitalField @property {VitalName} name @property {number} min @property {number} max
 * @property {string} unit i18n key of the unit @property {boolean} decimals
 */

/** Outside these a typing error is likelier than a living person who can hold a phone. @type {readonly VitalField[]} */
export const VITALS = Object.freeze([
  { name: 'temperature_c', min: 30, max: 43.5, unit: 'unit.celsius', decimals: true },
  { name: 'heart_rate', min: 20, max: 250, unit: 'unit.per_minute', decimals: false },
  { name: 'respiratory_rate', min: 4, max: 70, unit: 'unit.per_minute', decimals: false },
  { name: 'spo2', min: 50, max: 100, unit: 'unit.percent', decimals: false },
  { name: 'systolic_bp', min: 50, max: 280, unit: 'unit.mmhg', decimals: false },
  { name: 'diastolic_bp', min: 20, max: 180, unit: 'unit.mmhg', decimals: false },
]);

/** @param {string} text @returns {number|null} null when empty, NaN when no number; full-width digits and commas are fine */
export function parseNumber(text) {
  const plain = text.normalize('NFKC').trim().replace(',', '.');
  if (plain === '') return null;
  return /^\d+(\.\d+)?$/.test(plain) ? Number(plain) : NaN;
}

/** @param {number} fahrenheit */
export const toCelsius = (fahrenheit) => Math.round(((fahrenheit - 32) / 1.8) * 10) / 10;

/** What was typed, in the unit that is sent. @param {VitalField} field @param {string} text @param {boolean} isFahrenheit @returns {number|null} */
export function valueOf(field, text, isFahrenheit) {
  const number = parseNumber(text);
  return number === null || field.name !== 'temperature_c' || !isFahrenheit ? number : toCelsius(number);
}

/**
 * Errors by field, as i18n keys. Empty fields are fine.
 * @param {Record<VitalName, string>} typed @param {boolean} isFahrenheit
 * @returns {Partial<Record<VitalName, string>>}
 */
export function vitalErrors(typed, isFahrenheit) {
  /** @type {Partial<Record<VitalName, string>>} */
  const errors = {};
  for (const field of VITALS) {
    const value = valueOf(field, typed[field.name], isFahrenheit);
    if (value === null || (value >= field.min && value <= field.max)) continue;
    errors[field.name] = errorKey(field, value, isFahrenheit);
  }
  const systolic = parseNumber(typed.systolic_bp);
  const diastolic = parseNumber(typed.diastolic_bp);
  if (systolic !== null && diastolic !== null && systolic <= diastolic) errors.diastolic_bp = 'vitals.error.swapped';
  return errors;
}

/** @param {VitalField} field @param {number} value @param {boolean} isFahrenheit */
function errorKey(field, value, isFahrenheit) {
  if (Number.isNaN(value)) return 'vitals.error.number';
  if (field.name === 'temperature_c' && !isFahrenheit && value >= 86 && value <= 111) return 'vitals.error.fahrenheit';
  return 'vitals.error.range';
}

/** The numbers that were given. Call only when there are no errors. @param {Record<VitalName, string>} typed @param {boolean} isFahrenheit */
export function vitalsToSend(typed, isFahrenheit) {
  const given = VITALS.map((field) => [field.name, valueOf(field, typed[field.name], isFahrenheit)]).filter(([, value]) => value !== null);
  return Object.fromEntries(given);
}
