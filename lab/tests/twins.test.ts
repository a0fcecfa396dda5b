/** What the browser and the kernel each compute must agree: tests/unit/client/test_twins.py runs the same cases. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { grouped } from '../src/format';
import { sql } from '../src/language';
import { place } from '../src/place';
import { left } from '../src/timeline';

interface Cases {
  sql_at: [marked: string, found: [sql: string, offset: number] | null][];
  not_code: [statement: string, pieces: [kind: string, text: string][]][];
  grouped: [text: string, shown: string][];
  left: [seconds: number, shown: string][];
}
const cases: Cases = JSON.parse(readFileSync('../tests/unit/client/twins.json', 'utf8'));

test('SQL stands where the kernel finds it', () => {
  assert.ok(cases.sql_at.length > 0);
  for (const [marked, found] of cases.sql_at) {
    const at = place(marked.replace('|', ''), Array.from(marked).indexOf('|'));
    assert.deepEqual(at && [at.sql, at.offset], found, marked);
  }
});

const KINDS: Record<string, string> = { LineComment: 'comment', BlockComment: 'comment', String: 'text', QuotedIdentifier: 'quoted' };

/** Return comments, texts and quoted names.  A doubled quote ends nothing, so pieces that touch are one. */
function notCode(statement: string): [string, string][] {
  const found: [kind: string, text: string][] = [];
  let end = -1;
  sql.parser.parse(statement).iterate({
    enter: node => {
      const kind = KINDS[node.name];
      const last = found.at(-1);
      if (!kind) {
        return;
      }
      if (node.from === end && last?.[0] === kind && kind !== 'comment') {
        last[1] += statement.slice(node.from, node.to);
      } else {
        found.push([kind, statement.slice(node.from, node.to)]);
      }
      end = node.to;
    }
  });
  return found;
}

test('strings, quoted names and comments end where the kernel ends them', () => {
  assert.ok(cases.not_code.length > 0);
  for (const [statement, pieces] of cases.not_code) {
    assert.deepEqual(notCode(statement), pieces, statement);
  }
});

test('numbers are grouped as the kernel groups them', () => {
  assert.ok(cases.grouped.length > 0);
  for (const [text, shown] of cases.grouped) {
    assert.equal(grouped(text), shown);
  }
});

test('what is left is told in the words of the kernel', () => {
  assert.ok(cases.left.length > 0);
  for (const [seconds, shown] of cases.left) {
    assert.equal(left({ stages: [], expected_end: 100 + seconds }, 100), shown, String(seconds));
  }
});
