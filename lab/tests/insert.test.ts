import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertion } from '../src/data/insert';

const table = { written: 'lake.wmf.views', kind: 'table' } as const;
const column = { written: 'page_title', kind: 'column' } as const;

test('a table in an empty cell becomes a statement that runs', () => {
  assert.equal(insertion(table, ' \n', ''), '%%swap\nSELECT *\nFROM lake.wmf.views\nLIMIT 10');
});

test('a name goes where the cursor is', () => {
  assert.equal(insertion(table, '%%swap\nSELECT * FROM ', '%%swap\nSELECT * FROM '), 'lake.wmf.views');
  assert.equal(insertion(column, 'x', ''), 'page_title');
  assert.equal(insertion(column, 'swap.sql("v.', 'swap.sql("v.'), 'page_title');
});

test('columns one after the other are parted by commas', () => {
  assert.equal(insertion(column, 'SELECT a', 'SELECT a'), ', page_title');
  assert.equal(insertion(column, 'SELECT "A b"', 'SELECT "A b"'), ', page_title');
  assert.equal(insertion(column, 'SELECT count(*)', 'SELECT count(*)'), ', page_title');
});

test('a name behind a word of SQL needs no comma, but a space', () => {
  assert.equal(insertion(column, 'SELECT', 'SELECT'), ' page_title');
  assert.equal(insertion(column, 'a group by', 'a group by'), ' page_title');
  assert.equal(insertion(table, 'SELECT * FROM', 'SELECT * FROM'), ' lake.wmf.views');
});

test('in a notebook of R a table becomes a call of R', () => {
  assert.equal(insertion(table, '', '', 'R'), "swap_sql('\nSELECT *\nFROM lake.wmf.views\nLIMIT 10\n')");
  const odd = { written: `lake.wmf."it's \\ a"`, kind: 'table' } as const;
  assert.equal(insertion(odd, '', '', 'R'), `swap_sql('\nSELECT *\nFROM lake.wmf."it\\'s \\\\ a"\nLIMIT 10\n')`);
});
