// @ts-check
/** The form: one question at a time, saved while typing, going back loses nothing. */

import { announce, focusFirstInvalid, focusHeading } from '../../a11y.js';
import { put } from '../../api.js';
import { el, fill, setText } from '../../elements.js';
import { formOf, problemPlace, workButton } from '../../forms.js';
import { t } from '../../i18n/index.js';
import { Autosave, Saving } from '../../autosave.js';
import { clearDrafts, findDraft, keepDraft } from '../drafts.js';
import { isFirst, progress, reduceIntake, startIntake } from '../intake_state.js';
import { emptyDraft, fromIntake, QuestionId, toIntake } from '../questions.js';
import { Step } from '../state.js';
import { drawQuestion } from './question.js';

/** @typedef {import('../intake_state.js').IntakeState} IntakeState */

/** @type {import('../app.js').ScreenBuilder} */
export function intakeScreen(app, signal) {
  const form = new IntakeForm(app, signal);
  form.draw();
  return { element: form.element };
}

class IntakeForm {
  element = el('section', { class: 'intake' });
  #saved = el('p', { class: 'hint saved', role: 'status' });
  #problems = problemPlace();
  #app;
  #signal;
  #visitId;
  /** @type {IntakeState} */
  #state;
  #autosave;

  /** @param {import('../app.js').PatientApp} app @param {AbortSignal} signal */
  constructor(app, signal) {
    this.#app = app;
    this.#signal = signal;
    this.#visitId = app.state.visit?.id ?? '';
    this.#state = restore(app);
    this.#autosave = new Autosave(() => this.#save(false), (saving) => this.#showSaving(saving), signal);
    window.addEventListener('popstate', (event) => this.#browserBack(event.state?.question), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && this.#autosave.flush(), { signal });
  }

  /** @param {import('../intake_state.js').IntakeAction} action */
  dispatch(action) {
    const before = this.#state;
    this.#state = reduceIntake(before, action);
    keepDraft(this.#visitId, 'intake', this.#state);
    if (action.type === 'answer') return this.#autosave.touch();
    if (this.#state.question !== before.question) this.#moved(action.type !== 'show');
    else this.draw();
    focusFirstInvalid(this.element);
  }

  /** @param {boolean} isNewStep whether the browser's back button should come back here */
  #moved(isNewStep) {
    if (isNewStep) history.pushState({ question: this.#state.question }, '', location.pathname);
    void this.#autosave.flush();
    this.draw();
    focusHeading(this.element);
  }

  draw() {
    const { number, of } = progress(this.#state);
    const isReview = this.#state.question === QuestionId.REVIEW;
    const forward = isReview
      ? workButton({ label: t('intake.send'), kind: 'primary' }, () => this.#finish(), this.#problems)
      : workButton({ label: t('action.continue'), kind: 'primary' }, () => this.dispatch({ type: 'next' }));
    const back = el('button', { type: 'button', on: { click: () => this.#back() } }, t('action.back'));
    const question = drawQuestion(this.#state, (action) => this.dispatch(action), this.#signal);
    this.#problems.clear();
    fill(this.element,
      isReview ? null : el('p', { class: 'progress-line' }, t('intake.progress', { number, of })),
      isReview ? null : el('progress', { max: of, value: number, 'aria-label': t('intake.progress', { number, of }) }),
      formOf(forward, {}, question, this.#problems.element, el('div', { class: 'actions' }, back, forward)), this.#saved);
  }

  #back() {
    if (isFirst(this.#state)) this.#app.dispatch({ type: 'revisit', step: Step.PLACE });
    else this.dispatch({ type: 'back' });
  }

  /** @param {QuestionId|undefined} question */
  #browserBack(question) {
    if (question) this.dispatch({ type: 'show', question });
  }

  async #finish() {
    await this.#save(true);
    clearDrafts();
    announce(t('intake.sent'));
    await this.#app.refresh();
  }

  /** @param {boolean} final */
  async #save(final) {
    const answer = await put('/api/visit/intake', { intake: toIntake(this.#state.draft, t), final });
    if (answer?.emergency) this.#app.dispatch({ type: 'emergency', emergency: answer.emergency });
  }

  /** @param {Saving} saving */
  #showSaving(saving) {
    if (saving === Saving.SENDING || saving === Saving.WAITING) return;
    setText(this.#saved, t(saving === Saving.FAILED ? 'intake.not_saved' : 'intake.saved'));
  }
}

/** This tab's own draft, else what the server has, else what is known about the patient. @param {import('../app.js').PatientApp} app @returns {IntakeState} */
function restore(app) {
  const visit = app.state.visit;
  const kept = /** @type {IntakeState|null} */ (findDraft(visit?.id ?? '', 'intake'));
  if (kept) return { ...startIntake(kept.draft, kept.question), isReviewing: kept.isReviewing };
  const draft = visit?.intake ? fromIntake(visit.intake, t) : emptyDraft();
  const { age = null, age_months: months = null, sex = null } = visit?.patient ?? {};
  const knownAge = draft.age === '' && age !== null ? { age: String(age) } : {};
  const knownMonths = draft.age === '' && months !== null && (age === null || age < 2) ? { age: String(months), ageUnit: /** @type {const} */ ('months') } : {};
  const knownSex = draft.sex === '' && ['female', 'male', 'other'].includes(sex ?? '') ? { sex: /** @type {any} */ (sex) } : {};
  const full = { ...draft, ...knownAge, ...knownMonths, ...knownSex };
  return startIntake(full, visit?.intake_final ? QuestionId.REVIEW : undefined);
}
