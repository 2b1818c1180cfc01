// @ts-check
/** What the privacy officer's page knows, and how it changes. Pure. Shapes: server/http/README.md "Privacy officer". */

/**
 * @typedef {import('../doctor/state.js').Account} Account
 * @typedef {object} Masked a patient as this role may see them; nulls once erased
 * @property {string} id @property {string|null} display @property {string|null} birth_year
 * @typedef {object} Breakage @property {string} id @property {string} patient_id @property {Masked} patient
 * @property {string} actor_id @property {string|null} actor @property {string} at @property {string} due_at
 * @property {string|null} reason null when the patient was erased @property {boolean} overdue @property {string[]} objects
 * @typedef {Breakage & {verdict: 'justified'|'unjustified'|null, note: string|null, reviewed_by: string|null, reviewed_at: string}} Judged
 * @typedef {{id: string, placed_by_name: string|null, placed_at: string, reason: string|null}} Hold
 * @typedef {{visit_id: string, scope: string, given: boolean, text_version: string, at: string}} ConsentAnswer
 * @typedef {{basis: string, refused_by: string|null}} Basis
 * @typedef {Masked & {erased_at: string|null, term_ends: string|null, holds: Hold[], consents: ConsentAnswer[],
 *   destroys: Record<string, number>, bases: Basis[]}} PatientFile
 * @typedef {{at: string, since: string, times: number, actor_id: string, actor: string|null, actor_kind: string, purpose: string,
 *   what: {object: string, actions: string[]}[], refused: boolean, broke_glass: boolean}} Access
 * @typedef {{rows: Access[], next: number|null}} Trail
 * @typedef {{receipt: Record<string, any>, message: string, signature_holds: boolean}} Receipt
 * @typedef {{is_sound: boolean, tampering: string|null, number: number|null, entries?: number, checkpoints?: number, at: string}} Checked
 * @typedef {object} Safeguards
 * @property {{entries: number, newest_at: string|null, checkpoint: {number: number, at: string}|null, checking: boolean,
 *   check_failed: string|null, checked: Checked|null}} audit
 * @property {{kind: string, version: number, created_at: string, older: number, behind: number}[]} keys
 * @property {{at: string, rows: number}|null} backup
 * @property {{at: string, rows: number, opened: number, entries: number, faults: number, restore_s: number}|null} drill
 *
 * @typedef {'reviews'|'patient'|'safeguards'} View
 * @typedef {object} PrivacyState
 * @property {Account|null} account @property {boolean} isKnown the session was asked for @property {View} view
 * @property {string|null} patientId @property {{rows: readonly Breakage[], reviewed: readonly Judged[]}|null} reviews
 * @property {PatientFile|null} file @property {Trail|null} trail @property {Receipt|null} receipt
 * @property {readonly Masked[]|null} found @property {Safeguards|null} safeguards @property {string|null} problem code
 *
 * @typedef {{type: 'account', account: Account|null}|{type: 'view', view: View, patientId: string|null}
 *   |{type: 'reviews', rows: Breakage[], reviewed: Judged[]}|{type: 'file', file: PatientFile}
 *   |{type: 'trail', patientId: string, trail: Trail, isMore: boolean}|{type: 'receipt', patientId: string, receipt: Receipt|null}
 *   |{type: 'found', patients: Masked[]|null}|{type: 'safeguards', safeguards: Safeguards}|{type: 'problem', code: string|null}} PrivacyAction
 */

export const ROLE = 'privacy';
/** @type {readonly View[]} */
export const VIEWS = Object.freeze(['reviews', 'patient', 'safeguards']);
const HOUR_MS = 3_600_000;
// Typed to confirm an erasure: the first group of the record's number, which only this patient's page shows.
const TYPED = 8;
// Checkpoints are signed once a minute (records/README.md); one that lags behind the chain for longer is worth a look.
const CHECKPOINT_LATE_MS = 10 * 60_000;

/** @returns {PrivacyState} */
export const initialPrivacy = () => ({
  account: null, isKnown: false, view: 'reviews', patientId: null, reviews: null, file: null, trail: null, receipt: null,
  found: null, safeguards: null, problem: null,
});

/** @param {PrivacyState} state @param {PrivacyAction} action @returns {PrivacyState} */
export function reducePrivacy(state, action) {
  switch (action.type) {
    case 'account': return { ...(action.account ? state : { ...initialPrivacy(), view: state.view, patientId: state.patientId }), account: action.account, isKnown: true, problem: null };
    case 'view': return view(state, action);
    case 'reviews': return { ...state, reviews: { rows: action.rows, reviewed: action.reviewed }, problem: null };
    case 'file': return action.file.id === state.patientId ? { ...state, file: action.file } : state;
    case 'trail': return action.patientId === state.patientId ? { ...state, trail: joined(action.isMore ? state.trail : null, action.trail) } : state;
    case 'receipt': return action.patientId === state.patientId ? { ...state, receipt: action.receipt } : state;
    case 'found': return { ...state, found: action.patients };
    case 'safeguards': return { ...state, safeguards: action.safeguards, problem: null };
    case 'problem': return { ...state, problem: action.code };
  }
}

