/** What the browser and the kernel each compute must agree: tests/unit/client/test_twins.py runs the same cases. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { place } from '../src/place';

interface Cases {
  sql_at: [marked: string, found: [sql: string, offset: number] | null][];
}
const cases: Cases = JSON.parse(readFileSync('../tests/unit/client/twins.json', 'utf8'));

test('SQL stands where the kernel finds it', () => {
  assert.ok(cases.sql_at.length > 0);
  for (const [marked, found] of cases.sql_at) {
    const at = place(marked.replace('|', ''), Array.from(marked).indexOf('|'));
    assert.deepEqual(at && [at.sql, at.offset], found, marked);
  }
});
