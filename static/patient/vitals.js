// @ts-check
/** Vital signs as a person types them: unit, plausible range, the number that is sent. Pure. */

/**
 * @typedef {'temperature_c'|'heart_rate'|'respiratory_rate'|'spo2'|'systolic_bp'|'diastolic_bp'} IntakeVital
 * @typedef {IntakeVital|'glucose_mmol_l'} VitalName
 * @typedef {{isFahrenheit: boolean, isMgDl?: boolean}} TypedUnits what the numbers are typed in
 * @typedef {object} VitalField @property {VitalName} name @property {number} min @property {number} max
 * @property {string} unit i18n key of the unit @property {boolean} decimals
 */

/** Outside these a typing error is likelier than a living person who can hold a phone. @type {readonly (VitalField & {name: IntakeVital})[]} */
export const VITALS = Object.freeze([
  { name: 'temperature_c', min: 30, max: 43.5, unit: 'unit.celsius', decimals: true },
  { name: 'heart_rate', min: 20, max: 250, unit: 'unit.per_minute', decimals: false },
  { name: 'respiratory_rate', min: 4, max: 70, unit: 'unit.per_minute', decimals: false },
  { name: 'spo2', min: 50, max: 100, unit: 'unit.percent', decimals: false },
  { name: 'systolic_bp', min: 50, max: 280, unit: 'unit.mmhg', decimals: false },
  { name: 'diastolic_bp', min: 20, max: 180, unit: 'unit.mmhg', decimals: false },
]);

/** What can be told in the call; who measures the sugar says so then. @type {readonly VitalField[]} */
export const CALL_VITALS = Object.freeze([...VITALS, { name: 'glucose_mmol_l', min: 1, max: 35, unit: 'unit.mmol_l', decimals: true }]);
// 1 mmol of glucose is 18.016 mg.
const MG_DL = 18.016;

/** @param {string} text @returns {number|null} null when empty, NaN when no number; full-width digits and commas are fine */
export function parseNumber(text) {
  const plain = text.normalize('NFKC').trim().replace(',', '.');
  if (plain === '') return null;
  return /^\d+(\.\d+)?$/.test(plain) ? Number(plain) : NaN;
}

/** @param {number} fahrenheit */
export const toCelsius = (fahrenheit) => Math.round(((fahrenheit - 32) / 1.8) * 10) / 10;

/** @param {number} mgDl */
export const toMmol = (mgDl) => Math.round((mgDl / MG_DL) * 10) / 10;

/** What was typed, in the unit that is sent. @param {VitalField} field @param {string} text @param {TypedUnits} units @returns {number|null} */
export function valueOf(field, text, { isFahrenheit, isMgDl }) {
  const number = parseNumber(text);
  if (number === null) return null;
  if (field.name === 'temperature_c' && isFahrenheit) return toCelsius(number);
  return field.name === 'glucose_mmol_l' && isMgDl ? toMmol(number) : number;
}

/**
 * Errors by field, as i18n keys. Empty fields are fine.
 * @param {Partial<Record<VitalName, string>>} typed @param {TypedUnits} units @param {readonly VitalField[]} [fields]
 * @returns {Partial<Record<VitalName, string>>}
 */
export function vitalErrors(typed, units, fields = VITALS) {
  /** @type {Partial<Record<VitalName, string>>} */
  const errors = {};
  for (const field of fields) {
    const value = valueOf(field, typed[field.name] ?? '', units);
    if (value === null || (value >= field.min && value <= field.max)) continue;
    errors[field.name] = errorKey(field, value, units);
  }
  const systolic = parseNumber(typed.systolic_bp ?? '');
  const diastolic = parseNumber(typed.diastolic_bp ?? '');
  if (systolic !== null && diastolic !== null && systolic <= diastolic) errors.diastolic_bp = 'vitals.error.swapped';
  return errors;
}

/** @param {VitalField} field @param {number} value @param {TypedUnits} units */
function errorKey(field, value, { isFahrenheit, isMgDl }) {
  if (Number.isNaN(value)) return 'vitals.error.number';
  if (field.name === 'temperature_c' && !isFahrenheit && value >= 86 && value <= 111) return 'vitals.error.fahrenheit';
  if (field.name === 'glucose_mmol_l' && !isMgDl && value > field.max && value <= 630) return 'vitals.error.mg_dl';
  return 'vitals.error.range';
}

/**
 * The numbers that were given. Call only when there are no errors.
 * @param {Partial<Record<VitalName, string>>} typed @param {TypedUnits} units @param {readonly VitalField[]} [fields]
 */
export function vitalsToSend(typed, units, fields = VITALS) {
  const given = fields.map((field) => [field.name, valueOf(field, typed[field.name] ?? '', units)]).filter(([, value]) => value !== null);
  return Object.fromEntries(given);
}
