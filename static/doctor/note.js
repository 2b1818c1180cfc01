// @ts-check
/** The doctor's note: saved while writing, never over a colleague's version, signed once. */

import { announce } from '../a11y.js';
import { ApiProblem, get, put, request } from '../api.js';
import { Autosave, Saving } from '../autosave.js';
import { el, fill, icon, setText } from '../elements.js';
import { choiceField, textField, workButton } from '../forms.js';
import { dateAndTime, t } from '../i18n/index.js';
import { confirmAction } from './confirm.js';
import { FIELDS, missingToSign, MODES, openNote, reduceNote } from './note_state.js';
import { possible } from './state.js';

/** @typedef {import('./state.js').Case} Case */
/** @typedef {import('./note_state.js').NoteAction} NoteAction */

export class NoteForm {
  #app;
  #visitId;
  #state;
  #abort = new AbortController();
  #autosave;
  #saved = el('p', { class: 'hint', role: 'status' });
  #notice = el('div', { role: 'alert' });
  #form = el('div', { class: 'note-fields' });
  #signing = el('div', { class: 'actions' });
  /** @type {Map<string, HTMLInputElement|HTMLTextAreaElement>} */
  #inputs = new Map();
  element = el('section', { class: 'panel note', 'aria-labelledby': 'note-title' });

