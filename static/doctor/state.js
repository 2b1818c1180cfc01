// @ts-check
/** What the doctor's console knows, and how it changes. Pure. */

/**
 * @typedef {import('../types.js').QueueRow} QueueRow
 * @typedef {{id?: string, display: string, role: string, registration_number?: string|null}} Account
 * @typedef {object} NoteBody @property {string} reason @property {string} findings @property {string} assessment
 * @property {string} plan @property {string} safety_net @property {string} mode
 * @typedef {object} Score NEWS2 @property {string} at @property {boolean} applies @property {number|null} min @property {number|null} max
 * @property {string[]} missing @property {string[]} told in the call @property {string[]} before the call @property {boolean} single_three
 * @typedef {object} Case answer of GET /api/visits/{id}
 * @property {{id: string, state: string, level: import('../types.js').Level|null, mode: string, lang: string, waiting_since: string|null, mine: boolean, practitioner_id: string|null,
 *   line_check?: import('../media/line_verdict.js').LineFound|null, line_record?: (import('../types.js').Fitness & {role: string})[]}} visit
 * @property {{display: string, name: string, birth_date: string|null, age: number|null, sex: string|null, phone: string|null, address: string|null}} patient
 * @property {import('../types.js').Place|null} place @property {import('../types.js').Consents|null} consents
 * @property {import('../types.js').Intake|null} intake
 * @property {{status: string, note: any, decisions: any[], superseded: unknown[]}} triage
 * @property {import('../types.js').Vitals} vitals @property {{version: number, body: NoteBody|null, signed: boolean, signed_at: string|null}} note
 * @property {import('../types.js').Reading[]} [readings] told in the call
 * @property {Score|null} [news2] as of the newest reading of the call
 * @property {{state: string, trigger: string, at: string, actor_kind?: string}[]} history
 *
 * @typedef {object} ConsoleState
 * @property {Account|null} account @property {boolean} isKnown the session was asked for @property {readonly QueueRow[]} rows
 * @property {Record<string, number>} counts @property {boolean} isLive the stream stands @property {string|null} openId
 * @property {Case|null} opened @property {string|null} problem code @property {boolean} isClosed the opened visit is in a colleague's care
 * @property {readonly QueueRow[]} alarms who became an emergency and was not opened since
 *
 * @typedef {{type: 'account', account: Account|null}|{type: 'queue', rows: QueueRow[], counts: Record<string, number>}
 *   |{type: 'live', isLive: boolean}|{type: 'open', visitId: string|null}|{type: 'case', opened: Case}|{type: 'problem', code: string|null}|{type: 'closed', visitId: string}
 *   |{type: 'moved', state: string}} ConsoleAction
 */

/** @returns {ConsoleState} */
export const initialConsole = () => ({
  account: null, isKnown: false, rows: [], counts: {}, isLive: false, openId: null, opened: null, problem: null,
  isClosed: false, alarms: [],
});

/** @param {ConsoleState} state @param {ConsoleAction} action @returns {ConsoleState} */
export function reduceConsole(state, action) {
  switch (action.type) {
    case 'account': return { ...(action.account ? state : { ...initialConsole(), openId: state.openId }), account: action.account, isKnown: true, problem: null };
    case 'queue': return { ...state, rows: action.rows, counts: action.counts, isLive: true, alarms: alarmsAfter(state, action.rows) };
    case 'live': return { ...state, isLive: action.isLive };
    case 'open': return { ...state, openId: action.visitId, opened: null, problem: null, isClosed: false, alarms: state.alarms.filter((row) => row.visit_id !== action.visitId) };
    case 'case': return action.opened.visit.id === state.openId ? { ...state, opened: action.opened, problem: null, isClosed: false } : state;
    case 'closed': return action.visitId === state.openId ? { ...state, opened: null, problem: null, isClosed: true } : state;
    case 'problem': return { ...state, problem: action.code };
    case 'moved': return state.opened ? { ...state, opened: { ...state.opened, visit: { ...state.opened.visit, state: action.state } } } : state;
  }
}

/** Who became an emergency since the last look: staff are told aloud. @param {readonly QueueRow[]} before @param {readonly QueueRow[]} after @returns {QueueRow[]} */
export function newEmergencies(before, after) {
  const known = new Set(before.filter((row) => row.level === 'emergency').map((row) => row.visit_id));
  return after.filter((row) => row.level === 'emergency' && !row.mine && !known.has(row.visit_id));
}

