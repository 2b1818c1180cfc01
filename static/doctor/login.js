// @ts-check
/** Signing in: two fields, no puzzle, a password manager may help. */

import { focusFirstInvalid } from '../a11y.js';
import { post } from '../api.js';
import { el } from '../elements.js';
import { formOf, problemPlace, textField, workButton } from '../forms.js';
import { t } from '../i18n/index.js';

export class LoginView {
  element;
  #email = textField({ name: 'email', label: t('login.email'), value: '', type: 'email', autocomplete: 'username', required: true, spellcheck: false });
  #password = textField({ name: 'password', label: t('login.password'), value: '', type: 'password', autocomplete: 'current-password', required: true });
  #problems = problemPlace();
  #app;

  /** @param {{signedIn: (account: import('./state.js').Account) => void}} app */
  constructor(app) {
    this.#app = app;
    const submit = workButton({ label: t('login.submit'), kind: 'primary' }, () => this.#submit(), this.#problems);
    this.element = el('section', { class: 'card login' }, el('h1', {}, t('login.title')),
      formOf(submit, {}, this.#email.element, this.#password.element, this.#problems.element, el('div', { class: 'actions' }, submit)),
      el('p', { class: 'hint' }, t('login.patients'), ' ', el('a', { href: '/' }, t('login.patients_link'))));
  }

  async #submit() {
    this.#email.setError(this.#email.input.value.trim() ? null : t('login.error.email'));
    this.#password.setError(this.#password.input.value ? null : t('login.error.password'));
    if (this.element.querySelector('[aria-invalid]')) return focusFirstInvalid(this.element);
    this.#app.signedIn(await post('/api/session', { email: this.#email.input.value.trim(), password: this.#password.input.value }));
  }
}
