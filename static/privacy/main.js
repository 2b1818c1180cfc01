// @ts-check
/** Starts the privacy officer's page: language, session, then login or work. */

import { preferredLanguage, setLanguage, useWords } from '../i18n/index.js';
import { PrivacyApp } from './app.js';

async function start() {
  useWords('console', 'privacy'); // the login's words are the console's
  await setLanguage(preferredLanguage());
  await new PrivacyApp().start();
}

void start();
