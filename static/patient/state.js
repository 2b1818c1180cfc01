// @ts-check
/** Which step the patient's page shows. Pure: everything is derived, so a reload lands where the person was. */

export const Step = Object.freeze({
  LOADING: 'loading', PROBLEM: 'problem', LANGUAGE: 'language', CONSENTS: 'consents', REFUSED: 'refused', PLACE: 'place',
  INTAKE: 'intake', CHECK: 'check', WAITING: 'waiting', RING: 'ring', CALL: 'call', LEFT: 'left', ENDED: 'ended', SUMMARY: 'summary', CLOSED: 'closed',
});
/** @typedef {typeof Step[keyof typeof Step]} Step */

/** @typedef {import('../types.js').PatientVisit} PatientVisit */
/**
 * @typedef {object} PatientState
 * @property {PatientVisit|null} visit as the server told last; its `state` follows the live messages
 * @property {string|null} problem code that stops everything
 * @property {boolean} languageChosen on this device for this visit
 * @property {boolean} checked a companion passed the device check in this page
 * @property {Step|null} revisit an earlier step that the person went back to
 * @property {import('../types.js').Emergency|null} emergency shown on every screen until dismissed
 * @property {boolean} emergencyRead the notice was made small
 * @property {boolean} left the person pressed "leave" in the call, and may come back
 *
 * @typedef {{type: 'visit', visit: PatientVisit}|{type: 'problem', code: string}|{type: 'language-chosen'}|{type: 'checked'}
 *   |{type: 'revisit', step: Step|null}|{type: 'moved', state: string}|{type: 'emergency', emergency: import('../types.js').Emergency|null}
 *   |{type: 'emergency-read'}|{type: 'left', left: boolean}} PatientAction
 */

/** @returns {PatientState} */
export const initialPatient = () => ({
  visit: null, problem: null, languageChosen: false, checked: false, revisit: null, emergency: null, emergencyRead: false, left: false,
});

/** @param {PatientState} state @param {PatientAction} action @returns {PatientState} */
export function reducePatient(state, action) {
  switch (action.type) {
    case 'visit': return { ...state, visit: action.visit, problem: null, revisit: null, emergency: action.visit.emergency ?? state.emergency };
    case 'problem': return { ...state, problem: action.code };
    case 'language-chosen': return { ...state, languageChosen: true, revisit: null };
    case 'checked': return { ...state, checked: true, revisit: null };
    case 'revisit': return { ...state, revisit: action.step };
    case 'moved': return state.visit ? { ...state, visit: { ...state.visit, state: action.state }, revisit: null } : state;
    case 'emergency': return withEmergency(state, action.emergency);
    case 'left': return { ...state, left: action.left };
    case 'emergency-read': return { ...state, emergencyRead: true };
  }
}

/** A notice that is new must be seen again. @param {PatientState} state @param {import('../types.js').Emergency|null} emergency @returns {PatientState} */
function withEmergency(state, emergency) {
  const known = state.emergency?.rules?.join() ?? '';
  const isNew = emergency !== null && (state.emergency === null || (emergency.rules ?? []).join() !== known);
  return { ...state, emergency, emergencyRead: isNew ? false : state.emergencyRead };
}

/** Visit state -> step, where the state alone decides. @type {Readonly<Record<string, Step>>} */
const BY_STATE = Object.freeze({
  triaged: Step.CHECK, waiting: Step.WAITING, away: Step.WAITING, called: Step.RING, in_consult: Step.CALL, held: Step.CALL,
  dropped: Step.CALL, emergency: Step.CALL, wrap_up: Step.ENDED, transferred: Step.CLOSED, completed: Step.SUMMARY,
  left_unseen: Step.CLOSED, no_show: Step.CLOSED, service_cancelled: Step.CLOSED, discontinued: Step.CLOSED, entered_in_error: Step.CLOSED,
});

/** Steps that the person may go back to, and only before waiting. */
export const REVISITABLE = Object.freeze([Step.LANGUAGE, Step.CONSENTS, Step.PLACE, Step.INTAKE]);

/** @param {PatientState} state @returns {Step} */
export function stepOf(state) {
  const { visit } = state;
  if (state.problem) return Step.PROBLEM;
  if (!visit) return Step.LOADING;
  const own = BY_STATE[visit.state];
  if (state.left && own === Step.CALL) return Step.LEFT;
  if (visit.role !== 'patient') return companionStep(state, visit);
  const isPreparing = own === undefined || own === Step.CHECK;
  if (isPreparing && state.revisit) return state.revisit;
  return isPreparing ? preparation(state, visit) : own;
}

/** @param {PatientState} state @param {PatientVisit} visit @returns {Step} */
function preparation(state, visit) {
  if (!state.languageChosen && !visit.consents) return Step.LANGUAGE;
  if (!visit.consents) return Step.CONSENTS;
  if (!visit.consents.consultation) return Step.REFUSED;
  if (!visit.place_given) return Step.PLACE;
  return visit.intake_final || visit.state === 'triaged' ? Step.CHECK : Step.INTAKE;
}

/** A caregiver, interpreter or expert: language, check, then wherever the visit is. @param {PatientState} state @param {PatientVisit} visit @returns {Step} */
function companionStep(state, visit) {
  const own = BY_STATE[visit.state];
  if (own === Step.ENDED || own === Step.SUMMARY || own === Step.CLOSED) return Step.ENDED;
  if (!state.languageChosen) return Step.LANGUAGE;
  if (own === Step.CALL && state.checked) return Step.CALL;
  return state.checked ? Step.WAITING : Step.CHECK;
}

/** Steps in which the page holds a seat. @param {Step} step */
export const isSeated = (step) => step === Step.WAITING || step === Step.RING || step === Step.CALL;

/** For "Step 2 of 5" at the top; null where there is no such line. @param {Step} step @returns {{number: number, of: number}|null} */
export function stepNumber(step) {
  const index = /** @type {Step[]} */ ([Step.CONSENTS, Step.PLACE, Step.INTAKE, Step.CHECK, Step.WAITING]).indexOf(step);
  return index < 0 ? null : { number: index + 1, of: 5 };
}
