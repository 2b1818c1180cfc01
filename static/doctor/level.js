// @ts-check
/** A level as a badge: word, shape and colour say the same. */

import { el } from '../elements.js';
import { t } from '../i18n/index.js';

/** Filled for emergency, then fewer and fewer bars: readable without colour. */
const SHAPES = Object.freeze({ 'emergency': '▲▲▲', 'urgent': '▲▲', 'semi-urgent': '▲', 'routine': '●', 'self-care': '○' });
export const LEVELS = Object.freeze(/** @type {import('../types.js').Level[]} */ (Object.keys(SHAPES)));

/** @param {import('../types.js').Level|null} level null: not triaged */
export function levelBadge(level) {
  if (!level) return el('span', { class: 'badge none' }, el('span', { 'aria-hidden': 'true' }, '? '), t('level.none'));
  return el('span', { class: `badge ${level}` }, el('span', { 'aria-hidden': 'true' }, `${SHAPES[level]} `), t(`level.${level}`));
}
