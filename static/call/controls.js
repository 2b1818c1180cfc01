// @ts-check
/** The bar under a call: each button says what it will do, and shows the state by word, shape and colour. */

import { el, fill, icon, setText } from '../elements.js';
import { t } from '../i18n/index.js';
import { adviceFor, browserOf, cameras, canShareScreen } from '../media/devices.js';

/** @typedef {keyof typeof import('../elements.js').ICONS} IconName */

/** A button with an icon above a word. @param {() => void} onPress */
export function barButton(onPress) {
  const button = el('button', { type: 'button', class: 'bar-button', on: { click: onPress } });
  let shown = '';
  const show = (/** @type {IconName} */ symbol, /** @type {string} */ label, kind = '') => {
    if (shown === `${symbol}|${label}|${kind}`) return;
    shown = `${symbol}|${label}|${kind}`;
    button.className = `bar-button ${kind}`;
    fill(button, icon(symbol), el('span', {}, label));
  };
  return { button, show };
}

export class Controls {
  #microphone = barButton(() => this.#toggle('microphone'));
  #camera = barButton(() => this.#toggle('camera'));
  #audioOnly = barButton(() => this.#session()?.setAudioOnly(!this.#session()?.state.audioOnly));
  #screen = barButton(() => this.#toggle('screen'));
  #secondCamera = barButton(() => this.#toggle('second_camera'));
  #advice = el('div', { role: 'status' });
  #session;
  #knowsCameras = false;
  element;

  /** @param {() => import('./session.js').CallSession|null} session @param {...HTMLElement} more further buttons */
  constructor(session, ...more) {
    this.#session = session;
    this.element = el('div', { class: 'call-controls' }, this.#advice,
      el('div', { class: 'bar', role: 'group', 'aria-label': t('call.controls') }, this.#microphone.button, this.#camera.button, this.#audioOnly.button,
        this.#screen.button, this.#secondCamera.button, more));
    this.#screen.button.hidden = !canShareScreen();
    this.#secondCamera.button.hidden = true;
    void this.#lookForCameras();
  }

  /** A second camera is offered where there is one; before the first is allowed, browsers name none. */
  async #lookForCameras() {
    this.#secondCamera.button.hidden = (await cameras()).length < 2;
  }

  /** @param {import('./state.js').CallState} state */
  update(state) {
    const { microphone, camera, audioOnly } = state;
    this.#microphone.show(microphone.on ? 'microphone' : 'microphoneOff', t(microphone.on ? 'call.mute' : 'call.unmute'), microphone.on ? '' : 'off');
    this.#camera.show(camera.on ? 'camera' : 'cameraOff', t(camera.on ? 'call.camera_off' : 'call.camera_on'), camera.on ? '' : 'off');
    this.#audioOnly.show(audioOnly ? 'camera' : 'sound', t(audioOnly ? 'call.with_picture' : 'call.sound_only'), audioOnly ? 'off' : '');
    const { screen, second_camera: second } = state;
    this.#screen.show('screen', t(screen.on ? 'call.share_stop' : 'call.share'), screen.on ? 'off' : '');
    this.#secondCamera.show('camera', t(second.on ? 'call.second_off' : 'call.second_on'), second.on ? 'off' : '');
    if (camera.on && !this.#knowsCameras) { this.#knowsCameras = true; void this.#lookForCameras(); }
    const other = screen.problem ?? second.problem;
    this.#showAdvice(microphone.problem ?? (audioOnly ? null : camera.problem) ?? other, microphone.problem ? 'microphone' : camera.problem ? 'camera' : 'second_camera');
  }

  /** @param {import('../media/links.js').OwnSource} source */
  toggle(source) {
    this.#toggle(source);
  }

  /** @param {import('../media/links.js').OwnSource} source */
  #toggle(source) {
    const session = this.#session();
    if (session) void session.setDevice(source, !session.state[source].on);
  }

  /** @param {string|null} problem @param {'microphone'|'camera'|'second_camera'} source */
  #showAdvice(problem, source) {
    const keys = problem ? adviceFor(/** @type {any} */ (problem), browserOf(navigator.userAgent)) : [];
    const text = problem ? [t(source === 'second_camera' ? 'source.second_camera' : `check.${source}`), ...keys.map((key) => t(key))].join(' – ') : '';
    if (this.#advice.dataset.text === text) return;
    this.#advice.dataset.text = text;
    fill(this.#advice, text ? el('p', { class: 'notice warn' }, icon('warning'), el('span', {}, text)) : null);
  }
}

/** One status line for the connection; empty while all is well. */
export class LineStatus {
  element = el('div', { class: 'line-status', role: 'status' });
  #text = el('span', {});
  #actions = el('span', { class: 'line-actions' });
  #shown = '';

  constructor() {
    this.element.append(this.#text, this.#actions);
    this.element.hidden = true;
  }

  /** @param {string} text @param {HTMLElement[]} [actions] */
  show(text, actions = []) {
    if (this.#shown === text) return;
    this.#shown = text;
    this.element.hidden = text === '';
    setText(this.#text, text);
    fill(this.#actions, actions);
  }
}
