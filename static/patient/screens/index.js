// @ts-check
/** Step -> screen. */

import { Step } from '../state.js';
import { callScreen, leftScreen, ringScreen } from './call.js';
import { checkScreen } from './check.js';
import { closedScreen, loadingScreen, problemScreen } from './closed.js';
import { consentsScreen, refusedScreen } from './consents.js';
import { endedScreen, summaryScreen } from './summary.js';
import { intakeScreen } from './intake.js';
import { languageScreen } from './language.js';
import { placeScreen } from './place.js';
import { waitingScreen } from './waiting.js';

/** @type {Record<Step, import('../app.js').ScreenBuilder>} */
export const screens = Object.freeze({
  [Step.LOADING]: loadingScreen, [Step.PROBLEM]: problemScreen, [Step.LANGUAGE]: languageScreen,
  [Step.CONSENTS]: consentsScreen, [Step.REFUSED]: refusedScreen, [Step.PLACE]: placeScreen, [Step.INTAKE]: intakeScreen,
  [Step.CHECK]: checkScreen, [Step.WAITING]: waitingScreen, [Step.RING]: ringScreen, [Step.CALL]: callScreen, [Step.LEFT]: leftScreen,
  [Step.ENDED]: endedScreen, [Step.SUMMARY]: summaryScreen, [Step.CLOSED]: closedScreen,
});
