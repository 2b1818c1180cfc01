// @ts-check
/** Ringing, then the call as the patient sees it. Everything repairs itself; the page only tells. */

import { announce, confirmDialog } from '../../a11y.js';
import { Chat } from '../../call/chat.js';
import { barButton, Controls, LineStatus } from '../../call/controls.js';
import { RecordingMark } from '../../call/recording.js';
import { SealingPanel } from '../../call/sealing_panel.js';
import { others, pictureTrouble, Rung, rung } from '../../call/state.js';
import { Tiles } from '../../call/tiles.js';
import { el, icon, setText } from '../../elements.js';
import { workButton } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { adviceFor, browserOf } from '../../media/devices.js';
import { chime } from '../../media/meter.js';
import { Verdict } from '../../media/quality.js';
import { MeasurePanel } from './measure.js';

const CHIME_EVERY_MS = 4_000;
const TICK_MS = 1_000;

/** @type {import('../app.js').ScreenBuilder} */
export function ringScreen(app, signal) {
  const name = el('p', { class: 'doctor-name' });
  const registration = el('p', { class: 'hint' });
  const status = el('p', { class: 'lead', role: 'status' });
  const answer = workButton({ label: t('ring.answer'), kind: 'primary', symbol: 'phone' }, () => app.session?.send('accept'));
  const advice = el('div', { class: 'notice warn', role: 'status', hidden: true });
  const update = () => {
    const call = app.session?.state;
    const doctor = call?.practitioner ?? app.state.visit?.practitioner;
    setText(name, doctor?.display ?? t('role.doctor'));
    setText(registration, doctor?.registration_number ? t('doctor.registration', { number: doctor.registration_number }) : '');
    setText(status, t(call?.ringing ? 'ring.connecting' : 'ring.reading'));
    const problem = call?.ringing ? call.microphone.problem : null;
    answer.hidden = advice.hidden = !problem;
    setText(advice, problem ? ['check.microphone_named', ...adviceFor(/** @type {any} */ (problem), browserOf(navigator.userAgent)), 'ring.without'].map((key) => t(key)).join(' ') : '');
  };
  void chime();
  const timer = setInterval(() => { if (app.session?.state.ringing) void chime(); }, CHIME_EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  announce(t('ring.title'), 'assertive');
  return {
    update,
    element: el('section', { class: 'ring card centre' }, el('p', { class: 'big-icon', 'aria-hidden': 'true' }, icon('bell')),
      el('h1', {}, t('ring.title')), name, registration, status, advice, answer, el('p', { class: 'hint' }, t('ring.check_name'))),
  };
}

/** @type {import('../app.js').ScreenBuilder} */
export function callScreen(app, signal) {
  const tiles = new Tiles();
  const sealing = new SealingPanel();
  const chat = new Chat(() => app.session);
  const status = new LineStatus();
  const recording = new RecordingMark(() => app.session);
  const chatButton = barButton(() => toggleChat());
  const leaveButton = barButton(() => leave(app));
  const pointButton = barButton(() => { if (app.session) app.session.isPointing = !app.session.isPointing; update(); });
  const measure = new MeasurePanel(() => app.session);
  const measureButton = barButton(() => { toggle(measureButton.button, measure); update(); });
  const controls = new Controls(() => app.session, chatButton.button, measureButton.button, pointButton.button, leaveButton.button);
  for (const [button, panel] of /** @type {const} */ ([[chatButton.button, chat], [measureButton.button, measure]])) {
    panel.element.hidden = true;
    button.setAttribute('aria-expanded', 'false');
  }
  const toggleChat = () => {
    toggle(chatButton.button, chat);
    if (!chat.element.hidden) app.session?.markChatRead();
    update();
  };
  const element = el('section', { class: 'call' }, el('h1', { class: 'visually-hidden' }, t('call.title')),
    recording.element, status.element, sealing.element, tiles.element, controls.element, measure.element, chat.element);
  function update() {
    if (!app.session) return;
    const call = app.session.state;
    tiles.update(app.session);
    sealing.update(call);
    controls.update(call);
    recording.update(call);
    chat.update(call);
    const unread = chat.element.hidden ? call.unread : 0;
    chatButton.show('chat', unread ? t('chat.unread', { count: unread }) : t('chat.short'), unread ? 'news' : '');
    measure.update(call);
    measureButton.button.hidden = !['patient', 'caregiver'].includes(call.role);
    measureButton.show('pulse', t('measure.button'));
    const isPointing = app.session.isPointing;
    pointButton.show('point', t(isPointing ? 'point.stop' : 'point.start'), isPointing ? 'off' : '');
    leaveButton.show('end', t('call.leave'), 'danger');
    drawStatus(app, status);
  }
  const timer = setInterval(update, TICK_MS);
  signal.addEventListener('abort', () => { clearInterval(timer); tiles.close(); }, { once: true });
  return { element, update };
}

/** @param {HTMLButtonElement} button @param {{element: HTMLElement, focus: () => void}} panel */
function toggle(button, panel) {
  panel.element.hidden = !panel.element.hidden;
  button.setAttribute('aria-expanded', String(!panel.element.hidden));
  if (!panel.element.hidden) panel.focus();
}

/** @param {import('../app.js').PatientApp} app @param {LineStatus} status */
function drawStatus(app, status) {
  const session = app.session;
  if (!session) return;
  const call = session.state;
  const step = rung(call, performance.now());
  const audio = el('button', { type: 'button', on: { click: () => session.setAudioOnly(true) } }, t('call.sound_only'));
  if (step !== Rung.NONE) return status.show(t(`ladder.${step}`), step === Rung.AUDIO && !call.audioOnly ? [audio] : []);
  if (call.visitState === 'held') return status.show(t('call.held'));
  const missing = others(call).find((seat) => seat.role === 'doctor' && seat.presence !== 'present');
  if (missing) return status.show(t('call.doctor_lost'));
  if (!call.everConnected) return status.show(t('call.connecting'));
  const trouble = pictureTrouble(call);
  if (trouble) return status.show(t(`call.picture_${trouble}`), trouble === 'soon' ? [audio] : []);
  if (call.verdict === Verdict.POOR && !call.audioOnly) return status.show(t('call.poor'), [audio]);
  status.show('');
}

/** Leaving is not ending: the doctor decides, and the link brings the patient back. @param {import('../app.js').PatientApp} app */
async function leave(app) {
  const words = { title: t('call.leave_title'), text: t('call.leave_text'), yes: t('call.leave_yes'), no: t('call.leave_no') };
  if (!(await confirmDialog(words))) return;
  app.session?.send('leave');
  app.dispatch({ type: 'left', left: true });
}

/** The person left; the seat is kept. @type {import('../app.js').ScreenBuilder} */
export function leftScreen(app) {
  const back = el('button', { type: 'button', class: 'primary', on: { click: () => app.dispatch({ type: 'left', left: false }) } }, icon('phone'), t('left.back'));
  return { element: el('section', { class: 'card' }, el('h1', {}, t('left.title')), el('p', { class: 'lead' }, t('left.text')), el('div', { class: 'actions' }, back)) };
}
