// @ts-check
/** The console's shell: session, live queue, the opened case and the seat in its consultation. */

import { announce, focusHeading } from '../a11y.js';
import { ApiProblem, codeOf, get, post, remove } from '../api.js';
import { CallSession } from '../call/session.js';
import { initialCall } from '../call/state.js';
import { el, fill, icon, setText } from '../elements.js';
import { setLanguage, t } from '../i18n/index.js';
import { CaseView } from './case.js';
import { LoginView } from './login.js';
import { QueueView } from './queue.js';
import { listenToQueue } from './queue_stream.js';
import { commandFor } from './shortcuts.js';
import { showLineTest } from './line_dialog.js';
import { showShortcuts } from './shortcuts_dialog.js';
import { lastFound } from '../media/line_test.js';
import { prefersSound } from '../media/line_verdict.js';
import { chime } from '../media/meter.js';
import { initialConsole, isSeated, newEmergencies, nextWaiting, reduceConsole, storedMark, takenBy } from './state.js';

// A staff session ends after 15 min without a call to the server (server/http/README.md); a consultation is work, not idleness.
const KEEP_SESSION_MS = 4 * 60_000;

export class ConsoleApp {
  state = initialConsole();
  /** @type {CallSession|null} */
  session = null;
  /** Notes whose last words had not reached the server when the session ended. @type {Map<string, import('./note_state.js').NoteState>} */
  unsavedNotes = new Map();
  /** @type {QueueView|null} */
  #queue = null;
  /** @type {CaseView|null} */
  #case = null;
  #view = '';
  #storedMark = '';
  #work = new AbortController();

