// @ts-check
/** Finds the patient's quoted words in the patient's text, for highlighting. Pure. */

/**
 * @typedef {{text: string, rules: string[]}} Segment text, and the rules that quote it (none: plain text)
 * @typedef {{rule: string, quote: string}} Quote
 */

/**
 * The text cut into quoted and plain segments, in order; together they are the text again.
 * @param {string} text @param {readonly Quote[]} quotes matched without regard to case
 * @returns {Segment[]}
 */
export function segments(text, quotes) {
  const lower = text.toLowerCase();
  /** @type {{start: number, end: number, rule: string}[]} */
  const spans = quotes.filter(({ quote }) => quote).flatMap(({ rule, quote }) => occurrences(lower, quote.toLowerCase()).map((start) => ({ start, end: start + quote.length, rule })));
  const cuts = [...new Set([0, text.length, ...spans.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, index) => ({
    text: text.slice(start, cuts[index + 1]),
    rules: [...new Set(spans.filter((span) => span.start <= start && span.end > start).map((span) => span.rule))],
  }));
}

/** @param {string} text @param {string} part @returns {number[]} */
function occurrences(text, part) {
  const found = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) found.push(at);
  return found;
}
