// @ts-check
/** A third seat: a link for a relative, an interpreter or a colleague. */

import { post } from '../api.js';
import { el, fill } from '../elements.js';
import { problemPlace, workButton } from '../forms.js';
import { t } from '../i18n/index.js';
import { linkResult } from './link_result.js';

const ROLES = Object.freeze(['caregiver', 'interpreter', 'expert', 'patient']);

export class InvitePanel {
  #result = el('div', { role: 'status' });
  #problems = problemPlace();
  #app;
  element;

  /** @param {import('./app.js').ConsoleApp} app */
  constructor(app) {
    this.#app = app;
    const buttons = ROLES.map((role) => workButton({ label: t(`invite.${role}`), symbol: 'link' }, () => this.#invite(role), this.#problems));
    this.element = el('details', { class: 'panel invite' }, el('summary', {}, t('invite.title')), el('p', { class: 'hint' }, t('invite.hint')),
      el('div', { class: 'actions' }, buttons), this.#problems.element, this.#result);
  }

  /** @param {boolean} isPossible */
  update(isPossible) {
    this.element.hidden = !isPossible;
  }

  /** @param {string} role */
  async #invite(role) {
    const { link } = await post(`/api/visits/${this.#app.state.openId}/links`, { role });
    fill(this.#result, linkResult(t('invite.link_for', { role: t(`role.${role}`) }), link));
  }
}
