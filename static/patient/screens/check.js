// @ts-check
/** Microphone, camera, loudspeaker: ten seconds, honest advice, and a way on with less. */

import { post } from '../../api.js';
import { LinePanel } from '../../call/line_panel.js';
import { el, fill, icon, setText } from '../../elements.js';
import { problemPlace, workButton } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { adviceFor, browserOf, openDevice } from '../../media/devices.js';
import { prefersSound } from '../../media/line_verdict.js';
import { chime, watchLevel } from '../../media/meter.js';
import { clearDrafts } from '../drafts.js';
import { Step } from '../state.js';

// Speech at arm's length reaches about 0.3 on the meter's scale; half of that is a clear sign of life.
const HEARD_LEVEL = 0.15;

// Long enough to read the sentence and say a few words; a mute switch or a hand over the phone is told then.
const SILENT_MS = 6_000;

/**
 * @typedef {{microphone: boolean, camera: boolean, speaker: boolean}} Found
 * @typedef {{found: Found, signal: AbortSignal, kept: MediaStreamTrack[], line: LinePanel}} Check
 */

/** @type {import('../app.js').ScreenBuilder} */
export function checkScreen(app, signal) {
  /** @type {Check} */
  const check = { found: { microphone: false, camera: false, speaker: true }, signal, kept: [], line: new LinePanel(signal, (found) => advise(found)) };
  signal.addEventListener('abort', () => check.kept.forEach((track) => track.stop()), { once: true });
  const results = el('div', { class: 'check-results', hidden: true });
  const problems = problemPlace();
  const start = workButton({ label: t('check.start'), kind: 'primary', busy: t('check.starting') }, async () => {
    start.hidden = true;
    results.hidden = false;
    await run(check, results);
  });
  const audioOnly = workButton({ label: t('check.audio_only'), symbol: 'phone' }, () => finish(app, check, true), problems);
  /** The button that will work best is the one that stands out. @param {import('../../media/line_verdict.js').LineFound|null} found */
  const advise = (found) => {
    audioOnly.classList.toggle('primary', prefersSound(found));
    go.classList.toggle('primary', !prefersSound(found));
  };
  const go = workButton({ label: t(app.state.visit?.role === 'patient' ? 'check.go' : 'check.join'), kind: 'primary' }, () => finish(app, check, false), problems);
  advise(check.line.found);
  return {
    element: el('section', {}, el('h1', {}, t('check.title')), el('p', { class: 'lead' }, t('check.lead')),
      start, results, problems.element,
      el('div', { class: 'actions' }, backButton(app), audioOnly, go), el('p', { class: 'hint' }, t('check.text_works'))),
  };
}

/** @param {import('../app.js').PatientApp} app */
function backButton(app) {
  if (app.state.visit?.role !== 'patient') return '';
  return el('button', { type: 'button', on: { click: () => app.dispatch({ type: 'revisit', step: Step.INTAKE }) } }, t('action.back'));
}

/** @param {Check} check @param {HTMLElement} results */
async function run(check, results) {
  const microphone = el('div', { class: 'panel' });
  const camera = el('div', { class: 'panel' });
  fill(results, microphone, camera, speakerPanel(check), check.line.element);
  await checkMicrophone(check, microphone);
  await checkCamera(check, camera);
  await check.line.start();
}

/** @param {Check} check @param {HTMLElement} panel */
async function checkMicrophone(check, panel) {
  const { track, problem } = await openDevice('microphone');
  if (!track) return fill(panel, el('h2', {}, t('check.microphone')), adviceList(/** @type {any} */ (problem)));
  check.kept.push(track);
  check.found.microphone = true;
  const meter = el('meter', { min: 0, max: 1, low: HEARD_LEVEL, optimum: 0.6, value: 0, 'aria-label': t('check.level') });
  const words = el('p', { role: 'status' }, t('check.speak'));
  fill(panel, el('h2', {}, t('check.microphone')), meter, words);
  let loudest = 0;
  const patience = setTimeout(() => { if (loudest < HEARD_LEVEL) setText(words, t('check.not_heard')); }, SILENT_MS);
  check.signal.addEventListener('abort', () => clearTimeout(patience), { once: true });
  watchLevel(track, (level) => {
    meter.value = level;
    loudest = Math.max(loudest, level);
    if (loudest >= HEARD_LEVEL) setText(words, t('check.heard'));
  }, check.signal);
}

/** @param {Check} check @param {HTMLElement} panel */
async function checkCamera(check, panel) {
  const { track, problem } = await openDevice('camera');
  if (!track) return fill(panel, el('h2', {}, t('check.camera')), adviceList(/** @type {any} */ (problem)), el('p', {}, t('check.no_camera_ok')));
  check.kept.push(track);
  check.found.camera = true;
  const video = el('video', { class: 'preview', autoplay: true, playsinline: true, 'aria-label': t('check.picture') });
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  fill(panel, el('h2', {}, t('check.camera')), video, el('p', { role: 'status' }, t('check.camera_ok')));
}

/** @param {Check} check */
function speakerPanel(check) {
  const answer = el('p', { role: 'status' });
  const play = workButton({ label: t('check.play'), symbol: 'sound', busy: t('check.playing') }, async () => {
    check.found.speaker = await chime();
    setText(answer, t(check.found.speaker ? 'check.played' : 'check.not_played'));
  });
  return el('div', { class: 'panel' }, el('h2', {}, t('check.speaker')), play, answer);
}

/** What is wrong and what to do, in the words of this browser. @param {import('../../media/devices.js').DeviceProblem} problem */
function adviceList(problem) {
  const lines = adviceFor(problem, browserOf(navigator.userAgent));
  return el('div', { class: 'notice warn', role: 'status' }, icon('warning'), el('div', {}, lines.map((key) => el('p', {}, t(key)))));
}

/** @param {import('../app.js').PatientApp} app @param {Check} check @param {boolean} audioOnly */
async function finish(app, check, audioOnly) {
  app.audioOnly = audioOnly;
  check.line.stop();
  if (app.state.visit?.role !== 'patient') return app.dispatch({ type: 'checked' });
  const { microphone, camera, speaker } = check.found;
  const network = { type: /** @type {any} */ (navigator).connection?.effectiveType ?? 'unknown', audio_only: audioOnly };
  await post('/api/visit/check', { microphone, camera: camera && !audioOnly, speaker, network, line: check.line.found });
  await post('/api/visit/wait');
  clearDrafts();
  await app.refresh();
}
