// @ts-check
/** The page's shell: session, role, the three views and their places in the address. */

import { focusHeading } from '../a11y.js';
import { ApiProblem, codeOf, get, remove } from '../api.js';
import { LoginView } from '../doctor/login.js';
import { el, fill, icon } from '../elements.js';
import { problemText, setLanguage, t } from '../i18n/index.js';
import { PatientView } from './patient.js';
import { ReviewsView } from './reviews.js';
import { SafeguardsView } from './safeguards.js';
import { hashOf, initialPrivacy, placeOf, reducePrivacy, ROLE, VIEWS } from './state.js';

export class PrivacyApp {
  state = initialPrivacy();
  /** Ends what the shown view listens to and asks for. */
  work = new AbortController();
  #shown = '';
  /** @type {ReviewsView|PatientView|SafeguardsView|null} */
  #view = null;
  #problem = el('div', { role: 'alert', class: 'problem-place' });

  async start() {
    window.addEventListener('hashchange', () => this.#goTo(placeOf(location.hash)));
    this.state = { ...this.state, ...placeOf(location.hash) };
    await this.#readSession();
  }

  /** @param {import('./state.js').PrivacyAction} action */
  dispatch(action) {
    this.state = reducePrivacy(this.state, action);
    this.draw();
  }

  /** @param {import('./state.js').Account} account */
  signedIn(account) {
    this.dispatch({ type: 'account', account });
  }

  /** @param {import('./state.js').View} view @param {string|null} [patientId] */
  open(view, patientId = null) {
    location.hash = hashOf(view, patientId); // the browser's back button works
  }

  /** Ask the server; what goes wrong is shown above the view. @param {() => Promise<void>} work @returns {Promise<boolean>} it worked */
  async attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** @param {unknown} error of a call; a session that is over leads to the login, and back to the same place */
  failed(error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status === 401) this.dispatch({ type: 'account', account: null });
    else this.dispatch({ type: 'problem', code: codeOf(error) });
  }

  draw() {
    const { isKnown, account, view, patientId, problem } = this.state;
    const screen = !isKnown ? 'loading' : !account ? 'login' : account.role === ROLE ? view : 'elsewhere';
    const shown = `${screen} ${patientId ?? ''} ${document.documentElement.lang}`;
    if (shown !== this.#shown) this.#show(shown, screen);
    if ((this.#problem.dataset.code ?? '') !== (problem ?? '')) {
      this.#problem.dataset.code = problem ?? '';
      fill(this.#problem, problem ? el('p', { class: 'notice error' }, icon('warning'), el('span', {}, problemText(problem))) : null);
    }
    this.#view?.update();
  }

  /** @param {string} shown @param {string} screen */
  #show(shown, screen) {
    this.#shown = shown;
    this.work.abort();
    this.work = new AbortController();
    const main = /** @type {HTMLElement} */ (document.getElementById('screen'));
    document.body.dataset.view = screen;
    this.#drawHeader(screen);
    const { children, view } = this.#screen(screen);
    this.#view = view;
    fill(main, children);
    document.title = `${t(screen === 'login' || screen === 'loading' ? 'login.title' : `privacy.${screen}`)} – ${t('brand')}`;
    focusHeading(main);
    void view?.load();
  }

  /** @param {string} screen @returns {{children: import('../elements.js').Child[], view: ReviewsView|PatientView|SafeguardsView|null}} */
  #screen(screen) {
    if (screen === 'loading') return { children: [el('div', { class: 'spinner', 'aria-hidden': 'true' })], view: null };
    if (screen === 'login') return { children: [new LoginView(this).element], view: null };
    if (screen === 'elsewhere') return { children: [this.#elsewhere()], view: null };
    const view = screen === 'reviews' ? new ReviewsView(this) : screen === 'patient' ? new PatientView(this) : new SafeguardsView(this);
    return { children: [el('div', { class: 'officer' }, this.#problem, view.element)], view };
  }

  /** Somebody else's login. */
  #elsewhere() {
    return el('section', { class: 'card login' }, el('h1', {}, t('privacy.elsewhere')),
      el('p', {}, t('privacy.elsewhere_text', { name: this.state.account?.display ?? '' })),
      el('div', { class: 'actions' }, el('a', { class: 'button primary', href: '/console' }, t('privacy.to_console')),
        el('button', { type: 'button', on: { click: () => this.#signOut() } }, t('console.sign_out'))));
  }

  /** @param {string} screen */
  #drawHeader(screen) {
    const { account } = this.state;
    const header = /** @type {HTMLElement} */ (document.getElementById('page-header'));
    const link = (/** @type {import('./state.js').View} */ view) => el('a', { href: hashOf(view, null), 'aria-current': screen === view ? 'page' : null }, t(`privacy.${view}`));
    fill(header, el('p', { class: 'brand' }, el('span', { class: 'mark', 'aria-hidden': 'true' }, '+'), t('brand')),
      account?.role === ROLE ? el('nav', { class: 'views', 'aria-label': t('privacy.views') }, VIEWS.map(link)) : null, el('span', { class: 'push' }),
      account ? el('span', { class: 'account' }, icon('person'), ' ', account.display) : null,
      el('button', { type: 'button', class: 'quiet', lang: t('frame.other_language_code'), on: { click: () => this.#switchLanguage() } }, t('frame.other_language')),
      account ? el('button', { type: 'button', class: 'quiet', on: { click: () => this.#signOut() } }, t('console.sign_out')) : null);
  }

  /** @param {{view: import('./state.js').View, patientId: string|null}} place */
  #goTo(place) {
    this.dispatch({ type: 'view', ...place });
  }

  async #switchLanguage() {
    await setLanguage(/** @type {any} */ (t('frame.other_language_key')));
    this.draw();
  }

  async #signOut() {
    if (await this.attempt(() => remove('/api/session'))) this.dispatch({ type: 'account', account: null });
  }

  async #readSession() {
    try {
      this.signedIn(await get('/api/session'));
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) this.dispatch({ type: 'account', account: null });
      else setTimeout(() => this.#readSession(), 2_000); // the server is starting again
    }
  }
}
