// @ts-check
/** Strokes over a picture: seen by everybody, drawn by the doctor with pointer or keys. */

import { t } from '../i18n/index.js';

const SVG = 'http://www.w3.org/2000/svg';
const MOST_POINTS = 80; // numbers in a message; a longer line goes on in the next one
const STEP = 0.05; // of the picture for each arrow key
const RING = Array.from({ length: 17 }, (_, place) => [Math.cos((place * Math.PI) / 8), Math.sin((place * Math.PI) / 8)]);
const KEYS = Object.freeze({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });

/** Where a point of the element lies in a picture that fits inside it (CSS object-fit: contain), 0 to 1; outside it is clamped. Pure.
 * @param {{x: number, y: number}} at @param {{width: number, height: number}} element @param {{width: number, height: number}} picture @returns {[number, number]} */
export function inPicture(at, element, picture) {
  const scale = Math.min(element.width / picture.width, element.height / picture.height);
  const share = (/** @type {number} */ place, /** @type {number} */ room, /** @type {number} */ size) => Math.min(1, Math.max(0, (place - (room - size * scale) / 2) / (size * scale)));
  return [share(at.x, element.width, picture.width), share(at.y, element.height, picture.height)];
}

/** A ring of a tenth of the picture around a point. Pure. @param {[number, number]} at @returns {number[]} */
export function ring([x, y]) {
  return RING.flatMap(([dx, dy]) => [Math.min(1, Math.max(0, x + dx / 20)), Math.min(1, Math.max(0, y + dy / 20))]);
}

export class Drawing {
  element = document.createElementNS(SVG, 'svg');
  #video;
  #shown = '';
  /** @type {number[]|null} */
  #line = null;
  /** @type {[number, number]} */
  #cursor = [0.5, 0.5];
  /** @type {((points: number[]) => void)|null} */
  #onStroke = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    this.element.setAttribute('class', 'drawing');
    this.element.setAttribute('aria-hidden', 'true');
    this.element.addEventListener('pointerdown', (event) => this.#begin(event));
    this.element.addEventListener('pointermove', (event) => this.#go(event));
    for (const end of ['pointerup', 'pointercancel']) this.element.addEventListener(end, () => this.#finish());
    this.element.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param {readonly import('../media/room_channel.js').Stroke[]} strokes on this picture @param {((points: number[]) => void)|null} onStroke null where nobody draws here */
  update(strokes, onStroke) {
    if (Boolean(onStroke) !== Boolean(this.#onStroke)) this.#arm(Boolean(onStroke));
    this.#onStroke = onStroke;
    const { videoWidth: width, videoHeight: height } = this.#video;
    const shown = `${width}x${height} ${strokes.map(({ number }) => number).join(' ')} ${onStroke ? this.#cursor : ''}`;
    if (shown === this.#shown || !width) return;
    this.#shown = shown;
    this.element.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.element.setAttribute('preserveAspectRatio', `xMidYMid ${this.#video.closest('.self') ? 'slice' : 'meet'}`); // as the picture under it
    this.element.replaceChildren(...strokes.map(({ points, color }) => path(points, `ink-${color}`, width, height)),
      ...(onStroke ? [path(ring(this.#cursor), 'cursor', width, height)] : []));
  }

  /** @param {boolean} on */
  #arm(on) {
    this.element.classList.toggle('armed', on);
    if (on) this.element.removeAttribute('aria-hidden');
    else this.element.setAttribute('aria-hidden', 'true');
    for (const [name, value] of Object.entries({ tabindex: '0', role: 'application', 'aria-label': t('draw.how') })) {
      if (on) this.element.setAttribute(name, value);
      else this.element.removeAttribute(name);
    }
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (!this.#onStroke) return;
    this.element.setPointerCapture(event.pointerId);
    this.#line = this.#place(event);
  }

  /** @param {PointerEvent} event */
  #go(event) {
    if (!this.#line) return;
    this.#line.push(...this.#place(event));
    if (this.#line.length < MOST_POINTS) return;
    const last = this.#line.slice(-2);
    this.#finish();
    this.#line = last;
  }

  #finish() {
    if (this.#line && this.#line.length > 2) this.#onStroke?.(this.#line);
    this.#line = null;
  }

  /** Arrows move the ring, Enter leaves it there. @param {KeyboardEvent} event */
  #key(event) {
    const step = KEYS[/** @type {keyof typeof KEYS} */ (event.key)];
    if (!this.#onStroke || (!step && event.key !== 'Enter')) return;
    event.preventDefault();
    if (!step) return this.#onStroke(ring(this.#cursor));
    this.#cursor = [Math.min(1, Math.max(0, this.#cursor[0] + step[0] * STEP)), Math.min(1, Math.max(0, this.#cursor[1] + step[1] * STEP))];
    const { width, height } = this.element.viewBox.baseVal;
    this.element.querySelector('.cursor')?.replaceWith(path(ring(this.#cursor), 'cursor', width, height));
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  #place(event) {
    const box = this.element.getBoundingClientRect();
    return inPicture({ x: event.clientX - box.x, y: event.clientY - box.y }, box, { width: this.#video.videoWidth || 1, height: this.#video.videoHeight || 1 });
  }
}

/** @param {number[]} points @param {string} kind @param {number} width @param {number} height */
function path(points, kind, width, height) {
  const line = document.createElementNS(SVG, 'polyline');
  line.setAttribute('class', kind);
  line.setAttribute('points', points.map((share, place) => Math.round(share * (place % 2 ? height : width))).join(' '));
  return line;
}
