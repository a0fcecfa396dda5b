import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standing, startAddress, stopWords } from '../src/standing';

test('a server that was stopped, one that died, an end of access and a lost network are told apart', () => {
  assert.deepEqual([200, 401, 403, 404, 502, 504, 500, 503, null].map(standing), [
    'live', 'ended', 'ended', 'stopped', 'stopped', 'stopped', 'unknown', 'unknown', 'lost'
  ]);
});

test('a stop is told with its time, and with its day when that is not today', () => {
  const now = new Date(2026, 10, 27, 18, 0);
  const time = (at: Date) => at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const today = new Date(2026, 10, 27, 23, 30), tomorrow = new Date(2026, 10, 28, 2, 5);
  assert.ok(stopWords(today, now).startsWith(`Your server stops at ${time(today)}. `));
  assert.ok(stopWords(tomorrow, now).startsWith(`Your server stops at ${tomorrow.toLocaleDateString([], { weekday: 'long' })}, ${time(tomorrow)}. `));
});

test('starting again leads back to the notebook, and to nothing else', () => {
  assert.equal(startAddress('http://localhost:8000/', 'a b/c&d.ipynb'), 'http://localhost:8000/server?next=a+b%2Fc%26d.ipynb');
  assert.equal(startAddress('http://localhost:8000/x', 'notes.txt'), 'http://localhost:8000/server');
});
