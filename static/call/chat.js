// @ts-check
/** Written words beside the call, and instead of it. */

import { announce } from '../a11y.js';
import { el, setText } from '../elements.js';
import { formOf, textField, workButton } from '../forms.js';
import { t, timeOfDay } from '../i18n/index.js';
import { Connection } from '../signalling/socket.js';
import { pending } from './written.js';

// signaling/README.md: 1 to 4,000 characters.
const MAX_CHAT = 4000;

export class Chat {
  #list = el('ol', { class: 'chat-list', tabindex: '0', 'aria-label': t('chat.title') });
  #empty = el('p', { class: 'hint' }, t('chat.empty'));
  #shown = 0;
  /** @type {Map<string, HTMLElement>} lines that are not known to be stored, behind those that are */
  #pending = new Map();
  #field = textField({ name: 'chat', label: t('chat.write'), value: '', type: 'textarea', rows: 2, maxlength: MAX_CHAT });
  #session;
  element;

  /** @param {() => import('./session.js').CallSession|null} session @param {'h2'|'h4'} [heading] by what stands above it */
  constructor(session, heading = 'h2') {
    this.#session = session;
    const send = workButton({ label: t('chat.send'), kind: 'primary' }, () => this.#send());
    this.element = el('section', { class: 'chat', 'aria-label': t('chat.title') }, el(heading, {}, t('chat.title')),
      this.#empty, this.#list, formOf(send, { class: 'chat-form' }, this.#field.element, send));
    this.#field.input.addEventListener('keydown', (event) => this.#sendOnEnter(/** @type {KeyboardEvent} */ (event)));
  }

  focus() {
    this.#field.input.focus();
  }

  /** @param {import('./state.js').CallState} state */
  update(state) {
    const known = this.#shown;
    const isFresh = known === 0;
    const waiting = pending(state.written, 'chat', state.chat, { ...state, isSocketOpen: state.connection === Connection.OPEN });
    const lines = state.chat.filter(({ number }) => number > known).map((entry) => {
      this.#shown = entry.number;
      if (!isFresh && !this.#pending.has(entry.key)) this.#announce(entry, state);
      return this.#line(entry, state);
    });
    const isOther = this.#drawPending(waiting, state);
    if (!isOther && !lines.length) return;
    this.#list.append(...lines, ...this.#pending.values());
    this.#empty.hidden = this.#list.childElementCount > 0;
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Tell whether a line came, went or has another note. @param {import('./written.js').Pending[]} waiting @param {import('./state.js').CallState} state */
  #drawPending(waiting, state) {
    const isSame = waiting.length === this.#pending.size && waiting.every(({ key, note }) => this.#pending.get(key)?.dataset.note === note);
    if (isSame) return false;
    const before = this.#pending;
    this.#pending = new Map(waiting.map((entry) => [entry.key, this.#pendingLine(entry, state)]));
    for (const line of before.values()) line.remove();
    for (const entry of waiting) if (!before.has(entry.key)) this.#announce({ ...entry, text: entry.body.text }, state);
    return true;
  }

  /** @param {import('./written.js').Pending} entry @param {import('./state.js').CallState} state */
  #pendingLine(entry, state) {
    const line = this.#line({ ...entry, text: entry.body.text }, state);
    line.dataset.note = entry.note;
    line.append(el('span', { class: 'kept' }, t(`written.${entry.note}`)));
    return line;
  }

  /** @param {{from: string, role: string, text: string}} entry @param {import('./state.js').CallState} state */
  #announce(entry, state) {
    if (entry.from !== state.seat) announce(t('chat.new', { name: nameOf(entry, state), text: entry.text }));
  }

  /** @param {{from: string, role: string, text: string, at: string}} entry @param {import('./state.js').CallState} state */
  #line(entry, state) {
    const line = el('li', { class: entry.from === state.seat ? 'mine' : 'theirs' }, el('span', { class: 'who' }, nameOf(entry, state), ' ',
      el('time', { datetime: entry.at }, timeOfDay(entry.at))), el('span', { class: 'text' }));
    setText(/** @type {Element} */ (line.lastElementChild), entry.text);
    return line;
  }

  /** @param {KeyboardEvent} event */
  #sendOnEnter(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return; // an input method's Enter chooses a word
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.#field.input.value.trim();
    const session = this.#session();
    if (!text || !session) return;
    session.outbox.write('chat', { text });
    this.#field.input.value = '';
  }
}

/** @param {{from: string, role: string}} entry @param {import('./state.js').CallState} state */
function nameOf(entry, state) {
  if (entry.from === state.seat) return t('call.you');
  return state.seats.find((seat) => seat.seat === entry.from)?.display ?? t(`role.${entry.role}`);
}
