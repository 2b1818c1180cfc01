// @ts-check
/** Where the patient is in the form. Pure: going back never loses an answer, going on never skips an error. */

import { errorsOf, questionsFor, QuestionId } from './questions.js';

/**
 * @typedef {import('./questions.js').Draft} Draft
 * @typedef {object} IntakeState
 * @property {Draft} draft @property {QuestionId} question @property {Record<string, string>} errors field -> i18n key
 * @property {boolean} isReviewing the person came from the review and returns to it
 *
 * @typedef {{type: 'answer', change: Partial<Draft>}|{type: 'next'}|{type: 'back'}|{type: 'change', question: QuestionId}
 *   |{type: 'show', question: QuestionId}} IntakeAction
 */

/** @param {Draft} draft @param {QuestionId} [question] @returns {IntakeState} */
export const startIntake = (draft, question) => ({
  draft, question: question && questionsFor(draft).includes(question) ? question : questionsFor(draft)[0], errors: {}, isReviewing: false,
});

/** @param {IntakeState} state @param {IntakeAction} action @returns {IntakeState} */
export function reduceIntake(state, action) {
  switch (action.type) {
    case 'answer': return answered(state, action.change);
    case 'next': return next(state);
    case 'back': return { ...state, question: neighbour(state, -1), errors: {} };
    case 'change': return { ...state, question: action.question, errors: {}, isReviewing: true };
    case 'show': return { ...state, question: action.question, errors: {} };
  }
}

/** @param {IntakeState} state @param {Partial<Draft>} change @returns {IntakeState} */
function answered(state, change) {
  const errors = Object.fromEntries(Object.entries(state.errors).filter(([field]) => !(field in change) && !(field in (change.vitals ?? {}))));
  return { ...state, draft: { ...state.draft, ...change }, errors };
}

/** @param {IntakeState} state @returns {IntakeState} */
function next(state) {
  const errors = errorsOf(state.question, state.draft);
  if (Object.keys(errors).length) return { ...state, errors };
  const question = state.isReviewing ? QuestionId.REVIEW : neighbour(state, 1);
  return { ...state, question, errors: {}, isReviewing: false };
}

/** @param {IntakeState} state @param {1|-1} by @returns {QuestionId} */
function neighbour(state, by) {
  const order = questionsFor(state.draft);
  const index = Math.max(0, order.indexOf(state.question));
  return order[Math.min(order.length - 1, Math.max(0, index + by))];
}

/** "Question 3 of 8"; the review is not counted. @param {IntakeState} state @returns {{number: number, of: number}} */
export function progress(state) {
  const order = questionsFor(state.draft);
  return { number: order.indexOf(state.question) + 1, of: order.length - 1 };
}

/** @param {IntakeState} state */
export const isFirst = (state) => questionsFor(state.draft)[0] === state.question;
