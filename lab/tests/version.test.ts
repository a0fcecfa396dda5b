import assert from 'node:assert/strict';
import test from 'node:test';
import { explained, said } from '../src/version';

test('a save says its version, or that it is on this machine only and why', () => {
  assert.equal(said({ version: 12, why: null, warning: '' }), 'Saved, version 12');
  assert.equal(said({ version: null, why: 'SWAP does not answer.', warning: '' }), 'Saved on this machine only');
  assert.equal(explained({ version: null, why: 'SWAP does not answer.', warning: '' }), 'SWAP does not answer. You may go on.');
});

test('before the first save nothing is said', () => {
  assert.equal(said({ version: null, why: null, warning: '' }), '');
});

test('where little room is left that is said, and what to do at length', () => {
  const saved = { version: 12, why: null, warning: 'There is room for 1 MB more.' };
  assert.equal(said(saved), 'Saved, version 12; little room left');
  assert.equal(explained(saved), 'There is room for 1 MB more.');
});
