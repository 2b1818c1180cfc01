// @ts-check
/** Starts the patient page: token out of the address, join, language, first screen. */

import { codeOf, get, post } from '../api.js';
import { preferredLanguage, setLanguage, useWords } from '../i18n/index.js';
import { PatientApp } from './app.js';
import { screens } from './screens/index.js';

const CHOSEN = 'teleconsult.language-chosen'; // visit id for which the person chose, in this tab

/** The token of `/visit#t=…`, taken out of the address and the history before anything else. @returns {string|null} */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get('t');
  if (location.hash) history.replaceState(history.state, '', location.pathname);
  return token;
}

/** @param {string|null} token @returns {Promise<string|null>} problem code */
async function join(token) {
  if (!token) return null;
  try {
    await post('/api/join', { token });
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

/** Without a configuration the page still works: no STUN is needed with our relay, the number is in the notice. */
async function configuration() {
  return get('/api/config').catch(() => ({ emergency_number: '', consent_text_version: '' }));
}

async function start() {
  const token = takeToken();
  useWords('visit');
  const [, config, problem] = await Promise.all([setLanguage(preferredLanguage()), configuration(), join(token)]);
  const app = new PatientApp(screens, config);
  window.addEventListener('hashchange', () => { if (location.hash.includes('t=')) location.reload(); });
  if (problem) return app.dispatch({ type: 'problem', code: problem });
  await app.refresh();
  const { visit } = app.state;
  if (visit && sessionStorage.getItem(CHOSEN) === visit.id) app.dispatch({ type: 'language-chosen' });
  if (visit?.consents) await useVisitLanguage(app, visit.lang);
}

/** Consents were given in a language: go on in it, on this device too. @param {PatientApp} app @param {import('../types.js').Language} lang */
async function useVisitLanguage(app, lang) {
  await setLanguage(lang);
  app.redraw();
}

void start();