/** Another patient's file is never shown under this one's name. @param {PrivacyState} state @param {{view: View, patientId: string|null}} to @returns {PrivacyState} */
function view(state, { view: shown, patientId }) {
  const isSame = patientId === state.patientId;
  return { ...state, view: shown, patientId, problem: null, file: isSame ? state.file : null, trail: isSame ? state.trail : null, receipt: isSame ? state.receipt : null };
}

/** @param {Trail|null} before @param {Trail} more @returns {Trail} */
const joined = (before, more) => ({ rows: [...(before?.rows ?? []), ...more.rows], next: more.next });

/** @param {string} hash of the address @returns {{view: View, patientId: string|null}} */
export function placeOf(hash) {
  const [name, id = ''] = hash.replace(/^#/, '').split('=');
  const found = VIEWS.find((each) => each === name) ?? 'reviews';
  return { view: found, patientId: found === 'patient' && /^[0-9a-f-]{36}$/i.test(id) ? id.toLowerCase() : null };
}

/** @param {View} shown @param {string|null} patientId */
export const hashOf = (shown, patientId) => `#${shown}${shown === 'patient' && patientId ? `=${patientId}` : ''}`;

/** What is missing before a verdict can be kept; null for nothing. @param {string|undefined} verdict @param {string} note @param {boolean} isErased then a note cannot be sealed any more @returns {'verdict'|'note'|null} */
export function missingOf(verdict, note, isErased) {
  if (!verdict) return 'verdict';
  return verdict === 'unjustified' && !note.trim() && !isErased ? 'note' : null;
}

/** Whole hours until a review is due, never below zero. @param {Breakage} row @param {number} now ms */
export const hoursLeft = (row, now) => Math.max(0, Math.floor((Date.parse(row.due_at) - now) / HOUR_MS));

/** What must be typed to erase. @param {Masked} patient */
export const typedToErase = (patient) => patient.id.slice(0, TYPED);

/** @param {Masked} patient @param {string} typed */
export const isConfirmed = (patient, typed) => typed.trim().toLowerCase() === typedToErase(patient);

/** The grounds on which an erasure is open now. @param {PatientFile} file @returns {string[]} */
export const openBases = (file) => (file.erased_at ? [] : file.bases.filter((each) => !each.refused_by).map((each) => each.basis));

/** Why no ground is open: a hold before the term, since it stops every ground. @param {PatientFile} file @returns {'legal-hold'|'retention-not-over'|null} */
export function refusal(file) {
  if (file.erased_at || openBases(file).length) return null;
  return file.bases.some((each) => each.refused_by === 'legal-hold') ? 'legal-hold' : 'retention-not-over';
}

/** Consents by visit, newest visit first; a visit's answers in the order they are asked. @param {readonly ConsentAnswer[]} answers @returns {{visitId: string, at: string, answers: ConsentAnswer[]}[]} */
export function consentsByVisit(answers) {
  /** @type {Map<string, ConsentAnswer[]>} */
  const visits = new Map();
  for (const answer of answers) visits.set(answer.visit_id, [...(visits.get(answer.visit_id) ?? []), answer]);
  const order = ['consultation', 'ai', 'recording'];
  return [...visits].map(([visitId, given]) => ({ visitId, at: given[0].at, answers: given.sort((a, b) => order.indexOf(a.scope) - order.indexOf(b.scope)) }));
}

/** Reads and writes of one look, each kind of thing once. @param {Access} access @returns {{read: string[], changed: string[], destroyed: string[], done: string[]}} */
export function deedsOf(access) {
  const having = (/** @type {string[]} */ ...letters) => access.what.filter(({ actions }) => actions.some((action) => letters.includes(action))).map(({ object }) => object);
  const [read, changed, destroyed] = [having('R'), having('C', 'U'), having('D')];
  return { read, changed, destroyed, done: having('E').filter((each) => ![...read, ...changed, ...destroyed].includes(each)) };
}

/** Whether the newest signed checkpoint lags behind the chain. @param {Safeguards['audit']} audit */
export function isCheckpointLate(audit) {
  if (!audit.newest_at || audit.entries === 0) return false;
  if (!audit.checkpoint) return true;
  return audit.checkpoint.number < audit.entries && Date.parse(audit.newest_at) - Date.parse(audit.checkpoint.at) > CHECKPOINT_LATE_MS;
}
