// README "i18n": both languages complete, every key used, every used key there.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const STATIC = new URL('../../../static/', import.meta.url);
const PARTS = ['shared', 'visit', 'console', 'privacy'];
const load = async (language, part) => (await import(new URL(`i18n/${language}/${part}.js`, STATIC).href)).words;
const dictionary = async (language, parts) => Object.assign({}, ...(await Promise.all(parts.map((part) => load(language, part)))));
const placeholders = (sentence) => [...sentence.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

/** @returns {string[]} */
function sources(folder = STATIC) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return entry.name === 'i18n' ? [] : sources(new URL(`${entry.name}/`, folder));
    return entry.name.endsWith('.js') ? [readFileSync(new URL(entry.name, folder), 'utf8')] : [];
  });
}

for (const part of PARTS) {
  describe(`words of ${part}`, async () => {
    const [en, zh] = await Promise.all([load('en', part), load('zh', part)]);
    it('have the same keys in both languages', () => assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort()));
    it('have the same blanks to fill in', () => {
      for (const key of Object.keys(en)) assert.deepEqual(placeholders(zh[key]), placeholders(en[key]), key);
    });
    it('are never empty', () => {
      for (const [key, sentence] of [...Object.entries(en), ...Object.entries(zh)]) assert.ok(sentence.trim(), key);
    });
    it('use Chinese punctuation in Chinese', () => {
      for (const [key, sentence] of Object.entries(zh)) assert.doesNotMatch(sentence, /[\u4e00-\u9fff][,?:;!]/, key);
    });
  });
}

describe('keys', async () => {
  const all = await dictionary('en', PARTS);
  const code = sources().join('\n');
  it('that are written out in the code are all there', () => {
    const used = [...code.matchAll(/\bt(?:Count)?\('([\w.-]+)'/g)].map(([, key]) => key);
    assert.deepEqual(used.filter((key) => !(key in all) && !(`${key}.other` in all)), []);
  });
  it('are all used, by name or by their beginning', () => {
    const unused = Object.keys(all).filter((key) => {
      const stem = key.slice(0, key.lastIndexOf('.') + 1);
      const prefixes = [stem, key.slice(0, key.indexOf('.') + 1)];
      return !code.includes(`'${key}'`) && !prefixes.some((prefix) => code.includes(`\`${prefix}$\{`)) && !/\.(one|other|hint|label|title|lead)$|_text$/.test(key) && !code.includes(`'${stem.slice(0, -1)}'`);
    });
    assert.deepEqual(unused, []);
  });
});

describe('reading age', async () => {
  const words = await dictionary('en', ['visit']);
  // NHS: reading age 9 to 11. Long sentences are the best simple sign of a harder text.
  it('keeps sentences at 20 words or fewer', () => {
    const long = Object.entries(words).flatMap(([key, text]) => text.split(/[.?!:]\s/).filter((sentence) => sentence.split(/\s+/).length > 20).map(() => key));
    assert.deepEqual(long, []);
  });
});
