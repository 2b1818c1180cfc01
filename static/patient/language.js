// @ts-check
/** A change of language: words at once, the server when it can be reached. */

import { put } from '../api.js';
import { setLanguage } from '../i18n/index.js';

/** @param {import('./app.js').PatientApp} app @param {import('../types.js').Language} language */
export async function changeLanguage(app, language) {
  await setLanguage(language);
  app.redraw();
  if (app.state.visit && app.state.visit.role === 'patient') await put('/api/visit/language', { lang: language }).then(() => app.refresh(), () => undefined);
}

/** @param {import('./app.js').PatientApp} app @param {import('../types.js').Language} language */
export async function chooseLanguage(app, language) {
  const visit = app.state.visit;
  if (visit) sessionStorage.setItem('teleconsult.language-chosen', visit.id);
  await changeLanguage(app, language);
  app.dispatch({ type: 'language-chosen' });
}
