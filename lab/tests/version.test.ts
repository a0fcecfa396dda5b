import assert from 'node:assert/strict';
import test from 'node:test';
import { explained, said } from '../src/version';

test('a save says its version, or that it is on this machine only and why', () => {
  assert.equal(said({ version: 12, why: null }), 'Saved, version 12');
  assert.equal(said({ version: null, why: 'SWAP does not answer.' }), 'Saved on this machine only');
  assert.equal(explained({ version: null, why: 'SWAP does not answer.' }), 'SWAP does not answer. You may go on.');
});

test('before the first save nothing is said', () => {
  assert.equal(said({ version: null, why: null }), '');
});
