import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftBehind } from '../src/behind';

test('a cell that failed far above the view is shown, and not while somebody types', () => {
  assert.deepEqual([leftBehind(0, 59, 'command'), leftBehind(0, 59, 'edit'), leftBehind(-1, 59, 'command')], [true, false, false]);
});

test('a cell run by itself, or one that was not run after the failure, moves nothing', () => {
  assert.deepEqual([leftBehind(3, 4, 'command'), leftBehind(3, 3, 'command'), leftBehind(30, 3, 'command')], [false, false, false]);
});
