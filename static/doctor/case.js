// @ts-check
/** One patient on one screen: who and where, what they said, the triage note, the call, the note. */

import { el, fill, icon, setText } from '../elements.js';
import { problemText, t } from '../i18n/index.js';
import { closedCase } from './broken_glass.js';
import { CallPanel } from './call_panel.js';
import { drawHistory, drawIdentity, drawIntake, identityChecks, ReadingsPanel } from './chart.js';
import { claimBar } from './claim.js';
import { InvitePanel } from './invite.js';
import { levelBadge } from './level.js';
import { NoteForm } from './note.js';
import { RecordingsPanel } from './recordings.js';
import { possible, takenBy } from './state.js';
import { TriagePanel } from './triage.js';

export class CaseView {
  element = el('section', { class: 'case', 'aria-live': 'off' });
  #app;
  #visitId = '';
  #drawn = '';
  #chart = '';
  #recording = '';
  /** The same buttons as long as the case is shown: a pressed one stays pressed. @type {HTMLElement|null} */
  #checks = null;
  /** @type {{triage: TriagePanel, call: CallPanel, note: NoteForm, invite: InvitePanel, recordings: RecordingsPanel, readings: ReadingsPanel}|null} */
  #panels = null;
  #title = el('h2', { class: 'case-title' });
  #badges = el('p', { class: 'badges' });
  #problem = el('div', { role: 'alert' });
  #actions = el('div', { class: 'actions' });
  #identity = el('div', { class: 'panel identity' });
  #intake = el('div', { class: 'panel chart' });
  #history = el('details', { class: 'panel' });

  /** @param {import('./app.js').ConsoleApp} app */
  constructor(app) {
    this.#app = app;
  }

  focus() {
    this.#title.tabIndex = -1;
    this.#title.focus();
  }

  hasUnsaved() {
    return Boolean(this.#panels?.note.hasUnsaved());
  }

  async save() {
    await this.#panels?.note.save();
  }

  close() {
    this.#panels?.note.close();
  }

  /** @param {import('./shortcuts.js').Command} command */
  command(command) {
    if (command === 'case') return this.focus();
    if (!this.#panels) return;
    if (command === 'claim') /** @type {HTMLElement|null} */ (this.#actions.querySelector('[data-claim]'))?.click();
    else if (command === 'note') this.#panels.note.focus();
    else if (command === 'save') void this.#panels.note.save();
    else this.#panels.call.command(command);
  }

  update() {
    const { openId, opened, problem, isClosed } = this.#app.state;
    this.#drawProblem(problem);
    if (!opened) return isClosed ? this.#drawClosed(openId) : this.#drawEmpty(openId);
    if (opened.visit.id !== this.#visitId) this.#build(opened);
    const drawn = JSON.stringify([opened, takenBy(this.#app.state)]);
    if (drawn !== this.#drawn) { this.#drawn = drawn; this.#draw(opened); }
    this.updateCall();
  }

  /** Once for each problem: an alert that is filled again is spoken again. @param {string|null} problem */
  #drawProblem(problem) {
    const drawn = problem ?? '';
    if (this.#problem.dataset.code === drawn) return;
    this.#problem.dataset.code = drawn;
    fill(this.#problem, problem ? el('p', { class: 'notice error' }, icon('warning'), el('span', {}, problemText(problem))) : null);
  }

  updateCall() {
    const { opened } = this.#app.state;
    if (!opened || !this.#panels) return;
    this.#panels.call.update(opened);
    this.#panels.readings.update(opened, this.#app.session?.state);
    const recording = this.#app.session?.state.recording ?? '';
    if (['sealed', 'off', ''].includes(recording) && ['on', 'gap'].includes(this.#recording)) this.#panels.recordings.loadSoon(opened.visit.id);
    this.#recording = recording;
  }

  /** @param {string|null} openId */
  #drawClosed(openId) {
    const row = this.#app.state.rows.find((each) => each.visit_id === openId);
    const drawn = `closed ${openId} ${row?.claimed_by ?? ''} ${document.documentElement.lang}`;
    if (this.#drawn === drawn) return;
    this.#drawEmpty(openId);
    this.#drawn = drawn;
    fill(this.element, this.#problem, closedCase(this.#app, row));
    this.element.querySelector('h2')?.focus();
  }

  /** @param {string|null} openId */
  #drawEmpty(openId) {
    const words = openId ? 'case.loading' : 'case.none';
    if (this.#visitId === '' && this.#drawn === `${words}${document.documentElement.lang}`) return;
    this.#visitId = '';
    this.#drawn = `${words}${document.documentElement.lang}`;
    this.#panels?.note.close();
    this.#panels?.recordings.close();
    this.#panels = null;
    this.element.className = 'case empty';
    fill(this.element, this.#problem, el('p', { class: 'hint' }, t(words)));
  }

  /** @param {import('./state.js').Case} opened */
  #build(opened) {
    this.#panels?.note.close();
    this.#visitId = opened.visit.id;
    this.#chart = '';
    this.#checks = identityChecks((line) => this.#panels?.note.addFinding(line));
    const [triage, call, note, invite] = [new TriagePanel(this.#app), new CallPanel(this.#app), new NoteForm(this.#app, opened), new InvitePanel(this.#app)];
    this.#panels?.recordings.close();
    const recordings = new RecordingsPanel();
    const readings = new ReadingsPanel();
    this.#panels = { triage, call, note, invite, recordings, readings };
    this.#recording = '';
    this.element.className = 'case';
    fill(this.element,
      el('header', { class: 'case-head' }, this.#title, this.#badges, this.#problem, this.#actions),
      el('div', { class: 'case-read' }, this.#identity, triage.element, readings.element, this.#intake, this.#history),
      el('div', { class: 'case-work' }, call.element, invite.element, recordings.element, note.element));
    void recordings.load(opened.visit.id);
  }

  /** Only when it changed: a pressed check stays pressed. @param {import('./state.js').Case} opened @param {boolean} canWrite */
  #drawChart(opened, canWrite) {
    const { patient, place, consents, intake, triage, visit } = opened;
    const drawn = JSON.stringify([patient, place, consents, intake, triage.note, visit.id, visit.line_check, visit.line_record, canWrite]);
    if (drawn === this.#chart) return;
    this.#chart = drawn;
    drawIdentity(this.#identity, opened, canWrite ? this.#checks : null);
    drawIntake(this.#intake, opened);
  }

  /** @param {import('./state.js').Case} opened */
  #draw(opened) {
    const can = possible(opened);
    const { visit, patient, triage } = opened;
    document.body.dataset.case = can.has('write') ? 'mine' : 'read';
    setText(this.#title, patient.display);
    fill(this.#badges, levelBadge(visit.level), el('span', { class: 'badge state' }, t(`state.${visit.state}`)),
      triage.status === 'declined' ? el('span', { class: 'badge none' }, t('triage.declined_short')) : null);
    fill(this.#actions, claimBar(this.#app, opened, can));
    this.#drawChart(opened, can.has('write'));
    drawHistory(this.#history, opened);
    this.#panels?.triage.update(opened);
    this.#panels?.note.update(opened);
    this.#panels?.invite.update(can.has('invite'));
  }
}
