import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem, Suggestion } from '../../src/api';
import { changed, find, findAll, heading, look, mayPass, mistaken, near, reason } from '../../src/render/mend';

const problem: Problem = {
  category: 'invalid', title: 'No.', why: '', todo: '', suggestions: [], line: null, column: null, rule: null, ask: null, source: null, extra: {}
};

function offer(given: Partial<Suggestion>): Suggestion {
  return { label: '', replace: null, by: null, type: null, detail: null, href: null, ...given };
}

/** Return the text with a mark before the name that was found. */
function found(source: string, name: string, statement: string, line?: number | null, column?: number | null): string | null {
  const at = find(source, name, statement, line, column);
  return at < 0 ? null : `${source.slice(0, at)}|${source.slice(at)}`;
}

test('what is locked, what is down and what was stopped look their own way, the rest like a mistake', () => {
  const looks = ['forbidden', 'not-signed-in', 'source-down', 'unavailable', 'timed-out', 'limit', 'cancelled', 'invalid', 'of another version'];
  assert.deepEqual(looks.map(category => look(category).slice(0, 2).join(' ')), [
    'sq-e--lock lock', 'sq-e--lock lock', 'sq-e--src down', 'sq-e--src down', 'sq-e--src clock', 'sq-e--src error', 'sq-e--quiet close', ' error', ' error'
  ]);
});

test('trying again is offered only for what may go by itself', () => {
  const categories = ['source-down', 'unavailable', 'timed-out', 'forbidden', 'not-signed-in', 'invalid', 'limit', 'cancelled'];
  assert.deepEqual(categories.filter(mayPass), ['source-down', 'unavailable', 'timed-out']);
});

test('a heading ends without its full stop, and keeps any other', () => {
  assert.deepEqual(['lake.wmf.t is not a table.', 'v1.2 and lake.t', 'Why?', '...'].map(heading), ['lake.wmf.t is not a table', 'v1.2 and lake.t', 'Why?', '..']);
});

test('names are listed when there are several, or when there is a word about the one', () => {
  const one = offer({ label: 'Use a', replace: 'x', by: 'a' });
  const told = offer({ label: 'Use b', replace: 'x', by: 'b', detail: 'hourly' });
  const link = offer({ label: 'See its page', href: '/data/x' });
  assert.deepEqual([near([]), near([one]), near([told]), near([one, link]), near([link])], [[], [], [told], [one], []]);
});

test('the reason names the line, and the rule instead where there is one', () => {
  assert.deepEqual(reason({ ...problem, why: 'x is no column.', line: 3 }), ['Line 3. x is no column.', '', '']);
  assert.deepEqual(reason({ ...problem, why: 'The rule no-ips denies it.', rule: 'no-ips', line: 3 }), ['The rule ', 'no-ips', ' denies it.']);
});

test('a rule that the reason does not name changes nothing, and no reason is none', () => {
  assert.deepEqual(reason({ ...problem, why: 'Denied.', rule: 'no-ips' }), ['Denied.', '', '']);
  assert.deepEqual([reason(problem), reason({ ...problem, rule: 'no-ips' }), reason({ ...problem, line: 2 })], [['', '', ''], ['', '', ''], ['Line 2.', '', '']]);
});

test('a name is found at the line and column of the error, counted from the statement', () => {
  const statement = 'SELECT a,\n  a FROM t';
  assert.equal(found(`%%swap a\n${statement}`, 'a', statement, 2, 3), '%%swap a\nSELECT a,\n  |a FROM t');
  assert.equal(found(`%%swap a\n${statement}`, 'a', statement, 1, 8), '%%swap a\nSELECT |a,\n  a FROM t');
});

test('a place that does not hold the name is not believed', () => {
  const statement = 'SELECT b, a FROM t';
  for (const [line, column] of [[1, 8], [2, 1], [1, 99], [99, 1], [0, 0], [null, null], [1, null]]) {
    assert.equal(found(statement, 'a', statement, line, column), 'SELECT b, |a FROM t', `${line}:${column}`);
  }
});