/** @param {ConsoleState} state @param {readonly QueueRow[]} rows @returns {QueueRow[]} still an emergency, taken by nobody, not the one that is being read */
function alarmsAfter({ alarms, rows: before, openId, isLive }, rows) {
  const fresh = isLive || before.length ? newEmergencies(before, rows) : []; // the first list is no news
  const ids = new Set([...alarms, ...fresh].map((row) => row.visit_id));
  return rows.filter((row) => ids.has(row.visit_id) && row.visit_id !== openId && row.level === 'emergency' && !row.claimed_by && !row.mine);
}

/** Waiting times some seconds after the list came. @param {readonly QueueRow[]} rows @param {number} passed_s @returns {QueueRow[]} */
export const waitedNow = (rows, passed_s) => rows.map((row) => ({ ...row, waited_s: row.waited_s + passed_s }));

const WAITS = Object.freeze(['waiting', 'away', 'emergency']);

/** Whom to read next: the first who waits for a doctor behind the opened one, else the first of all. @param {readonly QueueRow[]} rows @param {string|null} openId @returns {string|null} */
export function nextWaiting(rows, openId) {
  const waits = (/** @type {QueueRow} */ row) => WAITS.includes(row.state) && !row.claimed_by && !row.mine;
  const shown = ownFirst(rows);
  const behind = shown.slice(shown.findIndex((row) => row.visit_id === openId) + 1);
  return (behind.find(waits) ?? shown.find((row) => waits(row) && row.visit_id !== openId))?.visit_id ?? null;
}

/** Who took the patient that is being read; empty while nobody else has. @param {ConsoleState} state */
export function takenBy({ rows, openId, opened }) {
  if (!opened || opened.visit.mine) return '';
  return rows.find((row) => row.visit_id === openId && !row.mine)?.claimed_by ?? '';
}

/** States in which the practitioner holds a seat in the consultation. */
export const SEATED_STATES = Object.freeze(['called', 'in_consult', 'held', 'dropped', 'emergency']);

/** @param {ConsoleState} state @returns {boolean} */
export const isSeated = (state) => Boolean(state.opened?.visit.mine && SEATED_STATES.includes(state.opened.visit.state));

/** The server's order, with the doctor's own open visits on top: the one in the call must not scroll away. @param {readonly QueueRow[]} rows @returns {QueueRow[]} */
export const ownFirst = (rows) => [...rows.filter((row) => row.mine), ...rows.filter((row) => !row.mine)];

/** What may be done with the opened case now. @param {Case} opened @returns {Set<'claim'|'release'|'ring'|'hold'|'resume'|'end'|'sign'|'escalate'|'invite'|'write'>} */
export function possible(opened) {
  const { state, mine } = opened.visit;
  /** @type {Set<any>} */
  const actions = new Set();
  if (['waiting', 'away', 'emergency'].includes(state) && !mine) actions.add('claim');
  if (!mine) return actions;
  if (state === 'called' || state === 'emergency') actions.add('ring');
  if (state === 'called' || state === 'dropped') actions.add('release');
  if (state === 'in_consult') actions.add('hold');
  if (state === 'held') actions.add('resume');
  if (['in_consult', 'held', 'dropped', 'emergency'].includes(state)) actions.add('end');
  if (['called', 'in_consult', 'held', 'dropped'].includes(state)) actions.add('escalate');
  if (SEATED_STATES.includes(state)) actions.add('invite');
  if (SEATED_STATES.includes(state) || state === 'wrap_up') actions.add('write');
  if (state === 'wrap_up' && !opened.note.signed) actions.add('sign');
  return actions;
}

/** "1:05" minutes and hours from seconds; shown as minutes below an hour. @param {number} seconds @returns {{hours: number, minutes: number}} */
export const hoursAndMinutes = (seconds) => ({ hours: Math.floor(seconds / 3600), minutes: Math.floor((seconds % 3600) / 60) });

/** Amber at 30 min (healthdirect), and past what was promised. @param {QueueRow} row */
export const isLate = (row) => row.waited_s > 1800 || Boolean(row.promised_min && row.waited_s > row.promised_min[1] * 60);

/** What a change in the call means for the case: something of it was stored. @param {import('../call/state.js').CallState} call @returns {string} */
export const storedMark = (call) => `${call.recording} ${call.readings.length}`;

/**
 * How soon a score asks for somebody (RCP 2017: 7 and more, 5 and 6, one sign alone with 3); by the lower end of its range, which
 * counts what was measured. @param {Score} score @returns {'high'|'medium'|'single'|'low'}
 */
export function urgencyOf({ min, single_three: isSingleThree }) {
  if (min === null) return 'low';
  if (min >= 7) return 'high';
  if (min >= 5) return 'medium';
  return isSingleThree ? 'single' : 'low';
}
