// @ts-check
/** Written words beside the call, and instead of it. */

import { announce } from '../a11y.js';
import { el, setText } from '../elements.js';
import { formOf, textField, workButton } from '../forms.js';
import { t, timeOfDay } from '../i18n/index.js';

// signaling/README.md: 1 to 4,000 characters.
const MAX_CHAT = 4000;

export class Chat {
  #list = el('ol', { class: 'chat-list', tabindex: '0', 'aria-label': t('chat.title') });
  #empty = el('p', { class: 'hint' }, t('chat.empty'));
  #shown = 0;
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
    for (const entry of state.chat.filter(({ number }) => number > known)) {
      this.#shown = entry.number;
      this.#list.append(this.#line(entry, state));
      if (!isFresh && entry.from !== state.seat) announce(t('chat.new', { name: nameOf(entry, state), text: entry.text }));
    }
    this.#empty.hidden = this.#shown > 0;
    if (this.#shown !== known) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** @param {import('../types.js').ChatEntry} entry @param {import('./state.js').CallState} state */
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
    session.chat(text);
    this.#field.input.value = '';
  }
}

/** @param {import('../types.js').ChatEntry} entry @param {import('./state.js').CallState} state */
function nameOf(entry, state) {
  if (entry.from === state.seat) return t('call.you');
  return state.seats.find((seat) => seat.seat === entry.from)?.display ?? t(`role.${entry.role}`);
}
