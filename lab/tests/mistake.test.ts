import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EditorState, TransactionSpec } from '@codemirror/state';
import { mistakes, underlined } from '../src/mistake';

/** Return an editor's text with its underlined range in brackets. */
function shown(state: EditorState): string {
  const text = state.doc.toString();
  let marked = text;
  state.field(mistakes).between(0, text.length, (from, to) => {
    marked = `${text.slice(0, from)}[${text.slice(from, to)}]${text.slice(to)}`;
  });
  return marked;
}

function after(...changes: TransactionSpec[]): string {
  let state = EditorState.create({ doc: 'SELECT vews FROM t', extensions: mistakes });
  for (const change of [{ effects: underlined.of({ from: 7, to: 11 }) }, ...changes]) {
    state = state.update(change).state;
  }
  return shown(state);
}

test('a range is underlined, and one at a time', () => {
  assert.equal(after(), 'SELECT [vews] FROM t');
  assert.equal(after({ effects: underlined.of({ from: 17, to: 18 }) }), 'SELECT vews FROM [t]');
});

test('the line is taken away again', () => {
  assert.equal(after({ effects: underlined.of(null) }), 'SELECT vews FROM t');
});

test('the line goes when the text under it changes, or touches it', () => {
  assert.equal(after({ changes: { from: 8, insert: 'i' } }), 'SELECT views FROM t');
  assert.equal(after({ changes: { from: 8, to: 9 } }), 'SELECT vws FROM t');
  assert.equal(after({ changes: { from: 11, insert: 'x' } }), 'SELECT vewsx FROM t');
  assert.equal(after({ changes: { from: 7, insert: 'x' } }), 'SELECT xvews FROM t');
  assert.equal(after({ changes: { from: 0, to: 18, insert: 'x' } }), 'x');
});

test('the line moves with what is typed elsewhere', () => {
  assert.equal(after({ changes: { from: 6, insert: ' a,' } }), 'SELECT a, [vews] FROM t');
  assert.equal(after({ changes: { from: 18, insert: '2' } }), 'SELECT [vews] FROM t2');
  assert.equal(after({ changes: [{ from: 0, insert: '-- x\n' }, { from: 18, insert: ';' }] }), '-- x\nSELECT [vews] FROM t;');
});

test('the line stays while only the cursor moves', () => {
  assert.equal(after({ selection: { anchor: 9 } }), 'SELECT [vews] FROM t');
});