test('a place is believed for a part of a name: the error says so', () => {
  assert.equal(found('SELECT aa', 'a', 'SELECT aa', 1, 9), 'SELECT a|a');
});

test('without a place only a whole name is found', () => {
  assert.equal(found('SELECT views, view_2, preview, view', 'view', 'SELECT views, view_2, preview, view'), 'SELECT views, view_2, preview, |view');
  assert.equal(found('SELECT größe, ogr, gr', 'gr', 'SELECT größe, ogr, gr'), 'SELECT größe, ogr, |gr');
  assert.equal(found('SELECT große, e', 'e', 'SELECT große, e'), 'SELECT große, |e');
  assert.equal(found('SELECT t.view', 'view', 'SELECT t.view'), 'SELECT t.|view');
  assert.equal(found('SELECT views', 'view', 'SELECT views'), null);
});

test('a name before the statement is another one', () => {
  assert.equal(found('view = 1\nswap.sql("SELECT view")', 'view', 'SELECT view'), 'view = 1\nswap.sql("SELECT |view")');
});

test('a statement that is not in the cell, as in an f-string, is sought from the start', () => {
  assert.equal(found('swap.sql(f"SELECT {x} FROM vews")', 'vews', 'SELECT 1 FROM vews'), 'swap.sql(f"SELECT {x} FROM |vews")');
});

test('the line below goes under the name to be replaced', () => {
  const failure = { version: 1, id: null, statement: 'SELECT vews', error: { ...problem, line: 1, column: 8, suggestions: [offer({ label: 'See', href: '/x' }), offer({ label: 'Use', replace: 'vews', by: 'views' })] } };
  assert.deepEqual(mistaken('%%swap\nSELECT vews', failure), { from: 14, to: 18 });
});

test('no line is drawn when the statement has changed, or no name is to be replaced', () => {
  const failure = { version: 1, id: null, statement: 'SELECT vews', error: { ...problem, suggestions: [offer({ label: 'Use', replace: 'vews', by: 'views' })] } };
  assert.equal(mistaken('%%swap\nSELECT 1, vews', failure), null);
  assert.equal(mistaken('%%swap\nSELECT vews', { ...failure, error: { ...problem, suggestions: [offer({ label: 'See', href: '/x' })] } }), null);
  assert.equal(mistaken('%%swap\nSELECT vews', { ...failure, error: problem }), null);
  assert.equal(mistaken('SELECT vewsx', { ...failure, statement: 'SELECT' }), null);
});

test('a button mends every place where the name is meant, and no text, note or other table\'s column', () => {
  const statement = "SELECT titel, a.titel, 'titel' -- titel\nFROM t /* titel */ WHERE titel > 1 AND \"titel\" = subtitel ORDER BY titel";
  const source = `%%swap\n${statement}`;
  const places = (line?: number, column?: number) => findAll(source, 'titel', statement, line, column).map(at => source.slice(at - 3, at + 5));
  assert.deepEqual(places(1, 8), ['CT titel', 'RE titel', 'BY titel']);
  assert.deepEqual(places(1, 17), [' a.titel']);
});

test('outside the statement nothing is mended, and what is gone is not found', () => {
  const source = 'titel = 1; swap.sql("SELECT titel FROM t WHERE titel > 1"); print(titel)';
  assert.deepEqual(findAll(source, 'titel', 'SELECT titel FROM t WHERE titel > 1'), [28, 47]);
  assert.deepEqual(findAll('swap.sql(f"SELECT {x}, titel, titel")', 'titel', 'SELECT 1, titel, titel'), [23]);
  assert.deepEqual(findAll('SELECT title', 'titel', 'SELECT titel'), []);
});

test('what was changed is said', () => {
  assert.equal(changed('titel', 'title', 1), 'Changed titel to title. Run the cell again.');
  assert.equal(changed('titel', 'title', 3), 'Changed titel to title in 3 places. Run the cell again.');
});
