import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stage } from '../src/api';
import { axisEnd, detail, left, look, meanwhile, passed, position, rest, runs, ticks, took, whereCancelStops, words } from '../src/timeline';

function stage(given: Partial<Stage>): Stage {
  return { key: 'run:lake', label: 'lake', detail: '', state: 'active', start: 1, end: null, expected: null, ...given };
}
const done = stage({ state: 'done', start: 1, end: 3 });
const todo = stage({ state: 'todo', start: null });

test('a stage has passed from its start to its end, and one that goes on to now', () => {
  assert.deepEqual([passed(done, 9), passed(stage({}), 9), passed(stage({ end: 4 }), 9)], [{ start: 1, end: 3 }, { start: 1, end: 9 }, { start: 1, end: 9 }]);
});

test('a stage that has not begun has no bar and no time', () => {
  assert.deepEqual([passed(todo, 9), took(todo, 9), passed(stage({ state: 'todo', start: 4 }), 9)], [null, '', null]);
});

test('a stage that began with the run has begun', () => {
  assert.deepEqual([passed(stage({ start: 0 }), 2), took(stage({ start: 0 }), 2)], [{ start: 0, end: 2 }, '2.0 s']);
});

test('a stage took the time between its start and its end, never less than nothing', () => {
  assert.deepEqual([took(done, 9), took(stage({ start: 2 }), 9), took(stage({ start: 2 }), 1.5)], ['2.0 s', '7.0 s', '0.00 s']);
});

test('the rest of what goes on is from now to its expected end', () => {
  assert.deepEqual(rest(stage({ expected: { start: 1, end: 8 } }), 3), { start: 3, end: 8 });
});

test('what is over its time promises nothing, and neither does what nobody knows', () => {
  assert.deepEqual([rest(stage({ expected: { start: 1, end: 8 } }), 8), rest(stage({ expected: null }), 3), rest(stage({}), 3)], [null, null, null]);
});

test('what is done has no rest, whatever was expected', () => {
  assert.equal(rest(stage({ state: 'done', end: 3, expected: { start: 1, end: 8 } }), 3), null);
});

test('what begins late keeps its length and is moved along', () => {
  const later = stage({ state: 'todo', start: null, expected: { start: 4, end: 6 } });
  assert.deepEqual([rest(later, 3), rest(later, 9)], [{ start: 4, end: 6 }, { start: 9, end: 11 }]);
});

test('an axis holds what has passed, what is done and what is expected', () => {
  assert.equal(axisEnd([], 0), 1);
  assert.equal(axisEnd([done], 4.5), 5);
  assert.equal(axisEnd([stage({ state: 'done', end: 18 })], 4.5), 20);
  assert.equal(axisEnd([stage({ expected: { start: 1, end: 55 } }), stage({ expected: { start: 1, end: 9 } })], 4.5), 60);
  assert.equal(axisEnd([stage({ state: 'todo', start: null, expected: { start: 1, end: 9 } })], 12), 20);
});

test('the marks of an axis are fifths without idle digits, the unit at the last', () => {
  assert.deepEqual(ticks(1), ['0', '0.2', '0.4', '0.6', '0.8', '1 s']);
  assert.deepEqual(ticks(60), ['0', '12', '24', '36', '48', '60 s']);
});

test('a span lies on the axis where its seconds are', () => {
  assert.equal(position({ start: 1, end: 3 }, 20), 'left:5.00%;width:10.00%');
});

test('a moment can still be seen, and what goes over the end stops there', () => {
  assert.equal(position({ start: 2, end: 2 }, 20), 'left:10.00%;width:0.50%');
  assert.equal(position({ start: 20, end: 20 }, 20), 'left:100.00%;width:0.00%');
  assert.equal(position({ start: 10, end: 90 }, 20), 'left:50.00%;width:50.00%');
});

test('waiting looks like waiting also while it goes on', () => {
  const looks = [stage({ key: 'wait' }), stage({ key: 'wait:lake', state: 'done' }), stage({}), done].map(look);
  assert.deepEqual(looks, ['wt', 'wt', 'go', '']);
});

test('what is here already stands apart from what is expected, while the stage goes on', () => {
  const text = '3,000 of about 9,000 rows';
  assert.deepEqual(detail(stage({ detail: text })), ['3,000', ' of about 9,000 rows']);
  assert.deepEqual(detail(stage({ detail: text, state: 'done' })), ['', text]);
  assert.deepEqual([detail(stage({ detail: '9 rows' })), detail(stage({ detail: undefined as never }))], [['', '9 rows'], ['', '']]);
});

test('words say what the dashed bar shows', () => {
  const span = { start: 3, end: 8 };
  assert.deepEqual([words(stage({}), span), words(todo, span)], ['expected: about 5 s more', 'expected']);
});

test('how long is left is told while it is known and more than a moment', () => {
  const run = { stages: [stage({ expected: { start: 1, end: 8 } })], expected_end: 10 };
  assert.deepEqual([left(run, 4), left(run, 7.4), left({ ...run, stages: [] }, 9.5), left({ ...run, stages: [] }, 9.6)], [
    'about 6 s left', 'about 3 s left', 'about 1 s left', ''
  ]);
});

test('nothing is left to tell when nobody knows, and when a stage is over its time', () => {
  const late = stage({ expected: { start: 1, end: 3 } });
  assert.deepEqual([left({ stages: [], expected_end: null }, 4), left({ stages: [late], expected_end: 10 }, 4)], ['', '']);
  assert.equal(left({ stages: [{ ...late, state: 'done', end: 3 }], expected_end: 10 }, 4), 'about 6 s left');
});

test('a run goes on while it waits or runs', () => {
  const states = ['waiting', 'running', 'done', 'failed', 'cancelled', undefined] as const;
  assert.deepEqual(states.filter(runs), ['waiting', 'running']);
});

test('a saved run tells what became of it, and nothing when nobody knows', () => {
  assert.deepEqual([meanwhile('done'), meanwhile('failed'), meanwhile('cancelled'), meanwhile(undefined)], [
    'it finished meanwhile', 'it failed meanwhile', 'it was cancelled meanwhile', ''
  ]);
});

test('Cancel names each source that reads once, and no other stage', () => {
  const keys = ['accept', 'wait:lake', 'run:lake', 'run:mediawiki', 'run:lake', 'combine'];
  assert.equal(whereCancelStops(keys.map(key => stage({ key }))), 'Cancel stops it in lake and mediawiki, not only here.');
  assert.equal(whereCancelStops([stage({ key: 'combine' })]), '');
});
