// @ts-check
/** The page's words. Every visible sentence comes from a dictionary; both dictionaries have the same keys (tested). */

/** @typedef {import('../types.js').Language} Language */
/** @typedef {Readonly<Record<string, string>>} Dictionary */

export const LANGUAGES = Object.freeze(/** @type {Language[]} */ (['en', 'zh']));
const STORE = 'teleconsult.language';

/** @type {Language} */
let current = 'en';
/** @type {Dictionary} */
let words = Object.freeze({});

/** The dictionaries that this page needs beside `shared`. @type {readonly ('visit'|'console'|'privacy')[]} */
let parts = Object.freeze([]);

/** Say once which words the page uses: a patient's phone does not load the console's. @param {...('visit'|'console'|'privacy')} names */
export function useWords(...names) {
  parts = Object.freeze(names);
}

/** Loads only the dictionaries that are needed. @param {Language} language */
export async function setLanguage(language) {
  const loaded = await Promise.all(['shared', ...parts].map((part) => import(`./${language}/${part}.js`)));
  words = Object.freeze(Object.assign({}, ...loaded.map((module) => module.words)));
  current = language;
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  localStorage.setItem(STORE, language);
}

/** @returns {Language} */
export const language = () => current;

/** What was chosen before on this device, else what the browser prefers. @returns {Language} */
export function preferredLanguage() {
  const stored = localStorage.getItem(STORE) ?? navigator.language;
  return stored.startsWith('zh') ? 'zh' : 'en';
}

/** The sentence for a key with {names} filled in. A missing key shows itself. @param {string} key @param {Record<string, string|number>} [values] */
export function t(key, values = {}) {
  const sentence = words[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether the dictionary knows the key: for codes that a newer server may send. @param {string} key */
export const has = (key) => key in words;

/** Like t, with `.one` or `.other` after the key by the language's rule. @param {string} key @param {number} count @param {Record<string, string|number>} [values] */
export function tCount(key, count, values = {}) {
  const form = new Intl.PluralRules(current).select(count) === 'one' ? 'one' : 'other';
  return t(`${key}.${form}`, { count, ...values });
}

/** A problem's text and advice by its stable code. @param {string} code */
export function problemText(code) {
  return has(`problem.${code}`) ? t(`problem.${code}`) : t('problem.unexpected');
}

/** Time of day. @param {string|number|Date} at */
export const timeOfDay = (at) => new Intl.DateTimeFormat(document.documentElement.lang, { hour: '2-digit', minute: '2-digit' }).format(new Date(at));
/** Date and time. @param {string|number|Date} at */
export const dateAndTime = (at) => new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at));
