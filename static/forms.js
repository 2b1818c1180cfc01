// @ts-check
/** Labelled fields with hint and error, and buttons that show that they are working. */

import { el, fill, icon } from './elements.js';
import { problemText, t } from './i18n/index.js';
import { codeOf } from './api.js';

let count = 0;
const nextId = () => `field-${(count += 1)}`;

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {(text: string|null) => void} setError a sentence that says what to do, or null
 *
 * @typedef {object} TextOptions
 * @property {string} name @property {string} label @property {string} [hint] @property {string} value
 * @property {'text'|'tel'|'email'|'password'|'textarea'} [type] @property {string} [autocomplete] @property {string} [inputmode]
 * @property {number} [maxlength] @property {number} [rows] @property {boolean} [required] @property {string} [unit]
 * @property {boolean} [spellcheck]
 */

/** @typedef {Field & {input: HTMLInputElement|HTMLTextAreaElement}} TextField */
/** @typedef {Field & {chosen: () => string[]}} ChoiceField */

/** A text field. @param {TextOptions} options @returns {TextField} */
export function textField(options) {
  const id = nextId();
  const shared = {
    id, name: options.name, autocomplete: options.autocomplete ?? 'off', maxlength: options.maxlength,
    'aria-required': options.required ? 'true' : null, 'aria-describedby': `${id}-hint ${id}-error`, spellcheck: options.spellcheck === false ? 'false' : null,
  };
  const input = options.type === 'textarea'
    ? el('textarea', { ...shared, rows: options.rows ?? 4 })
    : el('input', { ...shared, type: options.type ?? 'text', inputmode: options.inputmode });
  input.value = options.value;
  const error = el('p', { id: `${id}-error`, class: 'field-error' });
  const element = el('div', { class: 'field' },
    el('label', { for: id }, options.label),
    el('p', { id: `${id}-hint`, class: 'hint' }, options.hint),
    error,
    options.unit ? el('div', { class: 'with-unit' }, input, el('span', { class: 'unit' }, options.unit)) : input);
  return { element, input, setError: (text) => showError(input, error, text) };
}

/** @param {Element} input @param {HTMLElement} place @param {string|null} text */
function showError(input, place, text) {
  if (text) {
    input.setAttribute('aria-invalid', 'true');
    fill(place, icon('warning'), el('span', {}, text));
  } else {
    input.removeAttribute('aria-invalid');
    fill(place);
  }
}

/**
 * @typedef {object} ChoiceOptions
 * @property {string} name @property {string|Node} legend @property {string} [hint] @property {'radio'|'checkbox'} type
 * @property {{value: string, label: string, detail?: string}[]} options @property {string[]} chosen
 * @property {(chosen: string[]) => void} [onChange] @property {boolean} [inline] side by side
 */

/** Radio buttons or check boxes as large tappable rows. @param {ChoiceOptions} options @returns {ChoiceField} */
export function choiceField(options) {
  const id = nextId();
  const inputs = options.options.map(({ value }, index) => Object.assign(
    el('input', { type: options.type, name: options.name, value, id: `${id}-${index}` }), { checked: options.chosen.includes(value) }));
  const rows = options.options.map(({ label, detail }, index) => el('label', { class: 'choice', for: `${id}-${index}` },
    inputs[index], el('span', {}, label, detail ? el('span', { class: 'detail' }, detail) : null)));
  const error = el('p', { id: `${id}-error`, class: 'field-error' });
  const chosen = () => inputs.filter((input) => input.checked).map((input) => input.value);
  const element = el('fieldset', { class: options.inline ? 'choices inline' : 'choices', 'aria-describedby': `${id}-hint ${id}-error` },
    el('legend', {}, options.legend),
    el('p', { id: `${id}-hint`, class: 'hint' }, options.hint), error, el('div', { class: 'options' }, rows));
  element.addEventListener('change', () => options.onChange?.(chosen()));
  return { element, chosen, setError: (text) => showError(inputs[0], error, text) };
}

/** A place where a problem is shown and spoken. @returns {{element: HTMLElement, show: (error: unknown) => void, clear: () => void}} */
export function problemPlace() {
  const element = el('div', { class: 'problem-place', role: 'alert' });
  return {
    element,
    show: (error) => fill(element, el('p', { class: 'notice error' }, icon('warning'), el('span', {}, problemText(codeOf(error))))),
    clear: () => fill(element),
  };
}

/**
 * A button whose work is under way stays focusable, says so, and cannot be started twice.
 * @param {{label: string, kind?: 'primary'|'danger'|'quiet', symbol?: keyof typeof import('./elements.js').ICONS, busy?: string}} look
 * @param {() => Promise<void>|void} work rejected: shown at `problems`, if given, else thrown
 * @param {{show: (error: unknown) => void, clear: () => void}} [problems]
 */
export function workButton(look, work, problems) {
  const words = el('span', {}, look.label);
  const button = el('button', { type: 'button', class: look.kind ?? '' }, look.symbol ? icon(look.symbol) : null, words);
  const run = () => guard(button, work, problems, (busy) => { words.textContent = busy ? (look.busy ?? t('action.working')) : look.label; });
  button.addEventListener('click', run);
  return Object.assign(button, { run });
}

/**
 * @param {HTMLElement} button @param {() => Promise<void>|void} work
 * @param {{show: (error: unknown) => void, clear: () => void}|undefined} problems @param {(busy: boolean) => void} onBusy
 */
async function guard(button, work, problems, onBusy) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  problems?.clear();
  onBusy(true);
  try {
    await work();
  } catch (error) {
    if (!problems) throw error;
    problems.show(error);
  } finally {
    button.removeAttribute('aria-busy');
    onBusy(false);
  }
}

/** Submitting by Enter does what the button does. @param {ReturnType<typeof workButton>} submit @param {import('./elements.js').Attributes} attributes @param {...import('./elements.js').Child} children */
export function formOf(submit, attributes, ...children) {
  const form = el('form', { novalidate: true, ...attributes }, ...children);
  form.addEventListener('submit', (event) => { event.preventDefault(); void submit.run(); });
  submit.type = 'submit';
  submit.removeEventListener('click', submit.run);
  return form;
}
