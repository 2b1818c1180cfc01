// @ts-check
/** The line test as a person sees it: how far it is, a plain verdict, what to do next, and figures for those who want them. */

import { el, fill, icon } from '../elements.js';
import { t } from '../i18n/index.js';
import { lastFound, testLine } from '../media/line_test.js';
import { LineVerdict } from '../media/line_verdict.js';

/** @typedef {import('../media/line_verdict.js').LineFound} LineFound */

/** Verdicts at which nothing needs to be done. @type {readonly string[]} */
const FINE = [LineVerdict.VIDEO, LineVerdict.SMALL_VIDEO];

export class LinePanel {
  #told = el('div', { role: 'status' });
  #buttons = el('div', { class: 'actions' });
  /** @type {AbortController|null} */
  #running = null;
  #onFound;
  #signal;
  /** @type {LineFound|null} */
  found = lastFound();
  element;

  /** @param {AbortSignal} signal ends a test that runs @param {(found: LineFound) => void} [onFound] @param {'h2'|'h3'} [heading] */
  constructor(signal, onFound = () => {}, heading = 'h2') {
    this.#signal = signal;
    this.#onFound = onFound;
    signal.addEventListener('abort', () => this.stop(), { once: true });
    this.element = el('div', { class: 'panel line-test' }, el(heading, {}, t('line.title')), this.#told, this.#buttons);
    if (this.found) this.#show(this.found);
    else this.#offer(t('line.start'));
  }

  /** Test now; a test that runs already goes on. */
  async start() {
    if (this.#running || this.#signal.aborted) return;
    const running = this.#running = new AbortController();
    const words = el('p', {}, t('line.starting'));
    fill(this.#told, words);
    fill(this.#buttons, el('button', { type: 'button', class: 'quiet', on: { click: () => this.stop() } }, t('line.stop')));
    const found = await testLine(running.signal, (_, number, of) => fill(words, t('line.testing', { number, of })));
    this.#running = null;
    this.found = found;
    this.#show(found);
    this.#onFound(found);
  }

  /** What was found by then counts. */
  stop() {
    this.#running?.abort();
  }

  /** @param {LineFound} found */
  #show(found) {
    const isFine = FINE.includes(found.verdict);
    fill(this.#told, el('div', { class: isFine ? 'notice calm' : 'notice warn', 'data-verdict': found.verdict }, icon(isFine ? 'check' : 'warning'),
      el('div', {}, el('p', {}, el('strong', {}, t(`line.${found.verdict}`))), el('p', {}, t(`line.${found.verdict}_next`)))), figures(found));
    this.#offer(t('line.again'));
  }

  /** @param {string} label */
  #offer(label) {
    fill(this.#buttons, el('button', { type: 'button', on: { click: () => void this.start() } }, label));
  }
}

/** @param {LineFound} found */
function figures(found) {
  if (found.up_bps === undefined) return null;
  return el('details', {}, el('summary', {}, t('line.figures')), el('p', {}, figuresText(found)));
}

/** @param {LineFound} found */
export function figuresText(found) {
  const kbit = (/** @type {number|null|undefined} */ bps) => Math.round((bps ?? 0) / 1000);
  return t('line.figures_text', {
    up: kbit(found.up_bps), down: kbit(found.down_bps), rtt: found.rtt_ms ?? 0, jitter: found.jitter_ms ?? 0,
    loss_up: found.up_loss_percent ?? 0, loss_down: found.down_loss_percent ?? 0, ways: found.ways.map((way) => way.toUpperCase()).join(t('list.comma')),
  });
}
