// @ts-check
/** Strokes and pointers over a picture: seen by everybody; the doctor draws and the patient points, by hand or by keys. */

import { t } from '../i18n/index.js';

const SVG = 'http://www.w3.org/2000/svg';
const MOST_POINTS = 80; // numbers in a message; a longer line goes on in the next one
const DOT = 0.03; // of the picture's longer side
const STEP = 0.05; // of the picture for each arrow key
const RING = Array.from({ length: 17 }, (_, place) => [Math.cos((place * Math.PI) / 8), Math.sin((place * Math.PI) / 8)]);
const KEYS = Object.freeze({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });

/** Where a point of the element lies in a picture that fits inside it (CSS object-fit: contain) or covers it, 0 to 1; outside it is clamped. Pure.
 * @param {{x: number, y: number}} at @param {{width: number, height: number}} element @param {{width: number, height: number}} picture @param {boolean} [isCover] @returns {[number, number]} */
export function inPicture(at, element, picture, isCover = false) {
  const scale = (isCover ? Math.max : Math.min)(element.width / picture.width, element.height / picture.height);
  const share = (/** @type {number} */ place, /** @type {number} */ room, /** @type {number} */ size) => Math.min(1, Math.max(0, (place - (room - size * scale) / 2) / (size * scale)));
  return [share(at.x, element.width, picture.width), share(at.y, element.height, picture.height)];
}

/** A ring of a tenth of the picture around a point. Pure. @param {[number, number]} at @returns {number[]} */
export function ring([x, y]) {
  return RING.flatMap(([dx, dy]) => [Math.min(1, Math.max(0, x + dx / 20)), Math.min(1, Math.max(0, y + dy / 20))]);
}

/**
 * @typedef {object} Marks @property {readonly import('../media/room_channel.js').Stroke[]} strokes @property {readonly import('../media/room_channel.js').Pointer[]} pointers
 * @typedef {object} Hand what this person does here, if anything @property {((points: number[]) => void)|null} draw @property {((at: [number, number]) => void)|null} point
 */

export class Drawing {
  element = document.createElementNS(SVG, 'svg');
  #video;
  #shown = '';
  /** @type {number[]|null} */
  #line = null;
  /** @type {[number, number]} */
  #cursor = [0.5, 0.5];
  /** @type {Hand} */
  #hand = { draw: null, point: null };
  #label = '';

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

  /** @param {Marks} marks on this picture @param {Hand} hand */
  update({ strokes, pointers }, hand) {
    this.#arm(hand.draw ? t('draw.how') : hand.point ? t('point.how') : '');
    this.#hand = hand;
    const { videoWidth: width, videoHeight: height } = this.#video;
    const places = pointers.map(({ from, x, y }) => `${from} ${x} ${y}`).join(' ');
    const shown = `${width}x${height} ${strokes.map(({ number }) => number).join(' ')} ${places} ${this.#label ? this.#cursor : ''}`;
    if (shown === this.#shown || !width) return;
    this.#shown = shown;
    this.element.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.element.setAttribute('preserveAspectRatio', `xMidYMid ${this.#isSelf ? 'slice' : 'meet'}`); // as the picture under it
    this.element.replaceChildren(...strokes.map(({ points, color }) => path(points, `ink-${color}`, width, height)),
      ...(this.#label ? [path(ring(this.#cursor), 'cursor', width, height)] : []), ...pointers.map(({ x, y }) => dot(x * width, y * height, DOT * Math.max(width, height))));
  }

  get #isSelf() {
    return Boolean(this.#video.closest('.self'));
  }

  /** @param {string} label how it is used; empty: it is only seen */
  #arm(label) {
    if (label === this.#label) return;
    this.#label = label;
    this.element.classList.toggle('armed', Boolean(label));
    if (label) this.element.removeAttribute('aria-hidden');
    else this.element.setAttribute('aria-hidden', 'true');
    for (const [name, value] of Object.entries({ tabindex: '0', role: 'application', 'aria-label': label })) {
      if (label) this.element.setAttribute(name, value);
      else this.element.removeAttribute(name);
    }
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (!this.#label) return;
    this.element.setPointerCapture(event.pointerId);
    this.#hand.point?.(this.#place(event));
    if (this.#hand.draw) this.#line = this.#place(event);
  }

  /** @param {PointerEvent} event */
  #go(event) {
    this.#hand.point?.(this.#place(event));
    if (!this.#line) return;
    this.#line.push(...this.#place(event));
    if (this.#line.length < MOST_POINTS) return;
    const last = this.#line.slice(-2);
    this.#finish();
    this.#line = last;
  }

  #finish() {
    if (this.#line && this.#line.length > 2) this.#hand.draw?.(this.#line);
    this.#line = null;
  }

  /** Arrows move the ring, or the pointer with it; Enter leaves the ring there. @param {KeyboardEvent} event */
  #key(event) {
    const step = KEYS[/** @type {keyof typeof KEYS} */ (event.key)];
    if (!this.#label || (!step && event.key !== 'Enter')) return;
    event.preventDefault();
    if (step) this.#step(step[0] * (this.#isSelf ? -STEP : STEP), step[1] * STEP); // one's own picture is a mirror
    else this.#hand.draw?.(ring(this.#cursor));
    this.#hand.point?.(this.#cursor);
  }

  /** @param {number} dx @param {number} dy */
  #step(dx, dy) {
    this.#cursor = [Math.min(1, Math.max(0, this.#cursor[0] + dx)), Math.min(1, Math.max(0, this.#cursor[1] + dy))];
    const { width, height } = this.element.viewBox.baseVal;
    this.element.querySelector('.cursor')?.replaceWith(path(ring(this.#cursor), 'cursor', width, height));
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  #place(event) {
    const box = this.element.getBoundingClientRect();
    const x = this.#isSelf ? box.right - event.clientX : event.clientX - box.x;
    return inPicture({ x, y: event.clientY - box.y }, box, { width: this.#video.videoWidth || 1, height: this.#video.videoHeight || 1 }, this.#isSelf);
  }
}

/** @param {number} x @param {number} y @param {number} r */
function dot(x, y, r) {
  const circle = document.createElementNS(SVG, 'circle');
  for (const [name, value] of Object.entries({ class: 'pointer', cx: x, cy: y, r })) circle.setAttribute(name, String(value));
  return circle;
}

/** @param {number[]} points @param {string} kind @param {number} width @param {number} height */
function path(points, kind, width, height) {
  const line = document.createElementNS(SVG, 'polyline');
  line.setAttribute('class', kind);
  line.setAttribute('points', points.map((share, place) => Math.round(share * (place % 2 ? height : width))).join(' '));
  return line;
}
