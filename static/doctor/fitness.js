// @ts-check
/** What each participant's line is fit for, and why not for more: live beside the call, and kept with the visit. */

import { el, fill, icon } from '../elements.js';
import { has, t } from '../i18n/index.js';

/** @typedef {import('../types.js').Fitness} Fitness */

/** Reasons in words; a code of a newer relay is left out. @param {readonly string[]} reasons */
export function reasonsText(reasons) {
  return reasons.flatMap((code) => {
    const [way, ...rest] = code.split('_');
    const reason = `fit_reason.${rest.join('_')}`;
    return has(reason) && has(`fit_way.${way}`) ? [t(`fit_way.${way}`, { reason: t(reason) })] : [];
  }).join(t('list.comma'));
}

/** @param {{verdict: string, reasons: readonly string[]}} fitness */
export function fitnessText({ verdict, reasons }) {
  const because = verdict === 'skin_image' ? '' : reasonsText(reasons);
  const words = t(has(`fit.${verdict}`) ? `fit.${verdict}` : 'fit.none');
  return because ? t('fit.because', { words, because }) : words;
}

export class FitnessList {
  #list = el('ul', { class: 'fitness' });
  #drawn = '';
  element = el('section', { 'aria-label': t('fit.title') }, el('h4', {}, t('fit.title')), this.#list);

  /** @param {import('../call/state.js').CallState} call */
  update(call) {
    const rows = call.seats.filter(({ seat }) => call.fitness[seat]).map((seat) => ({ name: seat.display || t(`role.${seat.role}`), ...call.fitness[seat.seat] }));
    this.element.hidden = rows.length === 0;
    const drawn = JSON.stringify(rows);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(this.#list, rows.map((row) => el('li', { 'data-verdict': row.verdict }, icon(row.verdict === 'none' ? 'warning' : 'check'), ' ', `${row.name}: ${fitnessText(row)}`)));
  }
}

/** The kept record as one line each. @param {readonly (Fitness & {role: string})[]} lines */
export const recordList = (lines) => (lines.length ? el('ul', { class: 'fitness' }, lines.map((line) => el('li', {}, `${t(`role.${line.role}`)}: ${fitnessText(line)}`))) : null);
