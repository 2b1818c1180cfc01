// @ts-check
/** A third seat: a link for a relative, an interpreter or a colleague. */

import { post } from '../api.js';
import { el, fill, icon } from '../elements.js';
import { problemPlace, workButton } from '../forms.js';
import { t } from '../i18n/index.js';

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
    const address = new URL(link, location.origin).href;
    const input = el('input', { type: 'text', readonly: true, 'aria-label': t('invite.link_for', { role: t(`role.${role}`) }) });
    input.value = address;
    const copied = el('span', {});
    const copy = workButton({ label: t('invite.copy') }, async () => {
      await navigator.clipboard.writeText(address).catch(() => input.select());
      fill(copied, icon('check'), t('invite.copied'));
    });
    fill(this.#result, el('p', {}, t('invite.link_for', { role: t(`role.${role}`) })), input, el('div', { class: 'actions' }, copy, copied));
  }
}
