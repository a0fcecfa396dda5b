import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axis, bytes, count, grouped, plural, roughly, seconds } from '../src/format';

test('digits are grouped by thousands, and only those before the point', () => {
  assert.deepEqual(['0', '999', '1000', '1204118', '-1204118.5', '1234.56789'].map(grouped), [
    '0', '999', '1,000', '1,204,118', '-1,204,118.5', '1,234.56789'
  ]);
});

test('text that is not a plain number stays as it is', () => {
  const texts = ['', 'NaN', '1e20', '12:30:00', '2026-11-22', '1234 ', '+1000', '1000.', '.5', '--1000'];
  assert.deepEqual(texts.map(grouped), texts);
});

test('a count is whole and grouped', () => {
  assert.deepEqual([0, 1, 999.6, 310482].map(count), ['0', '1', '1,000', '310,482']);
});

test('a noun is plural unless there is one', () => {
  assert.deepEqual([plural(0, 'row'), plural(1, 'row'), plural(1200, 'row'), plural(2, 'entry', 'entries')], [
    '0 rows', '1 row', '1,200 rows', '2 entries'
  ]);
});

test('a duration has hundredths when it is short and minutes when it is long', () => {
  assert.deepEqual([0, 0.034, 0.099, 0.1, 5.06, 119.9, 120, 125.4, 3600].map(seconds), [
    '0.00 s', '0.03 s', '0.10 s', '0.1 s', '5.1 s', '119.9 s', '2 min 0 s', '2 min 5 s', '60 min 0 s'
  ]);
});

test('minutes and seconds are rounded together', () => {
  assert.equal(seconds(179.7), '3 min 0 s');
});

test('a guess is told in whole seconds up to 90, then in minutes, and is never nothing', () => {
  assert.deepEqual([0, 0.4, 6.2, 89.4, 90, 200].map(roughly), [
    'about 1 s', 'about 1 s', 'about 6 s', 'about 89 s', 'about 2 min', 'about 3 min'
  ]);
});

test('a size has a decimal unit and at least two digits that count', () => {
  assert.deepEqual([0, 512, 999, 1000, 9700, 9949, 9960, 14_200_000, 9_700_000_000, 1e12, 2e15].map(bytes), [
    '0 B', '512 B', '999 B', '1.0 kB', '9.7 kB', '9.9 kB', '10 kB', '14 MB', '9.7 GB', '1.0 TB', '2.0 PB'
  ]);
});

test('a size never reads 1000 of a unit, and the largest unit goes on', () => {
  assert.deepEqual([999_499, 999_500, 999_999_999, 5e18].map(bytes), ['999 kB', '1.0 MB', '1.0 GB', '5000 PB']);
});

test('an axis of five round steps holds what it is for', () => {
  assert.deepEqual([0, 1, 1.01, 5, 5.01, 60, 61, 18000].map(axis), [1, 1, 2, 5, 10, 60, 100, 18000]);
});

test('an axis grows by whole hours a step when a query goes on for many', () => {
  assert.deepEqual([18001, 36000, 36001].map(axis), [36000, 36000, 54000]);
});

test('every axis is long enough, and at most three times as long as needed', () => {
  for (let elapsed = 0.5; elapsed < 100_000; elapsed *= 1.07) {
    assert.ok(axis(elapsed) >= elapsed && axis(elapsed) <= Math.max(1, 3 * elapsed), `${elapsed}: ${axis(elapsed)}`);
  }
});
