// @ts-check
/** Builds DOM from data. Text always goes in as text nodes; nothing here parses HTML. */

/**
 * @typedef {Node|string|number|null|undefined|false} Child
 * @typedef {Record<string, unknown> & {on?: Record<string, (event: any) => void>, signal?: AbortSignal}} Attributes
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * One element. `true` sets an empty attribute, `false` and `null` leave it out, `on` adds listeners
 * (ended by `signal` when given).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {...(Child|Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  const { on = {}, signal, ...plain } = attributes;
  for (const [name, value] of Object.entries(plain)) setAttribute(element, name, value);
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener, { signal });
  element.append(...nodes(children));
  return element;
}

/** @param {Element} element @param {string} name @param {unknown} value */
function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) return;
  element.setAttribute(name, value === true ? '' : String(value));
}

/** @param {(Child|Child[])[]} children @returns {(Node|string)[]} */
function nodes(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/** Replace all children. @param {Element} parent @param {...(Child|Child[])} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
}

/** Set text only when it differs, so that a live region does not speak twice. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A decorative line icon from the paths in ICONS; hidden from assistive technology.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Own drawings on a 24 px grid, stroked by CSS. */
export const ICONS = Object.freeze({
  wipe: 'M8 20h12M4 14l9-9 6 6-8 8H8z',
  pulse: 'M2 12h5l2-6 4 12 3-8 2 2h4',
  point: 'M12 2v4M12 18v4M2 12h4M18 12h4M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6',
  draw: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4',
  microphone: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3',
  microphoneOff: 'M4 4l16 16M9 9v3a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.7-1.3M5 11a7 7 0 0 0 10.6 6M19 11a7 7 0 0 1-.6 2.8M12 18v3',
  camera: 'M3 7h11v10H3zM14 11l7-4v10l-7-4z',
  cameraOff: 'M4 4l16 16M3 7h2M9 7h5v5M14 15v2H3V7M16 10l5-3v10l-3-1.7',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  phone: 'M6 3l4 4-2 3a12 12 0 0 0 6 6l3-2 4 4-2 3C10 21 3 14 3 5z',
  end: 'M3 14c5-5 13-5 18 0l-2 3-4-2v-3a12 12 0 0 0-6 0v3l-4 2z',
  chat: 'M4 5h16v11H10l-5 4v-4H4z',
  sound: 'M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11',
  person: 'M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 21a8 8 0 0 1 16 0',
  check: 'M5 12l5 5L20 7',
  cross: 'M6 6l12 12M18 6L6 18',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3',
  warning: 'M12 3l10 18H2zM12 10v5M12 18v.5',
  clock: 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 7v5l3 3',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6zM4 17h16M10 20a2 2 0 0 0 4 0',
  pause: 'M8 5v14M16 5v14',
  record: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM12 11v2M11 12h2',
  recordOff: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM9 9v6M15 9v6',
  link: 'M9 15l6-6M8 12l-3 3a4 4 0 0 0 5.7 5.7L13 18M16 12l3-3a4 4 0 0 0-5.7-5.7L11 6',
});
