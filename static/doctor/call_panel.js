// @ts-check
/** The call beside the chart: ring, hold, end, tiles, chat, and which side is lost. */

import { Chat } from '../call/chat.js';
import { barButton, Controls, LineStatus } from '../call/controls.js';
import { RecordingMark } from '../call/recording.js';
import { SealingPanel } from '../call/sealing_panel.js';
import { freshMove, pictureTrouble, rung, Rung } from '../call/state.js';
import { Tiles } from '../call/tiles.js';
import { el } from '../elements.js';
import { t } from '../i18n/index.js';
import { FitnessList } from './fitness.js';
import { confirmAction } from './confirm.js';
import { possible } from './state.js';

/** @typedef {import('./state.js').Case} Case */
/** @typedef {import('../call/session.js').CallSession} CallSession */

export class CallPanel {
  #app;
  #tiles = new Tiles();
  #status = new LineStatus();
  #fitness = new FitnessList();
  #sealing = new SealingPanel();
  #seal = barButton(() => this.#app.session?.send('e2ee', { on: !this.#app.session.state.sealing.on }));
  #ring = barButton(() => this.command('ring'));
  #hold = barButton(() => this.command('hold'));
  #end = barButton(() => this.#endCall());
  #record = barButton(() => this.#recordOrStop());
  #pause = barButton(() => this.#app.session?.send('record', { action: this.#app.session.state.recording === 'gap' ? 'resume' : 'pause' }));
  #draw = barButton(() => this.#toggleDrawing());
  #wipe = barButton(() => this.#wipeAll());
  #mark = new RecordingMark(() => this.#app.session);
  #controls;
  #chat;
  element;

  /** @param {import('./app.js').ConsoleApp} app */
  constructor(app) {
    this.#app = app;
    this.#controls = new Controls(() => app.session, this.#ring.button, this.#hold.button, this.#record.button, this.#pause.button, this.#seal.button, this.#draw.button, this.#wipe.button, this.#end.button);
    this.#chat = new Chat(() => app.session, 'h4');
    this.element = el('section', { class: 'panel call-panel', 'aria-labelledby': 'call-title' }, el('h3', { id: 'call-title' }, t('call.title')),
      this.#mark.element, this.#status.element, this.#sealing.element, this.#tiles.element, this.#fitness.element, this.#controls.element, this.#chat.element);
  }

  /** @param {Case} opened */
  update(opened) {
    const session = this.#app.session;
    this.element.hidden = !session;
    if (!session) return;
    const can = possible(opened);
    this.#tiles.update(session);
    this.#fitness.update(session.state);
    this.#sealing.update(session.state);
    const { on } = session.state.sealing;
    this.#seal.show('lock', t(on ? 'sealing.stop' : 'sealing.start'), on ? 'off' : '');
    this.#controls.update(session.state);
    this.#chat.update(session.state);
    this.#mark.update(session.state);
    this.#drawRecord(session.state, can.has('end'));
    this.#ring.button.hidden = !can.has('ring');
    this.#hold.button.hidden = !can.has('hold') && !can.has('resume');
    this.#end.button.hidden = !can.has('end');
    this.#ring.show('bell', t(session.hasRung ? 'call.ring_again' : 'call.ring'), 'primary');
    this.#hold.show('pause', t(can.has('resume') ? 'call.resume' : 'call.hold'), can.has('resume') ? 'off' : '');
    this.#end.show('end', t('call.end'), 'danger');
    this.#drawDrawing(session, can.has('end'));
    this.#drawStatus(session, opened);
  }

  /** @param {import('./shortcuts.js').Command} command */
  command(command) {
    const session = this.#app.session;
    const opened = this.#app.state.opened;
    if (!session || !opened) return;
    const can = possible(opened);
    if (command === 'chat') this.#chat.focus();
    else if (command === 'microphone' || command === 'camera') this.#controls.toggle(command);
    else if (command === 'ring' && can.has('ring')) { void session.ring(); this.update(opened); }
    else if (command === 'hold' && can.has('hold')) session.send('hold');
    else if (command === 'hold' && can.has('resume')) session.send('resume');
  }

  #toggleDrawing() {
    const { session, state: { opened } } = this.#app;
    if (!session || !opened) return;
    session.isDrawing = !session.isDrawing;
    this.update(opened);
  }

