// @ts-check
/** The patient page's shell: one state, one screen at a time, one seat while there is something to wait for. */

import { focusHeading } from '../a11y.js';
import { ApiProblem, codeOf, get } from '../api.js';
import { CallSession } from '../call/session.js';
import { CLOSED_STATES } from '../call/state.js';
import { fill } from '../elements.js';
import { t } from '../i18n/index.js';
import { lastFound } from '../media/line_test.js';
import { drawEmergency } from './emergency.js';
import { drawFooter, drawHeader } from './frame.js';
import { initialPatient, isSeated, reducePatient, stepOf } from './state.js';
import { keepAwake, watchVisibility } from './wake_lock.js';

// While the live connection is away the page asks by HTTP; a place in the queue rarely changes faster.
const POLL_MS = 15_000;
// The summary is what the patient sits and waits for.
const POLL_SUMMARY_MS = 4_000;
// A seat that was refused for good is not asked for again at once, whatever the visit's state says.
const REFUSED_PAUSE_MS = 5_000;

/**
 * @typedef {object} Screen
 * @property {HTMLElement} element @property {() => void} [update] called after every change of state
 * @typedef {(app: PatientApp, signal: AbortSignal) => Screen} ScreenBuilder
 * @typedef {object} Config @property {string} emergency_number
 * @property {string} consent_text_version
 */

export class PatientApp {
  /** @type {import('./state.js').PatientState} */
  state = initialPatient();
  /** @type {CallSession|null} */
  session = null;
  /** @type {Config} */
  config;
  /** Chosen at the device check; how the call starts. */
  audioOnly = false;
  #screens;
  /** @type {Screen|null} */
  #screen = null;
  #step = '';
  #noSeatBefore = 0;
  #screenAbort = new AbortController();

  /** @param {Record<import('./state.js').Step, ScreenBuilder>} screens @param {Config} config */
  constructor(screens, config) {
    this.#screens = screens;
    this.config = config;
    setInterval(() => this.#pollSeat(), POLL_MS);
    watchVisibility();
    setInterval(() => this.#pollSummary(), POLL_SUMMARY_MS);
    window.addEventListener('pageshow', (event) => event.persisted && this.refresh());
  }

  /** @param {import('./state.js').PatientAction} action */
  dispatch(action) {
    this.state = reducePatient(this.state, action);
    this.draw();
  }

  /** Ask the server where we are; a visit that is gone becomes a problem screen, a lost line does not. */
  async refresh() {
    try {
      this.dispatch({ type: 'visit', visit: await get('/api/visit') });
    } catch (error) {
      if (error instanceof ApiProblem && (error.status === 0 || error.status >= 500) && this.state.visit) return;
      this.dispatch({ type: 'problem', code: codeOf(error) });
    }
  }

  /** Show what the state says. */
  draw() {
    const step = stepOf(this.state);
    this.#takeSeat(isSeated(step));
    if (step !== this.#step) void keepAwake(isSeated(step));
    drawHeader(this);
    drawEmergency(this);
    drawFooter(this);
    if (step === this.#step) this.#screen?.update?.();
    else this.#show(step);
  }

  /** Build the screen again: after a change of language. */
  redraw() {
    this.#step = '';
    this.draw();
  }

  /** @param {import('./state.js').Step} step */
  #show(step) {
    this.#screenAbort.abort();
    this.#screenAbort = new AbortController();
    const isFirst = this.#step === '';
    this.#step = step;
    document.body.dataset.step = step;
    this.#screen = this.#screens[step](this, this.#screenAbort.signal);
    const main = /** @type {HTMLElement} */ (document.getElementById('screen'));
    fill(main, this.#screen.element);
    document.title = `${main.querySelector('h1')?.textContent ?? ''} – ${t('brand')}`;
    if (!isFirst) focusHeading(main);
    this.#screen.update?.();
  }

  /** @param {boolean} isSeatedNow */
  #takeSeat(isSeatedNow) {
    if (!isSeatedNow) { this.session?.close(); this.session = null; return; }
    if (this.session || performance.now() < this.#noSeatBefore) return;
    this.session = new CallSession({
      audioOnly: this.audioOnly, line: lastFound(),
      onState: (state) => this.#callChanged(state),
      onEnd: (code) => this.#seatEnded(code),
    });
    this.session.open();
  }

  /** @param {import('../call/state.js').CallState} call */
  #callChanged(call) {
    const { visit } = this.state;
    if (call.emergency && call.emergency !== this.state.emergency) return this.dispatch({ type: 'emergency', emergency: call.emergency });
    if (!visit || !call.visitState || call.visitState === visit.state) return this.draw();
    this.dispatch({ type: 'moved', state: call.visitState });
    if (call.visitState === 'wrap_up' || CLOSED_STATES.includes(call.visitState)) void this.refresh();
  }

  /** @param {number} code */
  #seatEnded(code) {
    if (code === 0) this.#noSeatBefore = performance.now() + REFUSED_PAUSE_MS;
    if (code === 4409) return this.dispatch({ type: 'problem', code: 'seat-taken' });
    this.session = null;
    void this.refresh();
  }

  #pollSeat() {
    const isLive = this.session?.state.connection === 'open';
    if (isSeated(stepOf(this.state)) && !isLive) void this.refresh();
  }

  #pollSummary() {
    if (stepOf(this.state) === 'ended' && this.state.visit?.role === 'patient') void this.refresh();
  }
}
