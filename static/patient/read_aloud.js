// @ts-check
/** Reads a text aloud where the browser has a voice for it. */

import { el, icon } from '../elements.js';

/** @param {string} label @param {() => string} text @param {AbortSignal} signal stops the voice @returns {HTMLElement|string} nothing without a voice */
export function readAloudButton(label, text, signal) {
  if (!('speechSynthesis' in window)) return '';
  signal.addEventListener('abort', () => speechSynthesis.cancel(), { once: true });
  const speak = () => {
    if (speechSynthesis.speaking) return speechSynthesis.cancel();
    const utterance = new SpeechSynthesisUtterance(text());
    utterance.lang = document.documentElement.lang;
    speechSynthesis.speak(utterance);
  };
  return el('button', { type: 'button', class: 'quiet', on: { click: speak } }, icon('sound'), label);
}