  /** @param {import('./app.js').ConsoleApp} app @param {Case} opened */
  constructor(app, opened) {
    this.#app = app;
    this.#visitId = opened.visit.id;
    const proposal = { reason: (opened.intake?.complaint ?? '').split('\n')[0], mode: modeOf(opened.visit.mode) };
    this.#state = app.unsavedNotes.get(this.#visitId) ?? openNote(opened.note, proposal);
    app.unsavedNotes.delete(this.#visitId);
    this.#autosave = new Autosave(() => this.#save(), (saving) => this.#showSaving(saving), this.#abort.signal);
    fill(this.element, el('h3', { id: 'note-title' }, t('note.title')), this.#notice, this.#form, this.#saved, this.#signing);
  }

  hasUnsaved() {
    return this.#state.isDirty;
  }

  async save() {
    await this.#autosave.flush();
  }

  focus() {
    this.#inputs.get('findings')?.focus();
  }

  close() {
    if (this.#state.isDirty) this.#app.unsavedNotes.set(this.#visitId, this.#state);
    void this.#autosave.flush();
    this.#abort.abort();
  }

  /** Put a line into the findings, once. @param {string} line */
  addFinding(line) {
    const input = this.#inputs.get('findings');
    if (!input || input.value.includes(line)) return;
    input.value = [input.value.trim(), line].filter(Boolean).join('\n');
    this.#typed('findings', input.value);
  }

  /** @param {Case} opened */
  update(opened) {
    const can = possible(opened);
    const isWritten = opened.note.body !== null || opened.note.signed;
    this.element.hidden = !can.has('write') && !isWritten;
    if (opened.note.signed) return this.#drawSigned(opened);
    if (can.has('write') && this.#inputs.size === 0) this.#drawForm();
    this.#drawSigning(can.has('sign'));
  }

  #drawForm() {
    const fields = FIELDS.map((name) => {
      const field = textField({ name, label: t(`note.${name}`), hint: t(`note.${name}_hint`), value: this.#state.body[name], type: 'textarea', rows: name === 'reason' ? 2 : 3, maxlength: 8000 });
      field.input.addEventListener('input', () => this.#typed(name, field.input.value));
      this.#inputs.set(name, field.input);
      return field.element;
    });
    const mode = choiceField({
      name: 'mode', type: 'radio', legend: t('note.mode'), inline: true, chosen: [this.#state.body.mode],
      options: MODES.map((value) => ({ value, label: t(`mode.${value}`) })), onChange: ([value]) => this.#typed('mode', value),
    });
    fill(this.#form, fields, mode.element);
  }

  /** @param {boolean} isEnded */
  #drawSigning(isEnded) {
    const missing = missingToSign(this.#state).map((key) => t(key));
    const stamp = `${isEnded}|${missing.join()}`;
    if (this.#signing.dataset.stamp === stamp) return;
    this.#signing.dataset.stamp = stamp;
    if (!isEnded) return fill(this.#signing, el('p', { class: 'hint' }, t('note.end_first')));
    if (missing.length) return fill(this.#signing, el('p', { class: 'notice warn' }, t('note.missing', { names: missing.join(t('list.comma')) })));
    fill(this.#signing, workButton({ label: t('note.sign'), kind: 'primary', symbol: 'check' }, () => this.#sign()));
  }

  /** @param {Case} opened */
  #drawSigned(opened) {
    const body = opened.note.body;
    this.#inputs.clear();
    fill(this.#saved);
    fill(this.#signing);
    fill(this.#notice, el('p', { class: 'notice calm' }, icon('check'), el('span', {}, t('note.signed', { when: dateAndTime(opened.note.signed_at ?? Date.now()) }))));
    fill(this.#form, el('dl', { class: 'terms' }, FIELDS.filter((name) => body?.[name]).map((name) => el('div', {}, el('dt', {}, t(`note.${name}`)), el('dd', {}, body?.[name])))));
  }

  /** @param {keyof import('./state.js').NoteBody} field @param {string} value */
  #typed(field, value) {
    this.#dispatch({ type: 'typed', field, value });
    this.#autosave.touch();
    const { opened } = this.#app.state;
    if (opened) this.#drawSigning(possible(opened).has('sign'));
  }

  /** @param {NoteAction} action */
  #dispatch(action) {
    this.#state = reduceNote(this.#state, action);
  }

  async #save() {
    if (this.#state.conflict !== null) return;
    const { body, version } = this.#state;
    try {
      const answer = await put(`/api/visits/${this.#visitId}/note`, body, version);
      this.#dispatch({ type: 'saved', version: answer.version, body });
      if (!this.#state.isDirty && this.#abort.signal.aborted) this.#app.unsavedNotes.delete(this.#visitId);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.code !== 'stale-version') throw error;
      this.#dispatch({ type: 'conflict', current: Number(/** @type {any} */ (error.document).current) });
      this.#drawConflict();
    }
  }

  #drawConflict() {
    const keep = workButton({ label: t('note.keep_mine') }, async () => { this.#dispatch({ type: 'keep-mine' }); fill(this.#notice); this.#autosave.touch(); await this.save(); });
    const take = workButton({ label: t('note.take_theirs') }, () => this.#takeTheirs());
    fill(this.#notice, el('div', { class: 'notice error' }, icon('warning'), el('div', {}, el('p', {}, t('note.conflict')), el('div', { class: 'actions' }, keep, take))));
  }

  async #takeTheirs() {
    const { note } = await get(`/api/visits/${this.#visitId}`);
    this.#dispatch({ type: 'take-theirs', version: note.version, body: note.body });
    fill(this.#notice);
    this.#drawForm();
  }

  async #sign() {
    await this.save();
    if (this.#state.isDirty || !(await confirmAction('sign'))) return;
    const worked = await this.#app.attempt(() => request('POST', `/api/visits/${this.#visitId}/sign`, { ifMatch: this.#state.version }));
    if (worked) announce(t('note.signed_short'));
    if (worked) await this.#app.reload();
  }

  /** @param {import('../autosave.js').Saving} saving */
  #showSaving(saving) {
    if (this.#state.conflict !== null) setText(this.#saved, '');
    else if (saving === Saving.SAVED) setText(this.#saved, t('note.saved'));
    else if (saving === Saving.FAILED) setText(this.#saved, t('note.not_saved'));
    else setText(this.#saved, t('note.saving'));
  }
}

/** @param {string} mode @returns {string} */
const modeOf = (mode) => (/** @type {readonly string[]} */ (MODES).includes(mode) ? mode : 'video');
