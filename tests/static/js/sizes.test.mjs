// HOUSE: a function has at most 50 lines and 4 parameters, a file 500 lines, a class 10 public methods. JavaScript too.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import ts from 'typescript';

const STATIC = new URL('../../../static/', import.meta.url);

/** @returns {URL[]} */
function modules(folder = STATIC) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return modules(new URL(`${entry.name}/`, folder));
    return entry.name.endsWith('.js') ? [new URL(entry.name, folder)] : [];
  });
}

/** @param {URL} url @returns {string[]} what is too large */
function tooLarge(url) {
  const source = ts.createSourceFile(url.pathname, readFileSync(url, 'utf8'), ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const line = (position) => source.getLineAndCharacterOfPosition(position).line;
  const found = line(source.end) > 500 ? [`${url.pathname}: ${line(source.end)} lines`] : [];
  const walk = (node) => {
    const name = `${url.pathname} ${node.name?.getText() ?? 'function'}`;
    if (ts.isFunctionLike(node) && node.body && line(node.end) - line(node.getStart()) >= 50) found.push(`${name}: too long`);
    if (ts.isFunctionLike(node) && node.parameters.length > 4) found.push(`${name}: too many parameters`);
    if (ts.isClassLike(node) && node.members.filter((one) => ts.isMethodDeclaration(one) && !ts.isPrivateIdentifier(one.name)).length > 10) found.push(`${name}: too many methods`);
    ts.forEachChild(node, walk);
  };
  walk(source);
  return found;
}

it('every function, file and class is small', () => assert.deepEqual(modules().flatMap(tooLarge), []));
