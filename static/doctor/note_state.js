// @ts-check
/** The note being written: version, unsaved changes, and a colleague's version in between. Pure. */

/** @typedef {import('./state.js').NoteBody} NoteBody */
/**
 * @typedef {object} NoteState
 * @property {NoteBody} body @property {number} version of the last save @property {boolean} isDirty
 * @property {number|null} conflict the version on the server that we have not seen
 *
 * @typedef {{type: 'typed', field: keyof NoteBody, value: string}|{type: 'saved', version: number, body: NoteBody}
 *   |{type: 'conflict', current: number}|{type: 'keep-mine'}|{type: 'take-theirs', version: number, body: NoteBody}} NoteAction
 */

export const FIELDS = Object.freeze(/** @type {const} */ (['reason', 'findings', 'assessment', 'plan', 'safety_net']));
/** How the consultation was held (FHIR Encounter.class detail; server/http/README.md). */
export const MODES = Object.freeze(/** @type {const} */ (['video', 'audio', 'phone', 'text']));

/** @returns {NoteBody} */
export const emptyNote = () => ({ reason: '', findings: '', assessment: '', plan: '', safety_net: '', mode: 'video' });

/** @param {{version: number, body: NoteBody|null}} stored @param {Partial<NoteBody>} proposal used while nothing is stored @returns {NoteState} */
export const openNote = (stored, proposal) => ({
  body: { ...emptyNote(), ...(stored.body ?? proposal) }, version: stored.version, isDirty: false, conflict: null,
});

/** @param {NoteState} state @param {NoteAction} action @returns {NoteState} */
export function reduceNote(state, action) {
  switch (action.type) {
    case 'typed': return { ...state, body: { ...state.body, [action.field]: action.value }, isDirty: true };
    case 'saved': return { ...state, version: action.version, isDirty: !isSame(state.body, action.body), conflict: null };
    case 'conflict': return { ...state, conflict: action.current, isDirty: true };
    case 'keep-mine': return state.conflict === null ? state : { ...state, version: state.conflict, conflict: null, isDirty: true };
    case 'take-theirs': return { body: { ...emptyNote(), ...action.body }, version: action.version, isDirty: false, conflict: null };
  }
}

/** @param {NoteBody} a @param {NoteBody} b */
const isSame = (a, b) => /** @type {(keyof NoteBody)[]} */ (Object.keys(a)).every((field) => a[field] === b[field]);

/** What keeps the note from being signed: i18n keys. @param {NoteState} state @returns {string[]} */
export function missingToSign(state) {
  return /** @type {const} */ (['assessment', 'plan', 'safety_net']).filter((field) => state.body[field].trim() === '').map((field) => `note.missing.${field}`);
}
