import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensureSyntaxTree } from '@codemirror/language';
import { EditorState, TransactionSpec } from '@codemirror/state';
import { isMagic, sql, switching } from '../src/language';

function editor(doc: string): EditorState {
  return EditorState.create({ doc, extensions: switching(doc) });
}

function change(state: EditorState, spec: TransactionSpec): EditorState {
  return state.update(spec).state;
}

/** Return what an editor's text is made of: names of nodes with their text, outermost first. */
function parts(state: EditorState): [string, string][] {
  const found: [string, string][] = [];
  ensureSyntaxTree(state, state.doc.length, 10_000)?.iterate({
    enter: node => void found.push([node.name, state.doc.sliceString(node.from, node.to)])
  });
  return found;
}

function isSql(state: EditorState): boolean {
  return parts(state)[0]?.[0] === 'SwapCell';
}

/** Return the words of a statement that have a kind. */
function words(statement: string, kind: string): string[] {
  const found: string[] = [];
  sql.parser.parse(statement).iterate({ enter: node => void (node.name === kind && found.push(statement.slice(node.from, node.to))) });
  return found;
}

/** Return what begins a comment at a place, as CodeMirror's command asks for it. */
function lineComment(doc: string, at: number): string | undefined {
  return editor(doc).languageDataAt<{ line?: string }>('commentTokens', at, 1)[0]?.line;
}

test('a cell is its magic line and the SQL below', () => {
  const found = parts(editor('\n%%swap pages\nSELECT 1'));
  assert.deepEqual(found.slice(0, 2), [['SwapCell', '\n%%swap pages\nSELECT 1'], ['SwapMagic', '\n%%swap pages\n']]);
  assert.ok(found.some(([name, text]) => name === 'Keyword' && text === 'SELECT'));
});

test('the magic line is no SQL, whatever it says', () => {
  const found = parts(editor("%%swap select 'x\nSELECT 1"));
  assert.deepEqual(found.filter(([name]) => name === 'Keyword' || name === 'String'), [['Keyword', 'SELECT']]);
});

test('a magic alone is all of its cell', () => {
  assert.deepEqual(parts(editor('%%swap')), [['SwapCell', '%%swap'], ['SwapMagic', '%%swap']]);
  assert.deepEqual(parts(editor('%%swap\n')), [['SwapCell', '%%swap\n'], ['SwapMagic', '%%swap\n']]);
});

test('any other cell is left to its own language', () => {
  assert.deepEqual(['', 'SELECT 1', '%%swapper\nSELECT 1', 'x\n%%swap'].filter(text => isSql(editor(text))), []);
});

test('the letter that completes the magic makes the cell SQL, in its own transaction', () => {
  const before = editor('%%swa\nSELECT 1');
  const after = change(before, { changes: { from: 5, insert: 'p' } });
  assert.deepEqual([isSql(before), isSql(after)], [false, true]);
});

test('the letter that destroys the magic gives the cell back, and undoing that makes it SQL again', () => {
  const before = editor('%%swap\nSELECT 1');
  const destroying = before.update({ changes: { from: 6, insert: 'p' } });
  const undone = change(destroying.state, { changes: destroying.changes.invert(before.doc) });
  assert.deepEqual([isSql(before), isSql(destroying.state), isSql(undone)], [true, false, true]);
});

test('what is typed below the magic keeps the cell SQL and is read anew', () => {
  const state = change(editor('%%swap\nSELECT 1'), { changes: { from: 15, insert: " -- it's" } });
  assert.ok(parts(state).some(([name, text]) => name === 'LineComment' && text === "-- it's"));
});

test('comments are those of SQL below the magic, and none in its line', () => {
  const cell = '%%swap pages\nSELECT 1';
  assert.deepEqual([0, 3, 12, 13, 14, 21].map(at => lineComment(cell, at)), [undefined, undefined, undefined, '--', '--', '--']);
  assert.equal(lineComment('%%swap\n', 7), '--');
});

test('a magic that begins far down is not sought', () => {
  const { doc } = EditorState.create({ doc: `${' '.repeat(1500)}%%swap\n` });
  const far = EditorState.create({ doc: `${' '.repeat(3000)}%%swap\n` });
  assert.deepEqual([isMagic(doc), isMagic(far.doc)], [true, false]);
});

test('words that are rather columns stay plain', () => {
  assert.deepEqual(words('SELECT year, month, day, hour, name, language, user FROM views', 'Keyword'), ['SELECT', 'FROM']);
});

test('keywords count in any case, and not in a path', () => {
  assert.deepEqual(words('select a.all, Lake.date FROM t ASOF join u', 'Keyword'), ['select', 'FROM', 'ASOF', 'join']);
});

test('types are told from names', () => {
  assert.deepEqual(words('SELECT CAST(a AS ubigint), b::timestamptz, date_ FROM t', 'Type'), ['ubigint', 'timestamptz']);
});

test('double quotes hold a name and single quotes a text', () => {
  const statement = `SELECT "a b", 'c d' FROM t`;
  assert.deepEqual([words(statement, 'QuotedIdentifier'), words(statement, 'String')], [['"a b"'], ["'c d'"]]);
});

test('a colon is an operator: casts and parameters are no error', () => {
  assert.deepEqual(words('SELECT a::date, :b', '⚠'), []);
  assert.deepEqual(words('SELECT a::date, :b', 'Operator'), ['::', ':']);
});