  /** Each picture that has strokes. */
  #wipeAll() {
    const room = this.#app.session?.room;
    for (const on of new Set(room?.shared.strokes.map((stroke) => stroke.on))) room?.send('clear', { on });
  }

  /** @param {CallSession} session @param {boolean} isOpen */
  #drawDrawing(session, isOpen) {
    this.#draw.button.hidden = !isOpen;
    this.#wipe.button.hidden = !isOpen || session.room.shared.strokes.length === 0;
    this.#draw.show('draw', t(session.isDrawing ? 'draw.stop' : 'draw.start'), session.isDrawing ? 'off' : '');
    this.#wipe.show('wipe', t('draw.wipe'));
  }

  #recordOrStop() {
    const session = this.#app.session;
    const isOn = session && ['on', 'gap', 'consent-pending'].includes(session.state.recording);
    session?.send('record', { action: isOn ? 'stop' : 'start' });
  }

  /** @param {import('../call/state.js').CallState} call @param {boolean} isOpen */
  #drawRecord({ recording, recordingBecause }, isOpen) {
    const isOn = ['on', 'gap', 'consent-pending'].includes(recording);
    const isPaused = recording === 'gap' && recordingBecause === 'paused';
    this.#record.button.hidden = !isOpen;
    this.#pause.button.hidden = recording !== 'on' && !isPaused;
    this.#record.show(isOn ? 'recordOff' : 'record', t(isOn ? 'recording.stop' : 'recording.start'), isOn ? 'off' : '');
    this.#pause.show('pause', t(isPaused ? 'recording.resume' : 'recording.pause'), isPaused ? 'off' : '');
  }

  async #endCall() {
    if (await confirmAction('end')) await this.#app.act('end');
  }

  /** @param {CallSession} session @param {Case} opened */
  #drawStatus(session, opened) {
    const call = session.state;
    const own = rung(call, performance.now());
    if (own !== Rung.NONE) return this.#status.show(t('drop.own'));
    if (opened.visit.state === 'dropped') return this.#drawDrop(session, opened);
    if (opened.visit.state === 'held') return this.#status.show(t('call.on_hold'));
    if (call.unanswered) return this.#status.show(t(`unanswered.${call.unanswered}`));
    if (opened.visit.state === 'called') return this.#status.show(session.hasRung ? t('call.ringing') : t('call.before_ring'));
    const trouble = pictureTrouble(call);
    if (trouble) return this.#status.show(t(`call.picture_${trouble}`));
    const away = call.seats.find((seat) => seat.seat !== call.seat && seat.presence === 'reconnecting');
    this.#status.show(away ? t('drop.reconnecting', { name: away.display }) : moveText(call));
  }

  /** Which side is lost, and what can be done now (consultation.md §7). @param {CallSession} session @param {Case} opened */
  #drawDrop(session, opened) {
    const drop = session.state.drop;
    const step = drop?.step ?? 'wait';
    const who = session.state.seats.find((seat) => seat.seat === drop?.seat)?.display ?? t(`role.${drop?.role ?? 'patient'}`);
    const number = opened.place?.callback ?? opened.patient.phone ?? '';
    const phone = number && step !== 'wait' ? [el('a', { class: 'button', href: `tel:${number.replace(/[^\d+]/g, '')}` }, t('drop.telephone', { number }))] : [];
    const choices = step === 'decide' ? [this.#choice('drop.requeue', () => this.#app.act('release')), this.#choice('drop.end', () => this.#endCall())] : [];
    this.#status.show(t(`drop.${step}`, { name: who }), [...phone, ...choices]);
  }

  /** @param {string} key @param {() => unknown} work */
  #choice(key, work) {
    return el('button', { type: 'button', on: { click: () => void work() } }, t(key));
  }
}

/** Whose line is another now, and how long it was silent. @param {import('../call/state.js').CallState} call */
function moveText(call) {
  const move = freshMove(call, performance.now());
  if (!move) return '';
  const name = call.seats.find((seat) => seat.seat === move.seat)?.display ?? '';
  const seconds = (move.gap_ms / 1000).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
  const to = ['wifi', 'cellular', 'ethernet'].includes(move.network) ? `move.to.${move.network}` : 'move.to.other';
  return t(move.gap_ms >= 100 ? 'move.silence' : 'move.seamless', { name, to: t(to), seconds });
}