  constructor() {
    document.addEventListener('keydown', (event) => this.#onKey(event));
    window.addEventListener('beforeunload', (event) => { if (this.#case?.hasUnsaved()) event.preventDefault(); });
    setInterval(() => { if (this.session) void this.#refreshSession(); }, KEEP_SESSION_MS);
  }

  async start() {
    this.state = { ...this.state, openId: new URLSearchParams(location.hash.slice(1)).get('visit') };
    await this.#refreshSession();
  }

  /** @param {import('./state.js').ConsoleAction} action */
  dispatch(action) {
    if (action.type === 'queue') this.#alarm(newEmergencies(this.state.rows, action.rows));
    const takenBefore = takenBy(this.state);
    this.state = reduceConsole(this.state, action);
    this.draw();
    if (action.type === 'queue' && takenBy(this.state) && !takenBefore) announce(t('case.taken_by', { name: takenBy(this.state) }), 'assertive');
  }

  /** @param {import('./state.js').Account} account */
  signedIn(account) {
    if (account.role === 'privacy') return location.replace('/privacy'); // that role has a page of its own
    this.dispatch({ type: 'account', account });
    if (this.state.openId) void this.reload();
  }

  /** Show a visit. @param {string|null} visitId */
  async open(visitId) {
    if (this.#case?.hasUnsaved()) await this.#case.save();
    history.replaceState(null, '', visitId ? `#visit=${visitId}` : location.pathname);
    this.dispatch({ type: 'open', visitId });
    if (!visitId) return;
    await this.reload();
    this.#case?.focus();
  }

  /** Read the opened visit again. */
  async reload() {
    const visitId = this.state.openId;
    if (!visitId) return;
    await this.attempt(async () => {
      try {
        this.dispatch({ type: 'case', opened: await get(`/api/visits/${visitId}`) });
      } catch (error) {
        if (codeOf(error) !== 'not-found') throw error; // in a colleague's care, or nothing at all: the two are not told apart
        this.dispatch({ type: 'closed', visitId });
      }
    });
  }

  /** One key to whoever is next. */
  async #openNext() {
    const next = nextWaiting(this.state.rows, this.state.openId);
    if (next) await this.open(next);
    else announce(t('queue.nobody_next'));
  }

  /** Run an action on the server; what goes wrong is shown above the case. @param {() => Promise<void>} work @returns {Promise<boolean>} it worked */
  async attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status === 401) this.dispatch({ type: 'account', account: null });
      else this.dispatch({ type: 'problem', code: codeOf(error) });
      return false;
    }
  }

  /** POST on the opened visit, then read it again. @param {string} action @param {unknown} [body] */
  async act(action, body) {
    const visitId = this.state.openId;
    const worked = await this.attempt(() => post(`/api/visits/${visitId}/${action}`, body));
    const { problem } = this.state;
    await this.reload();
    if (!worked && problem) this.dispatch({ type: 'problem', code: problem });
    return worked;
  }

  /** The pressed button is gone: go on at the case's name. */
  focusCase() {
    this.#case?.focus();
  }

  async signOut() {
    if (this.#case?.hasUnsaved()) await this.#case.save();
    await this.attempt(() => remove('/api/session'));
    this.dispatch({ type: 'account', account: null });
  }

  draw() {
    const view = !this.state.isKnown ? 'loading' : this.state.account ? 'work' : 'login';
    if (view !== this.#view) this.#show(view);
    this.#takeSeat();
    this.#queue?.update();
    this.#case?.update();
    this.#drawCounts();
  }

  /** @param {string} view */
  #show(view) {
    this.#view = view;
    this.#work.abort();
    this.#work = new AbortController();
    this.#case?.close();
    this.#queue = this.#case = null;
    const main = /** @type {HTMLElement} */ (document.getElementById('screen'));
    document.body.dataset.view = view;
    this.#drawHeader();
    if (view === 'loading') return fill(main, el('div', { class: 'spinner', 'aria-hidden': 'true' }));
    if (view === 'login') fill(main, new LoginView(this).element);
    else this.#showWork(main);
    document.title = `${t(view === 'login' ? 'login.title' : 'queue.title')} – ${t('brand')}`;
    focusHeading(main);
  }

  /** @param {HTMLElement} main */
  #showWork(main) {
    this.#queue = new QueueView(this, this.#work.signal);
    this.#case = new CaseView(this);
    fill(main, el('div', { class: 'workspace' }, this.#queue.element, this.#case.element));
    listenToQueue((event) => this.dispatch(event), () => this.#refreshSession(), this.#work.signal);
  }

  #drawHeader() {
    const { account } = this.state;
    const header = /** @type {HTMLElement} */ (document.getElementById('page-header'));
    const button = (/** @type {string} */ label, /** @type {() => void} */ click, lang = '', name = '') => el('button', { type: 'button', class: `quiet ${name}`, lang: lang || null, on: { click } }, label);
    fill(header, el('p', { class: 'brand' }, el('span', { class: 'mark', 'aria-hidden': 'true' }, '+'), t('brand')),
      el('p', { class: 'counts' }), el('span', { class: 'push' }),
      account ? el('span', { class: 'account' }, icon('person'), ' ', account.display) : null,
      account ? button(t('line.start'), () => showLineTest(), '', 'line') : null,
      account ? button(t('console.shortcuts'), () => showShortcuts()) : null,
      button(t('frame.other_language'), () => this.#switchLanguage(), t('frame.other_language_code')),
      account ? button(t('console.sign_out'), () => this.signOut()) : null);
  }

  async #switchLanguage() {
    if (this.#case?.hasUnsaved()) await this.#case.save();
    await setLanguage(/** @type {any} */ (t('frame.other_language_key')));
    this.#view = '';
    this.draw();
  }

  #drawCounts() {
    const counts = document.querySelector('.counts');
    const { waiting = 0, in_consult: calls = 0, wrap_up: unsigned = 0 } = this.state.counts;
    if (counts) setText(counts, this.state.account ? t('queue.counts', { waiting, calls, unsigned }) : '');
  }

  /** A red flag is heard, not only seen. @param {import('../types.js').QueueRow[]} rows */
  #alarm(rows) {
    if (!rows.length) return;
    announce(t('queue.alert', { names: rows.map((row) => row.display).join(t('list.comma')) }), 'assertive');
    void chime();
  }

  #takeSeat() {
    const wanted = isSeated(this.state) ? this.state.openId : null;
    if (this.session && this.session.visitId !== wanted) { this.session.close(); this.session = null; }
    if (!wanted || this.session) return;
    this.#storedMark = storedMark(initialCall());
    this.session = new CallSession({
      visitId: wanted, mediaOnRing: true, line: lastFound(), audioOnly: prefersSound(lastFound()),
      onState: (call) => this.#callChanged(call), onEnd: () => { this.session = null; void this.reload(); },
    });
    this.session.open();
  }

  /** @param {import('../call/state.js').CallState} call */
  #callChanged(call) {
    const known = this.state.opened?.visit.state;
    if (call.visitState && known && call.visitState !== known && call.connection === 'open') {
      announce(t(`state.${call.visitState}`));
      this.dispatch({ type: 'moved', state: call.visitState });
      return void this.reload();
    }
    this.#case?.updateCall();
    this.#readWhatWasStored(call);
  }

  /** A consent or a reading of the call changes the case: consents, NEWS2. @param {import('../call/state.js').CallState} call */
  #readWhatWasStored(call) {
    const mark = storedMark(call);
    if (mark === this.#storedMark) return;
    this.#storedMark = mark;
    void this.reload();
  }

  async #refreshSession() {
    try {
      const account = await get('/api/session');
      if (!this.state.account) this.signedIn(account);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) this.dispatch({ type: 'account', account: null });
      else if (!this.state.isKnown) setTimeout(() => this.#refreshSession(), 2_000); // the server is starting again
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.state.account) return;
    const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
    const command = commandFor({ altKey: event.altKey, ctrlKey: event.ctrlKey, metaKey: event.metaKey, code: event.code, key: event.key, isTyping });
    if (!command) return;
    event.preventDefault();
    if (command === 'help') showShortcuts();
    else if (command === 'queue') this.#queue?.focus();
    else if (command === 'next') void this.#openNext();
    else this.#case?.command(command);
  }
}
