import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standing, startAddress } from '../src/standing';

test('a server that was stopped, one that died, an end of access and a lost network are told apart', () => {
  assert.deepEqual([200, 401, 403, 404, 502, 504, 500, 503, null].map(standing), [
    'live', 'ended', 'ended', 'stopped', 'stopped', 'stopped', 'unknown', 'unknown', 'unknown'
  ]);
});

test('starting again leads back to the notebook, and to nothing else', () => {
  assert.equal(startAddress('http://localhost:8000/', 'a b/c&d.ipynb'), 'http://localhost:8000/server?next=a+b%2Fc%26d.ipynb');
  assert.equal(startAddress('http://localhost:8000/x', 'notes.txt'), 'http://localhost:8000/server');
});
