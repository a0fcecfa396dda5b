import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Column } from '../../src/api';
import { asked, FIRST, chartLine, label, nextOrder, pages, range, shown } from '../../src/render/page';

const country: Column = { name: 'country', type: 'text', align: 'left', group: false };
const year: Column = { name: 'year', type: 'int', align: 'right', group: false };
const views: Column = { name: 'views', type: 'bigint', align: 'right', group: true };

test('rows count from one, and thousands are told apart', () => {
  assert.deepEqual([range(0, 10, 12345), range(1230, 10, 12345), range(0, 3, 3), range(0, 0, 0)], [
    '1–10 of 12,345', '1,231–1,240 of 12,345', '1–3 of 3', 'No rows'
  ]);
});

test('a filter says how many rows match, of how many', () => {
  assert.deepEqual([range(0, 10, 52, 310482), range(0, 0, 0, 310482), range(0, 10, 52, 52)], [
    '1–10 of 52 that match, of 310,482', 'None of 310,482 rows matches', '1–10 of 52'
  ]);
});

test('the server is asked for what was chosen, and for no column without a text', () => {
  const order = { column: 'views', descending: true };
  assert.deepEqual(asked({ offset: 20, size: 25, order, filter: { contains: 'a', column: 'page' } }), {
    offset: '20', limit: '25', sort: 'views', descending: 'true', contains: 'a', column: 'page'
  });
  assert.deepEqual(asked({ ...FIRST, filter: { contains: '', column: 'page' } }), { offset: '0', limit: '10' });
  assert.deepEqual(asked({ ...FIRST, filter: { contains: 'a', column: '' } }), { offset: '0', limit: '10', contains: 'a' });
});

test('a page may be larger', () => {
  assert.deepEqual(pages(50, 120, 50), { first: 0, previous: 0, next: 100, last: 100 });
});

test('a table is called by its name and its rows', () => {
  assert.deepEqual([label('pages', 10, 10, 25), label(null, 0, 1, 1), label('pages', 0, 0, 0)], [
    'Result pages, rows 11 to 20', 'Result , rows 1 to 1', 'Result pages, no rows'
  ]);
});

test('on the first page only the next and the last are left', () => {
  assert.deepEqual(pages(0, 25, 10), { first: null, previous: null, next: 10, last: 20 });
});

test('on the last page only the first and the previous are left', () => {
  assert.deepEqual(pages(20, 25, 10), { first: 0, previous: 10, next: null, last: null });
});

test('between them all four are left, and none leads before the first row', () => {
  assert.deepEqual(pages(10, 25, 10), { first: 0, previous: 0, next: 20, last: 20 });
  assert.deepEqual(pages(5, 25, 10), { first: 0, previous: 0, next: 15, last: 20 });
});

test('the last page has rows when they fill their pages', () => {
  assert.deepEqual([pages(0, 20, 10).last, pages(0, 21, 10).last, pages(10, 20, 10).next], [10, 20, null]);
});

test('one page leads nowhere, and neither does none', () => {
  const nowhere = { first: null, previous: null, next: null, last: null };
  assert.deepEqual([pages(0, 10, 10), pages(0, 0, 10)], [nowhere, nowhere]);
});

test('pressing a column sorts up, then down, then not at all', () => {
  const up = nextOrder(null, 'views');
  const down = nextOrder(up, 'views');
  assert.deepEqual([up, down, nextOrder(down, 'views')], [
    { column: 'views', descending: false }, { column: 'views', descending: true }, null
  ]);
});

test('pressing another column begins anew', () => {
  assert.deepEqual(nextOrder({ column: 'views', descending: true }, 'country'), { column: 'country', descending: false });
});

test('only numbers that are counted are grouped', () => {
  assert.deepEqual([shown('1204118', views).text, shown('2026', year).text, shown('1204118', undefined).text], ['1,204,118', '2026', '1204118']);
});

test('long text is cut, and what may not fit is whole in the hover', () => {
  assert.deepEqual(shown('x'.repeat(60), country), { text: 'x'.repeat(60), title: '' });
  assert.deepEqual(shown('x'.repeat(300), country), { text: 'x'.repeat(300), title: 'x'.repeat(300) });
  assert.deepEqual(shown('x'.repeat(3000), country), { text: `${'x'.repeat(300)}…`, title: 'x'.repeat(2000) });
});

test('an empty text is shown as empty', () => {
  assert.deepEqual(shown('', country), { text: '', title: '' });
});

const bars = { kind: 'bar', x: 'views', y: 'country' };

test('the button writes the chart that the kernel chose', () => {
  assert.equal(chartLine('pages', bars), 'pages.chart("bar", x="views", y="country")');
  assert.equal(chartLine('_5', { kind: 'line', x: 'day', y: 'views' }), '_5.chart("line", x="day", y="views")');
});

test('the kernel chooses for what an older version saved', () => {
  assert.equal(chartLine('pages', undefined), 'pages.chart()');
});

test('a result that no variable holds, or for which no chart was found, has no button', () => {
  assert.deepEqual([chartLine(null, bars), chartLine(undefined, bars), chartLine('pages', null)], [null, null, null]);
});

test('a strange name of a column stays one string of Python', () => {
  assert.equal(chartLine('pages', { ...bars, x: 'a"b\\c\n!d' }), 'pages.chart("bar", x="a\\"b\\\\c\\n!d", y="country")');
  assert.equal(chartLine('pages', { ...bars, kind: 'bar")\n!id' }), 'pages.chart("bar\\")\\n!id", x="views", y="country")');
});

test('a saved output that names more than a variable puts no code into a cell', () => {
  const names = ['__import__("os").system("id") or pages', 'pages; x', 'a.b', 'a\nb', 'pages\n', '!id', '%run x', '1st', 'a b', ' a', 'a#', ''];
  assert.deepEqual(names.map(name => chartLine(name, bars)).filter(Boolean), []);
});

test('any variable of Python has a chart', () => {
  for (const name of ['pages', '_', 'pages_2', 'größte', '日本', 'été']) {
    assert.ok(chartLine(name, bars)?.startsWith(`${name}.chart(`), name);
  }
});
