// @ts-check
/** Whether the call is end-to-end encrypted, and the number that both sides read aloud. */

import { el, fill, icon } from '../elements.js';
import { t } from '../i18n/index.js';

export class SealingPanel {
  element = el('div', { class: 'sealing', role: 'status', hidden: true });
  #drawn = '';
  #wasOn = false;

  /** @param {import('./state.js').CallState} call */
  update({ sealing, error }) {
    const refused = error === 'e2ee-not-supported' || error === 'e2ee-refused' ? error : '';
    const drawn = JSON.stringify([sealing.on, sealing.safety, refused]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#wasOn ||= sealing.on;
    this.element.hidden = !sealing.on && !this.#wasOn && !refused;
    if (sealing.on) fill(this.element, notice('calm', t('sealing.on')), number(sealing.safety));
    else if (refused) fill(this.element, notice('warn', t(`problem.${refused}`)));
    else if (this.#wasOn) fill(this.element, notice('warn', t('sealing.ended')));
  }
}

/** @param {string} kind @param {string} words */
const notice = (kind, words) => el('p', { class: `notice ${kind}` }, icon(kind === 'calm' ? 'check' : 'warning'), el('span', {}, words));

/** @param {readonly string[]} groups */
function number(groups) {
  if (!groups.length) return null;
  return el('details', {}, el('summary', {}, t('sealing.number')), el('p', {}, t('sealing.read_aloud')),
    el('ol', { class: 'safety-number', 'data-number': groups.join(' ') }, groups.map((group) => el('li', {}, group))));
}
