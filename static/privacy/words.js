// @ts-check
/** Codes of the record store as words; a code that a newer server sends is shown as it is. */

import { el } from '../elements.js';
import { dateAndTime, has, t } from '../i18n/index.js';

/** @typedef {import('./state.js').Masked} Masked */

/** @param {string} group @param {string} code */
const word = (group, code) => (has(`${group}.${code}`) ? t(`${group}.${code}`) : code);

/** "T** B**, born 1969". @param {Masked} patient @param {string} [erased] the words for one who was erased */
export function patientText(patient, erased = 'patient.erased') {
  if (patient.display === null) return t(erased);
  return patient.birth_year ? t('patient.born', { name: patient.display, year: patient.birth_year }) : patient.display;
}

/** @param {readonly string[]} objects */
export const objectsText = (objects) => objects.map((each) => word('object', each)).join(t('list.comma'));

/** @param {string} code */
export const purposeText = (code) => word('purpose', code);

/** Who: a name from the register, else what kind of actor. @param {{actor: string|null, actor_kind: string, actor_id: string}} access */
export function actorText({ actor, actor_kind: kind, actor_id: id }) {
  if (actor) return actor;
  return kind === 'system' || kind === 'service' ? t(`actor.${kind}`, { id }) : word('actor', kind);
}

/** A point in time. @param {string} at */
export const timeElement = (at) => el('time', { datetime: at }, dateAndTime(at));

/** A day of the calendar, whatever the time zone. @param {string} day 2041-11-22 */
export const dayText = (day) => new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`));

/** @param {number} count */
export const numberText = (count) => count.toLocaleString(document.documentElement.lang);

/** Terms and what stands for them; empty ones are left out. @param {[string, import('../elements.js').Child][]} rows */
export const terms = (rows) => el('dl', { class: 'terms' }, rows.filter(([, value]) => value).map(([key, value]) => el('div', {}, el('dt', {}, t(key)), el('dd', {}, value))));
