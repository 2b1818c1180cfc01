// @ts-check
/** Starts the console: language, session, then login or work. */

import { preferredLanguage, setLanguage, useWords } from '../i18n/index.js';
import { ConsoleApp } from './app.js';

async function start() {
  useWords('console');
  await setLanguage(preferredLanguage());
  await new ConsoleApp().start();
}

void start();
