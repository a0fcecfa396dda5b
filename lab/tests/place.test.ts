import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIALECTS, dialectOf, inCell, inSql, MAGIC, magicLength, option, place, sqlOfString } from '../src/place';

/** Return the place at the mark, which counts in code points. */
function at(marked: string) {
  return place(marked.replace('|', ''), Array.from(marked).indexOf('|'));
}

test('only a cell that begins with the whole word is SQL', () => {
  const magics = ['%%swap', '%%swap pages', '%%swap\nSELECT 1', '\n \n  %%swap\t', '%%swap\u00a0x', '# a\n%%swap', '\n # a %%x\n\n  %%swap x\nSELECT'];
  const others = ['', '%%swapper', '%%swap.x', '%%swa', '%swap', 'x\n%%swap', '# %%swap', '# a\nx\n%%swap', '%%SWAP'];
  assert.deepEqual([magics.filter(text => !MAGIC.test(text)), others.filter(text => MAGIC.test(text))], [[], []]);
});

test('the magic is its line with the blank lines above', () => {
  assert.deepEqual(['%%swap\nx', '\n\n%%swap a\nx', '%%swap\n', '%%swap', '', '\n \n', '# a\n%%swap\nx'].map(magicLength), [7, 11, 7, 6, 0, 1, 11]);
});

test('a place counts from the start of its statement and knows where that is in the cell', () => {
  assert.deepEqual(at('\n%%swap pages\nSELECT |1'), { sql: 'SELECT 1', offset: 7, base: 14 });
  assert.deepEqual(at('x = swap.sql("SELECT |1")'), { sql: 'SELECT 1', offset: 7, base: 14 });
});

test('offsets count code points, not the units of an editor', () => {
  assert.deepEqual(at('%%swap 😀\nSELECT "😀", |'), { sql: 'SELECT "😀", ', offset: 12, base: 9 });
  assert.deepEqual(at('"😀"; swap.sql("😀|")'), { sql: '😀', offset: 1, base: 15 });
});

test('the call may be spread and its argument named', () => {
  for (const call of ['swap . sql (\n', 'swap.sql(sql=', 'swap.sql( sql = ', 'await swap.sql(', 'x <- swap_sql(', 'swap_sql(\n  sql = ']) {
    assert.equal(at(`${call}"SELECT |"`)?.sql, 'SELECT ', call);
  }
});

test('a statement ends where its own kind of quote does', () => {
  assert.equal(at(`swap.sql('''a 'b' "c" |d''', x='''y''')`)?.sql, `a 'b' "c" d`);
  assert.equal(at(`swap.sql("a 'b' |c", x='d')`)?.sql, `a 'b' c`);
});

test('an editor that counts units of UTF-16 is asked about the right place', () => {
  const text = '"😀😀"; swap.sql("a"); b';
  const inside = text.indexOf('"a"') + 1;
  assert.deepEqual([inSql(text, inside), inSql(text, inside + 1), inSql(text, inside + 2), inSql(text, 2)], [true, true, false, false]);
});

test('a reply is moved to where the statement is in the cell', () => {
  const items = [
    { label: 'country', insert: '"country"', type: 'text', documentation: 'Where from' },
    { label: 'day', insert: 'day', type: 'date', documentation: null }
  ];
  assert.deepEqual(inCell({ start: 7, end: 9, items }, { sql: 'SELECT co', offset: 9, base: 100 }), {
    start: 107,
    end: 109,
    items: [
      { label: 'country', insertText: '"country"', type: 'text', documentation: 'Where from' },
      { label: 'day', insertText: 'day', type: 'date', documentation: undefined }
    ]
  });
});

test('the SQL of a string is what stands between its quotes', () => {
  const literals: [string, string, number][] = [
    ['"SELECT 1"', 'SELECT 1', 1],
    ["'a \"b\"'", 'a "b"', 1],
    ['"""a "b" c"""', 'a "b" c', 3],
    ["rf'''x'''", 'x', 5],
    ['u"x"', 'x', 2],
    ['""', '', 1],
    ['""""""', '', 3],
    ['"unclosed', 'unclosed', 1],
    ["f'''unclosed ' '", "unclosed ' '", 4]
  ];
  for (const [literal, sql, from] of literals) {
    assert.deepEqual(sqlOfString('swap.sql(', literal), { sql, from }, literal);
    assert.equal(literal.slice(from, from + sql.length), sql);
  }
});

test('only the first argument of swap.sql is SQL', () => {
  for (const before of ['swap.sql(', 'x = swap . sql (\n  ', 'swap.sql(sql=', 'swap.sql( sql = ']) {
    assert.ok(sqlOfString(before, '"x"'), before);
  }
  for (const before of ['', 'print(', 'swap.sql', 'swap.sql(a, ', 'swap.sql(name=', 'swap.tables(', 'swap.sql("a" + ']) {
    assert.equal(sqlOfString(before, '"x"'), null, before);
  }
});

test('the dialect is the one that the first line names', () => {
  const texts = ['%%swap --dialect mysql x\nSELECT', '\n%%swap --dialect=hive\nSELECT', '%%swap x\n--dialect hive\n', 'x = 1'];
  assert.deepEqual(texts.map(dialectOf), ['mysql', 'hive', '', '']);
});

test('an option is offered in the first line of a cell alone', () => {
  const offered = (marked: string) => {
    const found = option(marked.replace('|', ''), Array.from(marked).indexOf('|'));
    return found && [found.start, found.items.map(item => item.label)];
  };
  assert.deepEqual(offered('%%swap -|\nSELECT 1'), [7, ['--dialect']]);
  assert.deepEqual(offered('%%swap --dialect |'), [17, DIALECTS]);
  assert.deepEqual(offered('# 😀\n%%swap --dialect=my|\n'), [21, ['mysql']]);
  assert.deepEqual(['%%swap pages|', '%%swap\nSELECT -|', 'x -|', '%%swap --other|'].map(offered), [null, null, null, [7, []]]);
});
