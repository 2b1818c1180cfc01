// @ts-check
/** Starts the console: language, session, then login or work. */

import { get } from '../api.js';
import { preferredLanguage, setLanguage, useWords } from '../i18n/index.js';
import { ConsoleApp } from './app.js';

async function start() {
  useWords('console');
  const [config] = await Promise.all([get('/api/config').catch(() => ({ ice_servers: [] })), setLanguage(preferredLanguage())]);
  await new ConsoleApp(config).start();
}

void start();
