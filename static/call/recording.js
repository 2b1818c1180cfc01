// @ts-check
/**
 * The mark that everybody in a recorded call sees, the question to the patient's side, and the way to take a yes back.
 * A region that is read out when its words change; icon and words, never colour alone.
 */

import { el, fill, icon } from '../elements.js';
import { t } from '../i18n/index.js';

const PATIENT_SIDE = ['patient', 'caregiver'];
const RECORDED = ['on', 'gap'];
export const TEXT_VERSION = '2026-11';

/** @typedef {import('./state.js').CallState} CallState */
/** @typedef {{send: (type: string, body?: any) => void}} Sender */

/** Which words tell a state. @param {CallState} state @returns {string} a key, empty when there is nothing to tell */
export function markKey({ recording, recordingBecause, recordingAsk, role }) {
  if (recordingAsk) return 'recording.ask';
  if (recording === 'on') return 'recording.on';
  if (recording === 'gap' || recording === 'consent-pending') return `recording.${recordingBecause || 'starting'}`;
  if (recordingBecause === 'declined') return role === 'doctor' ? 'recording.declined' : 'recording.declined_own';
  if (recordingBecause) return `recording.${recordingBecause}`;
  return recording === 'sealed' ? 'recording.sealed' : '';
}

export class RecordingMark {
  #session;
  #shown = '';
  element = el('div', { class: 'recording-mark', role: 'status' });

  /** @param {() => (Sender & {state: CallState})|null} session */
  constructor(session) {
    this.#session = session;
    this.element.hidden = true;
  }

  /** @param {CallState} state */
  update(state) {
    const key = markKey(state);
    const drawn = `${key}|${document.documentElement.lang}`;
    if (drawn === this.#shown) return;
    this.#shown = drawn;
    this.element.hidden = key === '';
    this.element.className = `recording-mark ${state.recordingAsk ? 'asks' : state.recording}`;
    fill(this.element, key ? icon(state.recording === 'on' ? 'record' : 'recordOff') : null, el('span', {}, key ? t(key) : ''), this.#choices(state));
  }

  /** @param {CallState} state @returns {HTMLElement|null} */
  #choices(state) {
    if (!PATIENT_SIDE.includes(state.role)) return null;
    if (state.recordingAsk) {
      return el('span', { class: 'line-actions' }, this.#choice('recording.yes', true), this.#choice('recording.no', false));
    }
    return RECORDED.includes(state.recording) ? el('span', { class: 'line-actions' }, this.#choice('recording.withdraw', false)) : null;
  }

  /** @param {string} key @param {boolean} given */
  #choice(key, given) {
    const tell = () => this.#session()?.send('consent', { given, text_version: TEXT_VERSION });
    return el('button', { type: 'button', on: { click: tell } }, t(key));
  }
}
