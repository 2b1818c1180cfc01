// @ts-check
/** What was typed and has not reached the server yet: kept in this tab only, gone when waiting begins. */

const PREFIX = 'teleconsult.draft.';

/** @template T @param {string} visitId @param {string} name @param {T} value */
export function keepDraft(visitId, name, value) {
  sessionStorage.setItem(`${PREFIX}${visitId}.${name}`, JSON.stringify(value));
}

/** @template T @param {string} visitId @param {string} name @returns {T|null} */
export function findDraft(visitId, name) {
  const text = sessionStorage.getItem(`${PREFIX}${visitId}.${name}`);
  return text === null ? null : JSON.parse(text);
}

/** Forget all of them. */
export function clearDrafts() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}
